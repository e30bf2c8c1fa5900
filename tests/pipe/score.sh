#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# score in pipelines: handed over in pieces, from several streams one behind the other, with --keep, and over a restart, the
# predictions are the same.
set -euo pipefail
. "$TESTS/assert.bash"

feature_log 40 50 10
cat >policy.json <<'END'
{
  "name": "pipe", "version": "1", "owner": "tests",
  "score": [
    {"match": "+/line-1/+/+", "failure_mode": "wear", "weights": {"x": 0.5}, "bias": 1, "threshold": 4000},
    {"match": "+/+/+/+", "failure_mode": "wear", "feature": "x", "at_most": 2000},
    {"match": "+/+/+/+", "failure_mode": "heat", "feature": "x", "at_least": 9000}
  ]
}
END
score --policy policy.json <features.tp >wanted.tp
rows=$(fcat --only features features.tp | grep -o 'plant-1\.' | wc -l)
fcat --only predictions wanted.tp >wanted.json
equal "predictions of both failure modes" $((2 * rows)) "$(grep -o 'plant-1\.' wanted.json | wc -l)"
[ "$(grep -c '"trend"' wanted.json)" -ge 2 ] || fail "nothing fired"

echo "a pipe, handed over in pieces"
drip <features.tp | score --policy policy.json | cmp - wanted.tp || fail "pieces give other bytes"

echo "feature rows and predictions together"
score --policy policy.json --keep <features.tp >kept.tp
fcat --only predictions kept.tp | cmp - wanted.json || fail "--keep gives other predictions"
fcat --only features kept.tp >kept.json
fcat --only features features.tp | cmp - kept.json || fail "--keep changes rows"

echo "a log of served rows gives them again"
score --policy policy.json <kept.tp | fcat --only features,predictions | awk '!seen[$0]++' | cmp - wanted.json ||
  fail "served rows give other predictions"

echo "stopped and resumed at a Position"
lines=$(fcat --exact features.tp | wc -l)
position='{"frame":"position","source":"test","number":1}'
{ fcat --exact features.tp | head -n $((lines / 2)) && echo "$position"; } | sed 's/"sealed":true/"sealed":false/' |
  fcat --from json --to frames >first.tp
{ fcat --exact features.tp | head -n 1 && echo '{"frame":"resume","position":{"source":"test","number":1}}' &&
  fcat --exact features.tp | tail -n +$((lines / 2 + 1)) | grep -v '"frame":"close"'; } | sed 's/"sealed":true/"sealed":false/' |
  fcat --from json --to frames >second.tp
score --policy policy.json --state state <first.tp >got-1.tp
score --policy policy.json --state state <second.tp >got-2.tp
for got in got-1.tp got-2.tp; do fcat --only predictions $got; done | cmp - wanted.json || fail "a restart gives other predictions"
