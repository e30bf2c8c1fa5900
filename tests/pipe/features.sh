#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example policy behind the filters of the edge: a damaged bearing shows, temperatures behind a deadband are within its bound, and
# rows made later from the recorded stream are those that were made as it came.
set -euo pipefail
. "$TESTS/assert.bash"
edge=$TESTS/../man/edge-policy.json policy=$TESTS/../man/features-policy.json

plant-sim --assets 2 --duration 15m --fault bearing:plant-1/+/pump-0002/vibration-de:1m:10m:outer |
  fft-bands --keep --policy "$edge" | winagg --keep --policy "$edge" | tee recorded.tp | features --policy "$policy" >served.tp
features --policy "$policy" <recorded.tp >trained.tp
same_bytes "rows for training and for serving" served.tp trained.tp
deadband --policy "$edge" <recorded.tp | features --policy "$policy" >thinned.tp

for file in served thinned; do fcat --only features $file.tp >$file.json; done
python3 - <<'END'
import json

def rows_of(path):
    rows = {}
    for line in open(path):
        frame = json.loads(line)
        for i, entity in enumerate(frame["entity"]):
            for column in frame["column"]:
                rows[entity, frame["as_of"][i], column["name"]] = float(column["value"][i])
    return rows

served, thinned = rows_of("served.json"), rows_of("thinned.json")
last = max(as_of for _, as_of, _ in served)
of = {pump: served[f"plant-1.line-{pump}.pump-000{pump}", last, "outer_race_10m"] for pump in (1, 2)}
assert of[2] > 100 * of[1], of
compared = 0
for key, value in served.items():
    if key[2] in ("bearing_temp_10m", "motor_temp_10m"):
        assert abs(value - thinned[key]) <= 0.5, (key, value, thinned[key])
        compared += 1
assert compared == 2 * 2 * 14, compared
END
