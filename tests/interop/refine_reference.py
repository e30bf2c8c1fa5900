#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other people's engines make of mixed_plant.py's readings: canonical units, what is impossible, the last good value of
every sensor and its statistics in windows of five minutes.

    refine_reference.py compare duckdb|polars PARQUET TWINS.json REJECTS.jsonl AGGREGATES   equal, or exit 1 and where not
    refine_reference.py silver|fold duckdb|polars PARQUET REGISTRY OUTPUT                   one job, as a process to be timed
"""
import json
import sys

import numpy

from mixed_plant import METRICS

SECOND = 10**9
WINDOW = 300 * SECOND
RANGES = {"temp": (-40, 400), "vibration": (0, 500), "velocity": (0, 100), "pressure": (0, 40)}


def of_metric(column):
    """SQL: a value of METRICS or RANGES for the row's metric."""
    return "CASE metric " + " ".join(f"WHEN '{m[0]}' THEN {column(m)}" for m in METRICS) + " END"


CANONICAL = f"(value + {of_metric(lambda m: repr(m[2]))}) * {of_metric(lambda m: repr(m[3]))}"
LOW, HIGH = (of_metric(lambda m, i=i: float(RANGES[m[0].split("-")[0]][i])) for i in (0, 1))


class DuckDb:
    def __init__(self, parquet):
        import duckdb
        self.db = duckdb.connect()
        self.db.execute("SET threads=2")
        self.silver = f"(SELECT asset, metric, time, {CANONICAL} AS v, v BETWEEN {LOW} AND {HIGH} AS good FROM '{parquet}')"

    def rows(self, sql):
        return [numpy.asarray(column) for column in self.db.execute(sql).fetchnumpy().values()]

    def rejected(self):
        return self.rows(f"SELECT asset, metric, time, v FROM {self.silver} WHERE NOT good")

    def last(self):
        return self.rows(f"SELECT asset, metric, max(time), arg_max(v, time) FROM {self.silver} WHERE good GROUP BY 1, 2")

    def windows(self):
        return self.rows(f"SELECT asset, metric, time // {WINDOW} * {WINDOW}, count(*), min(v), max(v), avg(v), stddev_pop(v) "
                         f"FROM {self.silver} WHERE good GROUP BY 1, 2, 3")

    def write_silver(self, registry, output):
        joined = f"SELECT s.*, r.class, r.criticality, r.owner FROM {self.silver} s LEFT JOIN read_csv('{registry}', skip=1, header=true) r USING (asset)"
        self.db.execute(f"CREATE TEMP TABLE j AS {joined}")
        self.db.execute(f"COPY (SELECT * FROM j WHERE good) TO '{output}.silver.parquet'")
        self.db.execute(f"COPY (SELECT * FROM j WHERE NOT good) TO '{output}.rejects.parquet'")

    def write_fold(self, parquet, output):
        self.db.execute(f"COPY (SELECT asset, metric, max(time), arg_max(value, time) FROM '{parquet}' GROUP BY 1, 2) TO '{output}'")


