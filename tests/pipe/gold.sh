#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# Gold windows: the minute aggregates of what unit-norm made canonical are those of a plant that speaks canonical units itself,
# and a late correction flows through to a row with a raised revision.
set -euo pipefail
source "$TESTS/assert.bash"

cat >policy.json <<'END'
{
  "name": "gold", "version": "1", "owner": "test",
  "unit-norm": [{"match": "+/+/+/temp", "unit": "degC"}, {"match": "+/+/+/vibration", "unit": "m/s2"}],
  "winagg": [{"match": "+/+/+/+", "window": "1m", "lateness": "5m"}]
}
END
# plant UNITS: the same five minutes of two sensors, at the edge in these units; one reading comes two minutes late, one is
# repeated, and the node dies in the middle of a window.
plant() {
  awk -v fahrenheit="$1" 'BEGIN {
    print "{\"frame\":\"series\",\"site\":\"P\",\"line\":\"L\",\"asset\":\"a\",\"node\":\"n\",\"session\":{\"birth\":\"2026-01-01T00:00:00Z\"},\"sensor\":[" \
      "{\"alias\":0,\"name\":\"temp\",\"type\":\"double\",\"declared_unit\":\"" (fahrenheit ? "degF" : "degC") "\"}," \
      "{\"alias\":1,\"name\":\"vibration\",\"type\":\"double\",\"declared_unit\":\"" (fahrenheit ? "g" : "m/s2") "\"}]}"
    for (s = 0; s < 290; ++s) {
      if (s == 70) held = s
      else say(s)
      if (s == 190) { say(held); say(190) }
      if (s % 10 == 9) printf "{\"frame\":\"watermark\",\"node\":\"n\",\"time\":\"%s\"}\n", stamp(s)
    }
    printf "{\"frame\":\"lifecycle\",\"node\":\"n\",\"reason\":\"will\",\"session\":{\"birth\":\"2026-01-01T00:00:00Z\"},\"time\":\"%s\"}\n", stamp(290)
  }
  function stamp(s) { return sprintf("2026-01-01T00:%02d:%02dZ", int(s / 60), s % 60) }
  function say(s,  c, a) {
    c = 20 + s % 37 / 4; a = 9.80665 * (1 + s % 13 / 8)
    printf "{\"frame\":\"reading\",\"series\":\"P/L/a/temp\",\"time\":\"%s\",\"value\":%.17g}\n", stamp(s), fahrenheit ? c * 9 / 5 + 32 : c
    printf "{\"frame\":\"reading\",\"series\":\"P/L/a/vibration\",\"time\":\"%s\",\"value\":%.17g}\n", stamp(s), fahrenheit ? a / 9.80665 : a
  }'
}
plant 1 | fcat --from json --to frames >foreign.tp
plant 0 | fcat --from json --to frames >canonical.tp

unit-norm --policy policy.json <foreign.tp | winagg --policy policy.json | fcat --only aggregates >gold.jsonl
unit-norm --policy policy.json <foreign.tp >silver.tp
winagg --policy policy.json <silver.tp | fcat --only aggregates >steps.jsonl
cmp gold.jsonl steps.jsonl || fail "a pipe and two steps differ"
winagg --policy policy.json <canonical.tp | fcat --only aggregates >direct.jsonl
like "a late reading raised a revision" '"revision":\[[0-9, ]*1' "$(cat gold.jsonl)"
python3 - <<'END' || fail "the aggregates differ from those of the plant in canonical units"
import json, math, sys

def rows(path):
    for line in open(path):
        frame = json.loads(line)
        count = len(frame["series"])
        for at in range(count):
            yield {key: value[at] for key, value in frame.items() if isinstance(value, list)}

gold, direct = list(rows("gold.jsonl")), list(rows("direct.jsonl"))
assert len(gold) == len(direct) > 8, (len(gold), len(direct))
for left, right in zip(gold, direct):
    assert left.keys() == right.keys(), (left, right)
    for key, value in left.items():
        # A moment loses the digits of its mean: m2 of a window that hardly varies is known to 1e-12 of n·mean², not of itself.
        close = isinstance(value, float) and math.isclose(value, right[key], rel_tol=1e-9, abs_tol=1e-9)
        assert value == right[key] or close, (key, left, right)
END
