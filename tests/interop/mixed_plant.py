#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mixed_plant.py ASSETS READINGS STREAM PARQUET REGISTRY: a plant whose devices do not agree on units, as a stream of ours and,
the same readings in the order of their arrival, as a Parquet file for other people's engines.

Ten metrics an asset, READINGS each, a reading every 30 s. One per cent arrive up to ten minutes late. One in a thousand is
physically impossible. REGISTRY is a CSV file with the facts of all assets but each hundredth.
"""
import sys

import numpy
import pyarrow
import pyarrow.parquet

SECOND = 10**9
START = 1_767_225_600 * SECOND  # 2026-01-01
PERIOD = 30 * SECOND
FRAME = 512  # readings

# name, unit as declared, value in the canonical unit (°C, m/s², mm/s, bar) = (declared + shift) * factor, typical range
METRICS = [
    ("temp-bearing", "degC", 0.0, 1.0, (20, 90)), ("temp-motor", "Cel", 0.0, 1.0, (20, 90)),
    ("temp-oil", "degF", -32.0, 5 / 9, (20, 90)), ("temp-case", "K", -273.15, 1.0, (20, 90)),
    ("vibration-de", "m/s2", 0.0, 1.0, (0.5, 20)), ("vibration-nde", "g", 0.0, 9.80665, (0.5, 20)),
    ("velocity-de", "mm/s", 0.0, 1.0, (0.5, 10)), ("velocity-nde", "in/s", 0.0, 25.4, (0.5, 10)),
    ("pressure-in", "bar", 0.0, 1.0, (1, 10)), ("pressure-out", "psi", 0.0, 6894.757293168361 / 1e5, (1, 10)),
]
IMPOSSIBLE = {"temp": 600.0, "vibration": 1000.0, "velocity": 500.0, "pressure": 100.0}  # in canonical units


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(number << 3 | 2) + varint(len(data)) + data


def number_field(number, value):
    return varint(number << 3) + varint(value)


def time_field(number, value):
    return varint(number << 3 | 1) + int(value).to_bytes(8, "little", signed=True)


def frame(kind, payload):
    return field(1, field(kind, payload))


def readings(assets, count):
    """Columns in the order of arrival: series, time, declared value; and the time of arrival."""
    random = numpy.random.default_rng(20261123)
    series_count = assets * len(METRICS)
    series = numpy.tile(numpy.arange(series_count, dtype=numpy.uint32), count)
    metric = series % len(METRICS)
    phase = (numpy.arange(series_count) * 7_919 * 10**6) % PERIOD
    times = START + numpy.repeat(numpy.arange(count, dtype=numpy.int64) * PERIOD, series_count) + phase[series]
    low, high = (numpy.array([m[4][i] for m in METRICS], dtype=float)[metric] for i in (0, 1))
    values = random.uniform(low, high)
    impossible = random.random(len(series)) < 0.001
    values[impossible] = numpy.array([IMPOSSIBLE[m[0].split("-")[0]] for m in METRICS])[metric[impossible]]
    shift, factor = (numpy.array([m[i] for m in METRICS])[metric] for i in (2, 3))
    declared = numpy.round(values / factor - shift, 3)
    late = random.random(len(series)) < 0.01
    arrival = times + numpy.where(late, random.integers(0, 590 * SECOND, len(series)), 0)
    order = numpy.argsort(arrival, kind="stable")
    return series[order], times[order], declared[order], arrival[order]


def line_of(asset):
    return f"line-{asset % 10 + 1}"


def key_of(asset):
    return f"plant-1.{line_of(asset)}.pump-{asset:05}"


def write_stream(name, assets, series, times, values, arrival):
    frames = 0
    with open(name, "wb") as out:
        def put(kind, payload):
            nonlocal frames
            frames += 1
            out.write(frame(kind, payload))
        put(1, number_field(1, 1) + field(2, "mixed-plant 1") + number_field(3, 1))
        for asset in range(assets):
            sensors = b"".join(
                field(6, number_field(1, asset * len(METRICS) + i) + field(2, m[0]) + number_field(3, 1) + field(6, m[1]))
                for i, m in enumerate(METRICS))
            put(3, field(1, "plant-1") + field(2, line_of(asset)) + field(3, f"pump-{asset:05}") +
                field(4, f"plant-1/{line_of(asset)}") + sensors)
        # A frame ends where the minute does: a tick of every node stands there.
        minutes = (arrival - START) // (60 * SECOND)
        begin = 0
        while begin < len(series):
            minute_ends = int(numpy.searchsorted(minutes, minutes[begin], side="right"))
            end = min(begin + FRAME, minute_ends)
            put(4, field(1, series[begin:end].tobytes()) + field(2, times[begin:end].tobytes()) +
                field(3, values[begin:end].tobytes()))
            if end == minute_ends:
                tick = START + (int(minutes[begin]) + 1) * 60 * SECOND
                for line in range(min(10, assets)):
                    put(9, field(1, f"plant-1/{line_of(line)}") + time_field(3, tick) + time_field(4, tick))
            begin = end
        out.write(frame(2, number_field(1, frames - 1) + number_field(2, len(series)) + number_field(3, 1)))


def main():
    assets, count = int(sys.argv[1]), int(sys.argv[2])
    series, times, values, arrival = readings(assets, count)
    write_stream(sys.argv[3], assets, series, times, values, arrival)
    asset, metric = series // len(METRICS), series % len(METRICS)
    names = pyarrow.array([key_of(a) for a in range(assets)])
    table = pyarrow.table({
        "asset": pyarrow.DictionaryArray.from_arrays(pyarrow.array(asset.astype(numpy.int32)), names),
        "metric": pyarrow.DictionaryArray.from_arrays(pyarrow.array(metric.astype(numpy.int32)), [m[0] for m in METRICS]),
        "unit": pyarrow.DictionaryArray.from_arrays(pyarrow.array(metric.astype(numpy.int32)), [m[1] for m in METRICS]),
        "time": pyarrow.array(times), "value": values})
    pyarrow.parquet.write_table(table, sys.argv[4], compression="zstd")
    with open(sys.argv[5], "w") as registry:
        print("registry,plant-1,owner,reliability@example.com,as_of,2026-01-01,slo,90d", file=registry)
        print("asset,class,criticality,owner", file=registry)
        for a in range(assets):
            if a % 100 != 99:
                print(f"{key_of(a)},{'centrifugal' if a % 3 else 'piston'},{a % 4},team-{a % 7}", file=registry)


if __name__ == "__main__":
    main()
