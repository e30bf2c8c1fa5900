#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""final_rows.py LEFT RIGHT: whether two records of aggregates come to the same windows at the end, whatever parts they came in.

Both files are JSON lines of fcat. A row replaces the one of its window before it, a delta is merged into it (Pebay, SAND2008-6212).
Counts, extremes, first and last are compared exactly, sums and moments to nine digits. Revisions and cuts are how it came to
that, so they are not compared. Prints the first differences and ends with 1.
"""

import json
import math
import sys

EXACT = ("count", "min", "max", "first", "last", "first_time", "last_time", "peak")
MOMENTS = ("weight", "mean", "m2", "m3", "m4")


def rows(path):
    for line in open(path, encoding="utf-8"):
        frame = json.loads(line)
        if frame["frame"] != "aggregates":
            continue
        for i, series in enumerate(frame["series"]):
            row = {name: frame[name][i] for name in EXACT + MOMENTS}
            row = {name: float(value) if value in ("NaN", "Infinity", "-Infinity") else value for name, value in row.items()}
            yield (series, frame["start"][i], frame["end"][i]), row, frame.get("delta", [])[i : i + 1] == [True]


def merge(a, b):
    if not a["weight"] or not b["weight"]:
        return dict(a if a["weight"] else b, count=a["count"] + b["count"])
    n, na, nb = a["weight"] + b["weight"], a["weight"], b["weight"]
    d = b["mean"] - a["mean"]
    early, late = sorted((a, b), key=lambda row: row["first_time"])
    last = max((a, b), key=lambda row: row["last_time"])
    return {
        "count": a["count"] + b["count"],
        "min": min(a["min"], b["min"]),
        "max": max(a["max"], b["max"]),
        "peak": max(a["peak"], b["peak"]),
        "first": early["first"],
        "first_time": early["first_time"],
        "last": last["last"],
        "last_time": last["last_time"],
        "weight": n,
        "mean": a["mean"] + d * nb / n,
        "m2": a["m2"] + b["m2"] + d**2 * na * nb / n,
        "m3": a["m3"] + b["m3"] + d**3 * na * nb * (na - nb) / n**2 + 3 * d * (na * b["m2"] - nb * a["m2"]) / n,
        "m4": a["m4"] + b["m4"] + d**4 * na * nb * (na**2 - na * nb + nb**2) / n**3
        + 6 * d**2 * (na**2 * b["m2"] + nb**2 * a["m2"]) / n**2 + 4 * d * (na * b["m3"] - nb * a["m3"]) / n,
    }


def final(path):
    windows = {}
    for key, row, delta in rows(path):
        windows[key] = merge(windows[key], row) if delta and key in windows else row
    return windows


def same(a, b):
    if any(a[name] != b[name] and not (a[name] != a[name] and b[name] != b[name]) for name in EXACT):
        return False
    size, n = abs(a["mean"]) + math.sqrt(abs(a["m2"]) / max(a["weight"], 1e-9)) + 1e-9, a["weight"] + 1e-9
    scale = {"weight": n, "mean": size, "m2": n * size**2, "m3": n * size**3, "m4": n * size**4}
    return all(abs(a[name] - b[name]) <= 1e-9 * scale[name] or a[name] != a[name] and b[name] != b[name] for name in MOMENTS)


left, right = final(sys.argv[1]), final(sys.argv[2])
wrong = [key for key in sorted(left.keys() | right.keys()) if key not in left or key not in right or not same(left[key], right[key])]
for key in wrong[:5]:
    print("differs:", *key, "\n  ", left.get(key), "\n  ", right.get(key))
if not left:
    print("no rows at all")
if wrong or not left:
    print(f"{len(wrong)} of {len(left)} windows differ")
    sys.exit(1)
