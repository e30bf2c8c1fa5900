#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""features_pandas.py make | compare: random readings and a policy for features; its rows against pandas' rolling windows."""
import json
import sys

import numpy
import pandas

STEP, ASSETS, LENGTH = 10, 6, 2400  # seconds
WINDOWS = {"short": 60, "middle": 300, "long": 900}
FUNCTIONS = ["mean", "min", "max", "std", "count", "first", "last", "slope"]


def series(asset, sensor):
    """Times in milliseconds, all different, and values."""
    random = numpy.random.default_rng([20261123, asset, ord(sensor)])
    size = int(random.integers(200, 4000))
    times = numpy.sort(random.choice(LENGTH * 1000, size, replace=False))
    offset, scale = random.choice([0.0, 20.0, -1e4, 1e6]), 10.0 ** random.integers(-2, 3)
    return times, offset + scale * numpy.cumsum(random.normal(size=size)) * 0.1


def make():
    rules = [{"match": "+/+/+/+", "step": f"{STEP}s"}]
    for name, window in WINDOWS.items():
        for function in FUNCTIONS:
            rules.append({"match": "+/+/+/x", "feature": f"{function}_{name}", "function": function, "window": f"{window}s"})
            if function in ("mean", "std", "slope"):
                rules.append({"match": "+/+/+/x", "feature": f"{function}_{name}_by_time", "function": function,
                              "window": f"{window}s", "weighting": "step"})
        rules.append({"match": "+/+/+/x", "feature": f"correlation_{name}", "function": "correlation", "with": "y",
                      "window": f"{window}s"})
    json.dump({"name": "pandas", "version": "1", "owner": "tests", "features": rules}, open("policy.json", "w"))
    readings = []
    for asset in range(ASSETS):
        for sensor in "xy":
            times, values = series(asset, sensor)
            readings += [(int(t) * 10**6, f"s/l/a{asset}/{sensor}", float(v)) for t, v in zip(times, values)]
    readings.sort()
    with open("stream.json", "w") as out:
        say = lambda **frame: print(json.dumps(frame), file=out)
        for asset in range(ASSETS):
            say(frame="series", site="s", line="l", asset=f"a{asset}", node="n",
                sensor=[{"alias": 2 * asset, "name": "x", "type": "double"}, {"alias": 2 * asset + 1, "name": "y", "type": "double"}])
        tick = STEP * 10**9
        for time, name, value in readings:
            while time >= tick:
                say(frame="watermark", node="n", time=tick, clock=tick + 10**9)
                tick += STEP * 10**9
            say(frame="reading", series=name, time=time, value=value)
        say(frame="watermark", node="n", time=LENGTH * 10**9, clock=(LENGTH + 1) * 10**9)


def slope(group_t, group_v, weights, length):
    """Least squares, an hour; `length`: of the pieces that t is the middle of."""
    total = weights.sum()
    t, v = group_t - (weights * group_t).sum() / total, group_v - (weights * group_v).sum() / total
    spread = (weights * (t * t + length * length / 12)).sum()
    return (weights * t * v).sum() / spread * 3600 if spread > 0 else numpy.nan


