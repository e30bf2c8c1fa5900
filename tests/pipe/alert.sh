#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# twin-fold | alert in real pipes: a stream that comes a byte at a time, or through Positions with state, tells what a file does;
# deaths are told alike with and without twins; a dead node with 1000 sensors is one message; alert hears that its upstream died
# and tells what was whole.
set -euo pipefail
. "$TESTS/assert.bash"

cat >policy.json <<'END'
{
  "name": "test", "version": "1", "owner": "tests",
  "freshness": [{"match": "+/+/+/temp-*", "slo": "5s"}],
  "exc-pass": [{"name": "hot", "match": "+/+/+/temp-bearing", "above": 55, "hysteresis": 1, "pre": "1s", "post": "5s"}],
  "alert": [
    {"match": "+/+/+/+", "on": "dead", "severity": "critical"},
    {"match": "+/+/+/+", "on": "stale"},
    {"match": "+/+/+/alarm", "on": "alarm", "normal": ["NONE"]},
    {"match": "+/+/+/+", "on": "exception", "exception": "h*"}
  ]
}
END
tell() { alert --policy policy.json --print "$@"; }
texts() { sed 's/.*"text":"\([^"]*\)".*/\1/'; }

plant-sim --duration 3m --assets 6 --lines 3 --metrics-only --fault kill:plant-1/line-1:60s:20s \
  --fault silence:+/line-2/pump-0003/temp-motor:20s:20s --fault 'spike:+/+/pump-0005/temp-bearing:40s:10s:60' >raw.tp
exc-pass --policy policy.json <raw.tp | twin-fold --policy policy.json >twins.tp
tell <twins.tp >expected
for condition in dead stale exception; do
  equal "messages of $condition" 2 "$(grep -c "\"condition\":\"$condition\"" expected)"
done
drip <twins.tp | tell | cmp - expected || fail "a byte at a time tells something else"
twin-fold --policy policy.json <raw.tp | tell | grep -v exception >some
tell <raw.tp | grep '"dead"' | texts | cmp - <(grep '"dead"' some | texts) || fail "with and without twins deaths differ"

# Every record with a Position behind it, with state: the texts are the same.
rawbuf append --sync none raw <raw.tp
rawbuf tail raw --position-every 0s | twin-fold --policy policy.json --state twin | tell --state alert --cursor cursor | texts >got
same_bytes "through a buffer" <(texts <some) got
[ -s cursor ] || fail "no cursor"

# One dead edge node with 1000 sensors.
plant-sim --duration 20s --assets 100 --lines 1 --metrics-only --fault kill:plant-1/line-1:5s:10s |
  twin-fold --policy policy.json | tell | texts >got
equal "a node with 100 assets" \
  "critical: 100 assets of plant-1/line-1 are dead, since 2026-01-01T00:00:05Z
over: 100 assets of plant-1/line-1 are no longer dead, since 2026-01-01T00:00:15Z" "$(grep -v stale got)"

# Upstream dies: what was whole is told, and the exit code says so.
size=$(stat -c %s twins.tp)
code_of tell < <(head -c $((size / 2)) twins.tp) >got 2>err
equal "half a stream" 65 "$code"
cmp -n "$(stat -c %s got)" got expected || fail "half a stream tells something else"
[ -s got ] || fail "half a stream tells nothing"
