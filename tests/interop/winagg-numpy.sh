#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The statistics of winagg against their definitions in NumPy: 400 random configurations of window, slide, size, offset and
# distribution, readings and waveforms, equal within 1e-10.
# ctest: timeout=120
set -euo pipefail
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2>/dev/null; then python=$candidate && break; fi
done
[ -n "$python" ] || { echo "no python3 with numpy"; exit 77; }

cat >make.py <<'EOP'
import json, sys
import numpy
random = numpy.random.default_rng(20261123)
rules, frames, plain = [], [], []
for number in range(400):
    name = f"s{number}"
    slide = int(random.integers(1, 20))
    window = slide * int(random.integers(1, 6))
    rules.append({"match": f"p/l/a/{name}", "window": f"{window}s", "slide": f"{slide}s"})
    size = int(random.integers(1, 1500))
    scale, offset = 10.0 ** random.integers(-3, 4), random.choice([0.0, 1.0, -20.5, 1000.0])
    kind = random.choice(["normal", "uniform", "sine", "laplace", "constant"])
    values = {"normal": lambda: random.normal(size=size), "uniform": lambda: random.uniform(-1, 1, size),
              "sine": lambda: numpy.sin(numpy.arange(size) * random.uniform(0.01, 3)),
              "laplace": lambda: random.laplace(size=size), "constant": lambda: numpy.zeros(size)}[kind]() * scale + offset * scale
    if number % 4 == 0:  # a waveform, of floats
        values = values.astype(numpy.float32)
        period = float(random.choice([1 / 8000, 1 / 64, 0.05]))
        start = int(random.integers(0, 10**10))
        times = [start + round(i * (period * 1e9)) for i in range(size)]
        frames.append((start, {"frame": "waveform", "series": f"p/l/a/{name}", "time": start, "sample_period": period,
                               "float_sample": [float(v) for v in values]}))
    else:
        times = sorted(int(t) for t in random.choice(600_000, size, replace=False) * 10**6)
        frames += [(t, {"frame": "reading", "series": f"p/l/a/{name}", "time": t, "value": float(v)}) for t, v in zip(times, values)]
    plain.append({"name": name, "window": window, "slide": slide, "times": times, "values": [float(v) for v in values]})
json.dump({"name": "numpy", "version": "1", "owner": "tests", "winagg": rules}, open("policy.json", "w"))
json.dump(plain, open("plain.json", "w"))
with open("stream.json", "w") as stream:
    for _, frame in sorted(frames, key=lambda pair: pair[0]): print(json.dumps(frame), file=stream)
EOP
cat >compare.py <<'EOP'
import datetime, json, math, sys
import numpy
wanted = {}
for series in json.load(open("plain.json")):
    times, values = numpy.array(series["times"], dtype=numpy.int64), numpy.array(series["values"])
    slide, window = series["slide"] * 10**9, series["window"] * 10**9
    first, last = (int(times[0]) // slide) * slide - window + slide, (int(times[-1]) // slide) * slide
    for start in range(first, last + 1, slide):
        x = values[(times >= start) & (times < start + window)]
        if len(x): wanted[series["name"], start] = x
worst = {}
def check(what, where, got, want, size):
    if math.isnan(want) and got in (None, "NaN"): return
    off = abs(float(got) - want) / size
    worst[what] = max(worst.get(what, 0), off)
    assert off <= 1e-10, f"{what} of {where}: {got}, numpy has {want}"
rows = 0
def nanos(text):
    seconds, _, fraction = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(seconds + "+00:00")
    return int(at.timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)
def all_rows():
    for line in sys.stdin:
        frame = json.loads(line)
        if frame["frame"] != "aggregates": continue
        columns = {name: column for name, column in frame.items() if isinstance(column, list)}
        for i in range(len(frame["series"])): yield {name: column[i] for name, column in columns.items()}
for row in all_rows():
    where = row["series"].split("/")[-1], nanos(row["start"])
    x = wanted.pop(where)
    rows += 1
    assert int(row["count"]) == len(x), where
    assert row["min"] == x.min() and row["max"] == x.max() and row["first"] == x[0] and row["last"] == x[-1], where
    rms, peak, spread = math.sqrt(numpy.mean(x * x)), numpy.abs(x).max(), x.std()
    flat = x.min() == x.max()
    check("mean", where, row["mean"], x.mean(), rms or 1)
    check("rms", where, row["rms"], rms, rms or 1)
    check("peak", where, row["peak"], peak, peak or 1)
    check("crest", where, row["crest"], peak / rms if rms else math.nan, 1)
    check("std", where, row["std"], 0 if flat else spread, spread or 1)
    kurtosis = math.nan if flat else numpy.mean((x - x.mean()) ** 4) / spread**4
    check("kurtosis", where, row["kurtosis"], kurtosis, kurtosis if not flat else 1)
assert not wanted, f"{len(wanted)} windows have no row"
assert rows > 10000, f"only {rows} rows"
print(rows, "rows; greatest differences:", ", ".join(f"{k} {v:.1e}" for k, v in worst.items()))
EOP
"$python" make.py
fcat --from json --to frames stream.json >stream.frames
winagg --policy policy.json <stream.frames >rows.frames
fcat --only aggregates rows.frames >rows.json
"$python" compare.py <rows.json