class Polars:
    def __init__(self, parquet):
        import polars as pl
        self.pl = pl
        parameters = pl.LazyFrame({"metric": [m[0] for m in METRICS], "shift": [m[2] for m in METRICS], "factor": [m[3] for m in METRICS],
                                   "low": [float(RANGES[m[0].split("-")[0]][0]) for m in METRICS],
                                   "high": [float(RANGES[m[0].split("-")[0]][1]) for m in METRICS]})
        self.raw = pl.scan_parquet(parquet)
        self.silver = (self.raw.with_columns(pl.col("metric").cast(pl.String)).join(parameters, on="metric")
                       .with_columns(v=(pl.col("value") + pl.col("shift")) * pl.col("factor"))
                       .with_columns(good=pl.col("v").is_between(pl.col("low"), pl.col("high"))))

    def rows(self, lazy):
        return [column.cast(self.pl.String).to_numpy() if column.dtype == self.pl.Categorical else column.to_numpy()
                for column in lazy.collect().get_columns()]

    def rejected(self):
        return self.rows(self.silver.filter(~self.pl.col("good")).select("asset", "metric", "time", "v"))

    def last(self):
        pl = self.pl
        return self.rows(self.silver.filter(pl.col("good")).group_by("asset", "metric")
                         .agg(pl.col("time").max(), pl.col("v").sort_by("time").last().alias("v")))

    def windows(self):
        pl = self.pl
        v = pl.col("v")
        return self.rows(self.silver.filter(pl.col("good"))
                         .group_by("asset", "metric", (pl.col("time") // WINDOW * WINDOW).alias("start"))
                         .agg(pl.len(), v.min().alias("min"), v.max().alias("max"), v.mean().alias("mean"), v.std(ddof=0).alias("std")))

    def write_silver(self, registry, output):
        pl = self.pl
        joined = self.silver.with_columns(pl.col("asset").cast(pl.String)).join(pl.scan_csv(registry, skip_rows=1), on="asset", how="left").collect()
        joined.filter(pl.col("good")).write_parquet(output + ".silver.parquet")
        joined.filter(~pl.col("good")).write_parquet(output + ".rejects.parquet")

    def write_fold(self, _, output):
        pl = self.pl
        (self.raw.group_by("asset", "metric").agg(pl.col("time").max(), pl.col("value").sort_by("time").last())
         .collect().write_parquet(output))


ENGINES = {"duckdb": DuckDb, "polars": Polars}


# --- ours --------------------------------------------------------------------------------------------------------------------

def nanos(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    return int(numpy.datetime64(whole, "s").astype(int)) * SECOND + int(fraction.ljust(9, "0") or 0)


def our_last(snapshot):
    with open(snapshot) as file:
        twins = json.load(file)["twins"]
    rows = [(f"{t['site']}.{t['line']}.{t['asset']}", m["sensor"], nanos(m["time"]), m["value"]) for t in twins for m in t["metric"]
            if "value" in m]
    return [numpy.array(column) for column in zip(*rows)]


def our_rejected(lines):
    rows = []
    with open(lines) as file:
        for line in file:
            reject = json.loads(line)
            of, reading = reject["series"], reject["reading"]
            rows.append((f"{of['site']}.{of['line']}.{of['asset']}", of["sensor"][0]["name"], nanos(reading["time"][0]),
                         reading["double_value"][0]))
    return [numpy.array(column) for column in zip(*rows)]


def our_windows(lines):
    """The last row of each window: corrections replace what was sent before."""
    final = {}
    with open(lines) as file:
        for line in file:
            frame = json.loads(line)
            for i, series in enumerate(frame["series"]):
                assert not frame.get("delta", [False] * (i + 1))[i], "a delta row, and no reading is historical"
                final[series, frame["start"][i]] = [float(frame[name][i]) for name in ("count", "min", "max", "mean", "std")]
    starts = {text: nanos(text) for text in {start for _, start in final}}
    names = {series: (series.rsplit("/", 1)[0].replace("/", "."), series.rsplit("/", 1)[1]) for series, _ in final}
    rows = [(*names[series], starts[start], *numbers) for (series, start), numbers in final.items()]
    return [numpy.array(column) for column in zip(*rows)]


# --- equal? ------------------------------------------------------------------------------------------------------------------

def same(what, keys, ours, theirs):
    """Tables of `keys` key columns, then numbers: equal keys, numbers within 1e-9 of the column's size."""
    ours, theirs = ([c[numpy.lexsort([k.astype(str) for k in table[:keys]])] for c in table] for table in (ours, theirs))
    if len(ours[0]) != len(theirs[0]):
        sys.exit(f"{what}: {len(ours[0])} rows of ours, {len(theirs[0])} of theirs")
    for number, (a, b) in enumerate(zip(ours, theirs)):
        if number < keys:
            differ = a.astype(str) != b.astype(str)
        else:
            a, b = a.astype(float), b.astype(float)
            differ = numpy.abs(a - b) > 1e-9 * numpy.maximum(1, numpy.abs(b))
        if differ.any():
            at = int(numpy.argmax(differ))
            sys.exit(f"{what}: {int(differ.sum())} rows differ in column {number}, the first is {[c[at] for c in ours]}; "
                     f"theirs {[c[at] for c in theirs]}")
    if not len(ours[0]):
        sys.exit(f"{what}: no rows at all")
    print(f"{what}: {len(ours[0])} equal")


def main():
    job, engine, parquet = sys.argv[1:4]
    theirs = ENGINES[engine](parquet)
    if job == "silver":
        theirs.write_silver(*sys.argv[4:6])
    elif job == "fold":
        theirs.write_fold(parquet, sys.argv[5])
    elif job == "compare":
        twins, rejects, aggregates = sys.argv[4:7]
        same(f"{engine}, quarantined readings", 3, our_rejected(rejects), theirs.rejected())
        same(f"{engine}, last good values", 3, our_last(twins), theirs.last())
        same(f"{engine}, windows of five minutes", 3, our_windows(aggregates), theirs.windows())
    else:
        sys.exit(f"no job called {job}")


if __name__ == "__main__":
    main()
