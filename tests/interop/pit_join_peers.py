#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pit_join_peers.py make SEED DELAYED | compare OPTIONS JOINED | leaks COUNT JOINED

make writes rows.json, in the order in which rows become known, and labels.csv, both with many ties; DELAYED 0: every row is
known at its as_of. compare holds pit-join's rows against DuckDB's ASOF join and Polars' join_asof. leaks prints how many of the
rows that those two take were not known at the label's time, and requires that pit-join, which said COUNT, took none.
"""
import csv
import json
import random
import sys

import duckdb
import polars

SECOND = 10**9


def make(seed, delayed):
    chance = random.Random(seed)
    rows = []
    for entity in range(20):
        for as_of in sorted(chance.sample(range(2000), 300)):
            delay = chance.choice([0, 1, 5, 5, 60, 600]) if delayed else 0
            rows.append((entity, as_of, as_of + delay, len(rows) / 8))  # every value once
    rows.sort(key=lambda row: row[2])
    with open("rows.json", "w", encoding="utf-8") as file:
        for entity, as_of, known_at, x in rows:
            print(json.dumps({"frame": "features", "entity": [f"e{entity}"], "as_of": [as_of * SECOND],
                              "known_at": [known_at * SECOND], "column": [{"name": "x", "value": [x]}]}), file=file)
    with open("labels.csv", "w", encoding="utf-8") as file:
        print("entity,time", file=file)
        for _ in range(3000):
            print(f"e{chance.randrange(21)},{chance.randrange(-5, 2100) * SECOND}", file=file)


def tables():
    rows = [json.loads(line) for line in open("rows.json", encoding="utf-8")]
    features = polars.DataFrame({"entity": [row["entity"][0] for row in rows], "as_of": [row["as_of"][0] for row in rows],
                                 "known_at": [row["known_at"][0] for row in rows],
                                 "x": [row["column"][0]["value"][0] for row in rows]})
    labels = polars.read_csv("labels.csv").with_row_index("row")
    return features.sort("as_of", maintain_order=True), labels


def by_duckdb(features, labels, strict, tolerance):
    connection = duckdb.connect()
    connection.register("f", features.to_arrow())
    connection.register("l", labels.to_arrow())
    found = connection.execute(f"SELECT row, time, as_of, known_at, x FROM l ASOF LEFT JOIN f ON l.entity = f.entity "
                               f"AND l.time {'>' if strict else '>='} f.as_of ORDER BY row").fetchall()
    return [(known_at, x) if as_of is not None and (tolerance is None or time - as_of <= tolerance) else None
            for _, time, as_of, known_at, x in found]


def by_polars(features, labels, strict, tolerance):
    joined = labels.sort("time", maintain_order=True).join_asof(
        features, left_on="time", right_on="as_of", by="entity", strategy="backward", tolerance=tolerance,
        allow_exact_matches=not strict, check_sortedness=False, coalesce=False).sort("row")
    return [(known_at, x) if x is not None else None for known_at, x in zip(joined["known_at"], joined["x"])]


def ours(path):
    return [float(row["x"]) if row["x"] else None for row in csv.DictReader(open(path, encoding="utf-8"))]


def compare(options, path):
    features, labels = tables()
    strict = "--strict" in options
    tolerance = 7 * SECOND if "--tolerance" in options else None
    mine = ours(path)
    for name, peer in (("DuckDB", by_duckdb), ("Polars", by_polars)):
        theirs = [found and found[1] for found in peer(features, labels, strict, tolerance)]
        assert len(theirs) == len(mine) == 3000
        differ = [i for i, (a, b) in enumerate(zip(theirs, mine)) if a != b]
        assert not differ, f"{name}: row {differ[0] + 1}: {theirs[differ[0]]}, pit-join has {mine[differ[0]]}; {len(differ)} differ"
    assert 0 < sum(x is not None for x in mine) < 3000


def leaks(count, path):
    features, labels = tables()
    mine = ours(path)
    known = {(row["entity"], row["x"]): row["known_at"] for row in features.iter_rows(named=True)}
    times, entities = labels["time"], labels["entity"]
    assert all(x is None or known[entities[i], x] <= times[i] for i, x in enumerate(mine)), "pit-join leaks"
    for name, peer in (("DuckDB", by_duckdb), ("Polars", by_polars)):
        theirs = peer(features, labels, False, None)
        found = sum(row is not None and row[0] > time for row, time in zip(theirs, times))
        print(f"{name}: {found} of {len(mine)} labels have a row that was not known at their time; pit-join: 0")
        assert found == count, f"pit-join says {count}"


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]), sys.argv[3] == "1")
    elif sys.argv[1] == "compare":
        compare(sys.argv[2], sys.argv[3])
    else:
        leaks(int(sys.argv[2]), sys.argv[3])
