#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""same_twins.py LEFT RIGHT [LINES]: whether two snapshots of twins hold the same values, whatever sessions brought them.

Value, quality and freshness of every sensor are compared, and its times where it has an SLO: a sensor that speaks on change is
told again by each birth. In LINES, the twins that RIGHT came of as JSON lines of fcat, no value and no as_of may go back.
"""

import json
import sys


def values(path):
    for twin in json.load(open(path, encoding="utf-8"))["twins"]:
        for metric in twin["metric"]:
            names = ["value", "unit", "quality", "freshness"] + ["time", "first_seen", "last_seen"] * ("slo" in metric)
            yield (twin["site"], twin["line"], twin["asset"], metric["sensor"]), {name: metric.get(name) for name in names}


left, right = dict(values(sys.argv[1])), dict(values(sys.argv[2]))
wrong = [f"{'/'.join(key)}: {left.get(key)} {right.get(key)}" for key in sorted(left.keys() | right.keys()) if left.get(key) != right.get(key)]
newest = {}
for line in open(sys.argv[3], encoding="utf-8") if len(sys.argv) > 3 else ():
    twin = json.loads(line)
    asset = (twin["site"], twin["line"], twin["asset"])
    for what, time in [("as_of", twin["as_of"])] + [(m["sensor"], m.get("time", "")) for m in twin["metric"]]:
        # RFC 3339 to the nanosecond leaves out zeros at the end: compare what is left as text of one length.
        whole, _, part = time.rstrip("Z").partition(".")
        key = whole + "." + part.ljust(9, "0")
        if key < newest.get(asset + (what,), ""):
            wrong.append(f"{'/'.join(asset)}: {what} goes back to {time}")
        newest[asset + (what,)] = key
if wrong:
    print("\n".join(wrong[:5]))
sys.exit(1 if wrong or not left else 0)
