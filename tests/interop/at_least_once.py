#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""at_least_once.py LAST <FRAMES_AS_JSON: each series holds the values 1 to LAST, the first of each in order, and within one
recording (from Open to Open) they rise; prints how many came twice."""
import json
import sys

last = int(sys.argv[1])
seen, highest, recordings, twice, wrong = {}, {}, 0, 0, []
for line in sys.stdin:
    frame = json.loads(line)
    if frame["frame"] == "open":
        recordings += 1
        highest = {}
    if frame["frame"] != "reading":
        continue
    series, value = frame["series"], frame["value"]
    if value <= highest.get(series, 0):
        wrong.append(f"{series}: {value} behind {highest[series]} in recording {recordings}")
    highest[series] = value
    if value in seen.setdefault(series, {}):
        twice += 1
        continue
    if value != len(seen[series]) + 1:
        wrong.append(f"{series}: {value} comes where {len(seen[series]) + 1} was to come")
    seen[series][value] = True
if not seen:
    wrong.append("nothing was recorded")
for series, values in seen.items():
    missing = set(range(1, last + 1)) - set(values)
    if missing:
        wrong.append(f"{series}: {len(missing)} of {last} are missing, first {min(missing)}")
print(f"{len(seen)} topics of {last} messages in {recordings} recordings, {twice} came twice")
print("\n".join(wrong[:20]), end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
