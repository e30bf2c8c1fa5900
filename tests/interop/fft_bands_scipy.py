#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random waveforms and policies, and what scipy.signal says of them; then the comparison with what fft-bands said.

fft_bands_scipy.py write SEED POLICY WAVES EXPECTED     fft_bands_scipy.py compare EXPECTED SPECTRA
"""
import json
import sys

import numpy as np
import scipy.signal

import frames_pb2 as v1

CONFIGURATIONS = 500
BOUND = {"double": 1e-10, "float": 1e-5}
WINDOWS = {"rectangular": "boxcar", "hann": "hann", "hamming": "hamming", "blackman": "blackman", "flattop": "flattop"}
G = 9.80665


def configuration(random, number):
    """A rule, its waveform's sampling and its precision."""
    length = int(random.choice([2 ** random.integers(4, 14), random.integers(16, 3000)]))
    rate = float(random.choice([1000, 8000, 25600, 51200, random.uniform(10, 1e5)]))
    joined = random.random() < 0.3
    if joined:  # whole nanoseconds a sample, so that the parts' times are exact
        rate = 1e9 / round(1e9 / rate)
    overlap = int(random.integers(0, max(1, int(length * 0.9)))) if random.random() < 0.5 else None
    rule = {"match": f"s/l/a/c{number}", "segment": length, "window_function": str(random.choice(list(WINDOWS))),
            "detrend": str(random.choice(["none", "constant", "linear"]))}
    rule |= {"overlap_samples": overlap} if overlap is not None else {"overlap": float(random.choice([0, 25, 50, 75]))}
    edges = np.sort(random.uniform(0, rate / 2, 2 * random.integers(1, 5)))
    step = rate / length
    half = lambda frequency: (frequency // step + 0.5) * step  # between two bins: no rounding decides who owns a bin
    rule["bands"] = {f"b{i}": [float(low), float(max(high, low + 1.5 * step))]
                     for i, (low, high) in enumerate(edges.reshape(-1, 2)) if max(high, low + 1.5 * step) < rate / 2}
    rule["bands"]["all"] = [0, rate / 2 + step]
    if random.random() < 0.3 and 4 * step < rate / 2:
        rule |= {"velocity": True, "velocity_low": 1.5 * step, "velocity_bands": {"v": [2.5 * step, half(0.45 * rate)]}}
    if random.random() < 0.3 and length >= 64:
        # Wide enough for the envelope to move.
        low = random.uniform(0.1, 0.3) * rate
        high = low + random.uniform(0.1, 0.2) * rate
        rule |= {"envelope": True, "envelope_low": float(low), "envelope_high": float(high + step * 0.9),
                 "envelope_bands": {"e": [0.5 * step, half(rate / 4)]}}
    precision = str(random.choice(["float", "double"]))
    if precision == "float" and random.random() < 0.2:
        rule["precision"] = "double"
    count = int(length * random.uniform(1, 6))
    if joined:
        rule["window"] = f"{count * round(1e9 / rate)}ns"
    return rule, rate, count, precision, joined


def signal(random, count, rate, precision):
    time = np.arange(count) / rate
    x = random.normal(0, 1, count) + random.uniform(-2, 2) + random.uniform(-1, 1) * np.linspace(0, 1, count)
    for _ in range(random.integers(0, 4)):
        x += random.uniform(0, 4) * np.sin(2 * np.pi * random.uniform(0, rate / 2) * time + random.uniform(0, 6))
    return x.astype(np.float32) if precision == "float" else x


def welch(x, rule, rate, **other):
    length = rule["segment"]
    overlap = rule.get("overlap_samples", int(length * rule.get("overlap", 0) // 100))
    detrend = False if rule["detrend"] == "none" else rule["detrend"]
    settings = {"fs": rate, "window": WINDOWS[rule["window_function"]], "nperseg": length, "noverlap": overlap,
                "detrend": detrend, "scaling": "density"} | other
    return scipy.signal.welch(x.astype(float), **settings)


def envelopes(x, rule, rate):
    """Spectrum of the envelope: that of each segment, averaged."""
    length = rule["segment"]
    overlap = rule.get("overlap_samples", int(length * rule.get("overlap", 0) // 100))
    total, segments = 0, 0
    for start in range(0, len(x) - length + 1, length - overlap):
        part = x[start:start + length].astype(float)
        if rule["detrend"] != "none":
            part = scipy.signal.detrend(part, type=rule["detrend"])
        bins = np.fft.rfft(part)
        at = np.fft.rfftfreq(length, 1 / rate)
        bins[(at < rule["envelope_low"]) | (at >= rule["envelope_high"])] = 0
        envelope = np.abs(scipy.signal.hilbert(np.fft.irfft(bins, length)))
        frequency, density = welch(envelope, rule, rate, noverlap=0, detrend="constant")
        total, segments = total + density, segments + 1
    return frequency, total / segments


def expectation(x, rule, rate):
    """What each quantity's row must say."""
    def row(frequency, density, bands, low=-1.0, factor=None, with_zero=False):
        density = density * (factor(frequency) if factor else 1)
        density = np.where(frequency >= low, density, 0)
        candidates = density if with_zero else density[1:]
        return {"bands": {name: float(density[(frequency >= max(edges[0], low)) & (frequency < edges[1])].sum() * step)
                          for name, edges in bands.items()},
                "total": float(density.sum() * step),
                "peak": float((frequency if with_zero else frequency[1:])[candidates.argmax()])}

    step = rate / rule["segment"]
    frequency, density = welch(x, rule, rate)
    rows = {"acceleration": row(frequency, density, rule["bands"], with_zero=rule["detrend"] == "none")}
    if rule.get("velocity"):
        with np.errstate(divide="ignore"):
            rows["velocity"] = row(frequency, density, rule["velocity_bands"], rule["velocity_low"],
                                   lambda f: np.where(f > 0, (1000 * G / (2 * np.pi * f)) ** 2, 0))
    if rule.get("envelope"):
        rows["envelope"] = row(*envelopes(x, rule, rate), rule["envelope_bands"])
    window = scipy.signal.get_window(WINDOWS[rule["window_function"]], rule["segment"])
    overlap = rule.get("overlap_samples", int(rule["segment"] * rule.get("overlap", 0) // 100))
    return {"rows": rows, "enbw": float(rate * (window ** 2).sum() / window.sum() ** 2),
            "segments": (len(x) - rule["segment"]) // (rule["segment"] - overlap) + 1}


def write(seed, policy_file, waves_file, expected_file):
    random = np.random.default_rng(int(seed))
    stream, rules, expected = v1.Stream(), [], {}
    stream.frame.add().open.schema = 1
    series = stream.frame.add().series
    series.site, series.line, series.asset, series.node = "s", "l", "a", "n"
    for number in range(CONFIGURATIONS):
        rule, rate, count, precision, joined = configuration(random, number)
        rules.append(rule)
        series.sensor.add(alias=number, name=f"c{number}", type=v1.VALUE_TYPE_WAVEFORM, declared_unit="g")
        x = signal(random, count, rate, precision)
        cuts = sorted(random.integers(0, count, 3)) if joined else []
        for start, end in zip([0, *cuts], [*cuts, count]):
            if start == end:
                continue
            waveform = stream.frame.add().waveform
            waveform.series, waveform.sample_period = number, 1 / rate
            waveform.time = int(start) * round(1e9 / rate)
            getattr(waveform, f"{precision}_sample").extend(x[start:end].tolist())
        bound = "double" if rule.get("precision") == "double" else precision
        expected[number] = expectation(x, rule, rate) | {"precision": bound, "rule": rule}
    json.dump({"name": "scipy", "version": "1", "owner": "tests", "fft-bands": rules}, open(policy_file, "w"))
    json.dump(expected, open(expected_file, "w"))
    open(waves_file, "wb").write(stream.SerializeToString())


def compare(expected_file, spectra_file):
    stream = v1.Stream()
    stream.ParseFromString(open(spectra_file, "rb").read())
    rows = {}
    for frame in stream.frame:
        spectra = frame.spectra
        for i, alias in enumerate(spectra.series):
            rows[alias, spectra.quantity] = {
                "bands": {band.name: band.energy[i] for band in spectra.band}, "total": spectra.total[i],
                "peak": spectra.peak_frequency[i], "enbw": spectra.enbw[i],
                "segments": spectra.segments[i], "cut": spectra.cut[i]}
    worst, wrong, count = {"double": 0.0, "float": 0.0}, [], 0
    for number, wanted in json.load(open(expected_file)).items():
        for quantity, row in wanted["rows"].items():
            count += 1
            got = rows.pop((int(number), quantity), None)
            if got is None or got["segments"] != wanted["segments"] or got["cut"] or got["bands"].keys() != row["bands"].keys():
                wrong.append(f"{number} {quantity}: {wanted} {got}")
                continue
            pairs = [(got["total"], row["total"]), (got["enbw"], wanted["enbw"])]
            pairs += [(got["bands"][name], energy) for name, energy in row["bands"].items()]
            error = max(abs(a - b) / b for a, b in pairs)
            worst[wanted["precision"]] = max(worst[wanted["precision"]], error)
            if error > BOUND[wanted["precision"]] or abs(got["peak"] - row["peak"]) > 1e-9 * row["peak"]:
                wrong.append(f"{number} {quantity}: off by {error:.2g}: {wanted} {got}")
    wrong += [f"{key}: a row too many" for key in rows]
    print(f"{count} spectra of {CONFIGURATIONS} configurations; greatest relative difference: "
          + ", ".join(f"{error:.1e} in {precision}" for precision, error in worst.items()))
    if wrong or count < CONFIGURATIONS:
        sys.exit("\n".join([f"{len(wrong)} differ from scipy:", *(line[:600] for line in wrong[:5])]))


{"write": write, "compare": compare}[sys.argv[1]](*sys.argv[2:])
