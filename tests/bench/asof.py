#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""asof.py prepare | PEER event|bitemporal: peers of pit-join, on what feature_log wrote in the working directory.

prepare writes Parquet files from its packed rows. A PEER (duckdb, polars, pandas or chdb) joins by event time alone, or such that no
row counts that was not known at the label's time. That second join has no operator of its own: of the rows of an asset in the
order in which they became known, those that are newer than all before them are kept (a running greatest as_of), and the labels
are joined on known_at. It is right as long as no row is known before its as_of. Assets are numbers here, which is kind to peers,
and the joined rows are only counted and added up. Prints the count of labels that got a row, and the sum.
"""
import sys

import numpy


def prepare():
    import pyarrow
    import pyarrow.parquet
    features = numpy.fromfile("features.bin", dtype=[("entity", "<i4"), ("as_of", "<i8"), ("known_at", "<i8"), ("x", "<f8")])
    labels = numpy.fromfile("labels.bin", dtype=[("entity", "<i4"), ("time", "<i8")])
    for name, rows, order in (("features", features, "as_of"), ("log", features, None), ("labels", labels, None)):
        if order:
            rows = rows[numpy.argsort(rows[order], kind="stable")]  # peers get the order that they want
        table = pyarrow.table({column: numpy.ascontiguousarray(rows[column]) for column in rows.dtype.names})
        pyarrow.parquet.write_table(table, f"{name}.parquet", compression="none", use_dictionary=False)


def duckdb_join(kind):
    import duckdb
    if kind == "event":
        return duckdb.sql("SELECT count(x), sum(x) FROM 'labels.parquet' l ASOF LEFT JOIN 'features.parquet' f "
                          "ON l.entity = f.entity AND l.time >= f.as_of").fetchall()[0]
    return duckdb.sql(
        "WITH newest AS (SELECT entity, known_at, as_of, x FROM (SELECT *, max(as_of) OVER (PARTITION BY entity ORDER BY known_at, "
        "as_of ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM 'log.parquet') WHERE before IS NULL OR as_of > before), "
        "last AS (SELECT entity, known_at, max(as_of) AS as_of, arg_max(x, as_of) AS x FROM newest GROUP BY entity, known_at) "
        "SELECT count(x), sum(x) FROM 'labels.parquet' l ASOF LEFT JOIN last f ON l.entity = f.entity AND l.time >= f.known_at").fetchall()[0]


def polars_join(kind):
    import polars
    labels = polars.read_parquet("labels.parquet")
    if kind == "event":
        rows, on = polars.read_parquet("features.parquet", columns=["entity", "as_of", "x"]), "as_of"
    else:
        log = polars.read_parquet("log.parquet")
        rows = log.filter(polars.col("as_of") == polars.col("as_of").cum_max().over("entity"))
        rows, on = rows.select("entity", "known_at", "x"), "known_at"
    joined = labels.join_asof(rows, left_on="time", right_on=on, by="entity", check_sortedness=False)
    return joined["x"].count(), joined["x"].sum()


def pandas_join(kind):
    import pandas
    labels = pandas.read_parquet("labels.parquet")
    if kind == "event":
        rows, on = pandas.read_parquet("features.parquet", columns=["entity", "as_of", "x"]), "as_of"
    else:
        log = pandas.read_parquet("log.parquet")
        rows, on = log[log["as_of"] == log.groupby("entity")["as_of"].cummax()], "known_at"
    joined = pandas.merge_asof(labels, rows, left_on="time", right_on=on, by="entity")
    return joined["x"].count(), joined["x"].sum()


def chdb_join(kind):
    import chdb
    newest = ("SELECT entity, known_at, as_of, x FROM (SELECT *, max(as_of) OVER (PARTITION BY entity ORDER BY known_at, as_of ROWS "
              "BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, row_number() OVER (PARTITION BY entity ORDER BY known_at, as_of) "
              "AS number FROM file('log.parquet')) WHERE number = 1 OR as_of > before")
    rows, on = {"event": ("file('features.parquet')", "as_of"),
                "bitemporal": (f"(SELECT entity, known_at, argMax(x, as_of) AS x FROM ({newest}) GROUP BY entity, known_at)", "known_at")}[kind]
    answer = chdb.query(f"SELECT count(x), sum(x) FROM file('labels.parquet') l ASOF LEFT JOIN {rows} f ON l.entity = f.entity "
                        f"AND l.time >= f.{on} SETTINGS join_use_nulls = 1", "CSV")
    count, total = str(answer).strip().split(",")
    return int(count), float(total)


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        count, total = {"duckdb": duckdb_join, "polars": polars_join, "pandas": pandas_join, "chdb": chdb_join}[sys.argv[1]](sys.argv[2])
        print(count, f"{total:.3f}")
