#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rolling.py prepare | ours | PEER minutes|readings: peers of features, on what rolling_log wrote in the working directory.

prepare writes a Parquet file from its packed rows. A PEER (polars or duckdb) computes mean and least-squares slope over windows of
5, 15 and 60 minutes, a row an asset and minute, as features does, or a row a reading. Prints how many rows there are with a whole
hour behind them, and the sums of that hour's mean and slope over them. `ours` reads those of features off fcat's JSON.
"""
import json
import math
import sys

WINDOWS = (300, 900, 3600)  # seconds


def prepare():
    import numpy
    import pyarrow
    import pyarrow.parquet
    rows = numpy.fromfile("readings.bin", dtype=[("asset", "<u4"), ("time", "<u4"), ("value", "<f8")])
    rows = rows[numpy.argsort(rows["asset"], kind="stable")]  # peers get the order that they want
    table = pyarrow.table({"asset": rows["asset"].astype("<i4"), "time": rows["time"].astype("<i8"),
                           "value": numpy.ascontiguousarray(rows["value"])})
    pyarrow.parquet.write_table(table, "readings.parquet", compression="none", use_dictionary=False)


def with_polars(kind):
    import polars
    t, v = polars.col("time").cast(polars.Float64), polars.col("value")
    if kind == "readings":
        # Rolling means of products, with times of a size that leaves them digits: Polars has no rolling slope of its own.
        def columns(window):
            mean = lambda e: e.rolling_mean_by("time", window_size=f"{window}i").over("asset")
            slope = (mean(t * v) - mean(t) * mean(v)) / (mean(t * t) - mean(t) * mean(t)) * 3600
            return [mean(v).alias(f"mean_{window}"), slope.alias(f"slope_{window}")]
        joined = polars.read_parquet("readings.parquet").with_columns([c for window in WINDOWS for c in columns(window)])
        joined = joined.filter(polars.col("time") >= 3600)
        return joined.height, joined["mean_3600"].sum(), joined["slope_3600"].sum()
    readings = polars.read_parquet("readings.parquet").with_columns(polars.col("asset").set_sorted())
    joined, last = None, readings["time"].max() + 1
    for window in WINDOWS:
        sums = [v.mean().alias(f"mean_{window}"), (polars.cov(t, v) / t.var() * 3600).alias(f"slope_{window}")]
        rows = readings.group_by_dynamic("time", every="60i", period=f"{window}i", closed="left", label="right",
                                         group_by="asset").agg(sums)
        joined = rows if joined is None else joined.join(rows, on=["asset", "time"], how="left")
    joined = joined.filter((polars.col("time") >= 3600) & (polars.col("time") <= last))
    return joined.height, joined["mean_3600"].sum(), joined["slope_3600"].sum()


def with_duckdb(kind):
    import duckdb
    duckdb.sql("SET threads = 1")
    last = duckdb.sql("SELECT max(time) + 1 FROM 'readings.parquet'").fetchall()[0][0]
    if kind == "readings":
        over = {w: f"OVER (PARTITION BY asset ORDER BY time RANGE BETWEEN {w - 1} PRECEDING AND CURRENT ROW)" for w in WINDOWS}
        columns = ", ".join(f"avg(value) {o} AS mean_{w}, regr_slope(value, time) {o} * 3600 AS slope_{w}" for w, o in over.items())
        rows = f"SELECT asset, time, {columns} FROM 'readings.parquet'"
    else:
        # Sums of each minute first, as one would write it by hand: a tenth of the cost of windows over readings.
        over = {w: f"OVER (PARTITION BY asset ORDER BY minute ROWS BETWEEN {w // 60 - 1} PRECEDING AND CURRENT ROW)" for w in WINDOWS}
        def slope(o):
            n, t, v, tt, tv = (f"sum({x}) {o}" for x in ("n", "t", "v", "tt", "tv"))
            return f"({n} * {tv} - {t} * {v}) / ({n} * {tt} - {t} * {t}) * 3600"
        columns = ", ".join(f"sum(v) {o} / sum(n) {o} AS mean_{w}, {slope(o)} AS slope_{w}" for w, o in over.items())
        rows = (f"SELECT asset, minute * 60 + 60 AS time, {columns} FROM (SELECT asset, time // 60 AS minute, count(*)::DOUBLE AS n, "
                "sum(time::DOUBLE) AS t, sum(value) AS v, sum(time::DOUBLE * time) AS tt, sum(time * value) AS tv "
                "FROM 'readings.parquet' GROUP BY ALL)")
    return duckdb.sql(f"SELECT count(*), sum(mean_3600), sum(slope_3600) FROM ({rows}) WHERE time BETWEEN 3600 AND {last}").fetchall()[0]


def of_features():
    seen, means, slopes = {}, [], []
    for line in sys.stdin:
        frame = json.loads(line)
        columns = {column["name"]: column["value"] for column in frame["column"]}
        for row, entity in enumerate(frame["entity"]):
            seen[entity] = seen.get(entity, 0) + 1
            if seen[entity] >= 60:
                means.append(columns["mean_1h"][row])
                slopes.append(columns["slope_1h"][row])
    return len(means), math.fsum(means), math.fsum(slopes)


if sys.argv[1] == "prepare":
    prepare()
elif sys.argv[1] == "ours":
    print("%d %.6f %.3f" % of_features())
else:
    print("%d %.6f %.3f" % {"polars": with_polars, "duckdb": with_duckdb}[sys.argv[1]](sys.argv[2]))