def wanted(asset):
    """Each column at each step, by pandas: a window [T - window, T) is one that is closed on its left."""
    times, values = series(asset, "x")
    x = pandas.Series(values, pandas.to_datetime(times, unit="ms"))
    y_times, y_values = series(asset, "y")
    y = pandas.Series(y_values, pandas.to_datetime(y_times, unit="ms"))
    steps = pandas.to_datetime(numpy.arange(STEP, LENGTH + 1, STEP), unit="s")
    # A row without a value at each step: pandas has windows at rows alone.
    with_steps = pandas.concat([x, pandas.Series(numpy.nan, steps[~steps.isin(x.index)])]).sort_index()
    columns = {}
    both = pandas.concat([x.rename("x"), y.rename("y")], axis=1, sort=True).ffill()
    for name, window in WINDOWS.items():
        rolling = with_steps.rolling(f"{window}s", closed="left", min_periods=1)
        # pandas' own sums lose digits: each window is taken by itself, as numpy has it.
        of = lambda function: rolling.apply(function, raw=True).reindex(steps)
        known = lambda a: a[~numpy.isnan(a)]
        columns[f"mean_{name}"] = of(lambda a: known(a).mean())
        columns[f"std_{name}"] = of(lambda a: known(a).std())
        columns[f"min_{name}"], columns[f"max_{name}"] = rolling.min().reindex(steps), rolling.max().reindex(steps)
        columns[f"count_{name}"] = rolling.count().reindex(steps)
        columns[f"first_{name}"] = of(lambda a: known(a)[0])
        columns[f"last_{name}"] = of(lambda a: known(a)[-1])
        more = {key: [] for key in ("slope", "mean_by_time", "std_by_time", "slope_by_time", "correlation")}
        for step in steps:
            begin = step - pandas.Timedelta(seconds=window)
            part = x[(x.index >= begin) & (x.index < step)]
            seconds = (part.index - begin).total_seconds().to_numpy()
            more["slope"].append(slope(seconds, part.to_numpy(), numpy.ones(len(part)), 0) if len(part) > 1 else numpy.nan)
            # Pieces between changes of either series, each with what held there.
            cut = both[(both.index > begin) & (both.index < step)].index
            starts = pandas.DatetimeIndex([begin]).append(cut)
            held = both.reindex(both.index.union(starts)).ffill().reindex(starts)
            length = numpy.diff(starts.append(pandas.DatetimeIndex([step]))).astype("timedelta64[ns]").astype(float) / 1e9
            middle = (starts - begin).total_seconds().to_numpy() + length / 2
            p, q = held["x"].to_numpy(), held["y"].to_numpy()
            have = ~numpy.isnan(p)
            w, v, t, long = length[have], p[have], middle[have], length[have]
            mean = (w * v).sum() / w.sum() if have.any() else numpy.nan
            more["mean_by_time"].append(mean)
            more["std_by_time"].append(numpy.sqrt((w * (v - mean) ** 2).sum() / w.sum()) if have.any() else numpy.nan)
            more["slope_by_time"].append(slope(t, v, w, long) if have.any() else numpy.nan)
            have &= ~numpy.isnan(q)
            w, p, q = length[have], p[have], q[have]
            if have.any():
                p, q = p - (w * p).sum() / w.sum(), q - (w * q).sum() / w.sum()
            spread = numpy.sqrt((w * p * p).sum() * (w * q * q).sum())
            more["correlation"].append((w * p * q).sum() / spread if spread > 0 else numpy.nan)
        for key, column in more.items():
            function, _, by_time = key.partition("_by_time")
            columns[f"{function}_{name}" + ("_by_time" if "by_time" in key else "")] = pandas.Series(column, steps)
    return pandas.DataFrame(columns), x


def compare():
    got = {}
    for line in open("rows.json"):
        frame = json.loads(line)
        for i, entity in enumerate(frame["entity"]):
            got[entity, pandas.Timestamp(frame["as_of"][i]).tz_localize(None)] = {c["name"]: float(c["value"][i]) for c in frame["column"]}
    worst, cells = {}, 0
    for asset in range(ASSETS):
        want, x = wanted(asset)
        for step, row in want.iterrows():
            if (f"s.l.a{asset}", step) not in got:
                assert x.index[0] >= step - pandas.Timedelta(seconds=STEP), f"no row of a{asset} at {step}"
                continue
            ours = got.pop((f"s.l.a{asset}", step))
            for name, value in row.items():
                window = WINDOWS[name.split("_")[1]]
                part = x[(x.index >= step - pandas.Timedelta(seconds=window)) & (x.index < step)]
                if numpy.isnan(value):
                    assert numpy.isnan(ours[name]) or name.startswith("count"), (asset, step, name, ours[name])
                    continue
                scale = {"s": part.std(ddof=0) * (1 if name.startswith("std") else 3600 / window), "c": 1}.get(name[0], part.abs().max())
                # What a constant comes to in pandas is rounding, here 0.
                rounding = 8e-16 * x.abs().max() * (3600 / window if name.startswith("slope") else 1)
                off = max(0, abs(ours[name] - value) - rounding) / max(abs(value), scale if scale == scale else 0, 1e-12)
                worst[name] = max(worst.get(name, 0), off)
                cells += 1
                assert off <= 1e-9, f"{name} of a{asset} at {step}: {ours[name]}, pandas has {value}"
    assert cells > 40000, cells
    print(cells, "values; greatest relative difference", f"{max(worst.values()):.1e} ({max(worst, key=worst.get)})")


make() if sys.argv[1] == "make" else compare()
