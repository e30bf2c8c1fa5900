#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A 600 °C bearing ends in quarantine with its lineage, the twin keeps the last good value, and the rejects go to Kafka by
# themselves; a chain that is killed and resumed leaves the same rejects.
set -euo pipefail
source "$TESTS/assert.bash"

cat > policy.json << 'JSON'
{
  "name": "silver", "version": "2", "owner": "tests",
  "unit-norm": [{"match": "+/+/+/temp-*", "unit": "degC"}],
  "quarantine": [{"name": "can be", "match": "+/+/+/temp-*", "expect": "range", "min": -40, "max": 400}],
  "freshness": [{"match": "+/+/+/temp-*", "slo": "1m"}]
}
JSON
# A plant in a buffer, whose first bearing says 1112 °F, or 600 °C, as its last word.
plant-sim --assets 2 --lines 1 --duration 40s --metrics-only | fcat |
  sed -E 's|("series":"plant-1/line-1/pump-0001/temp-bearing","time":"2026-01-01T00:00:39[^"]*","value":)[^,}]*|\11112|' |
  sed -E '/"frame":"series"/s/("name":"temp-bearing"[^}]*"declared_unit":)"[^"]*"/\1"F"/' |
  fcat --from json --to frames > plant.tp
plant-sim --first-line 9 --assets 1 --lines 1 --duration 1s --metrics-only | rawbuf append raw  # read before, up to a Position
rawbuf append raw < plant.tp
rawbuf tail raw --position-every 0s > raw.tp

unit-norm --policy policy.json < raw.tp | quarantine --policy policy.json | twin-fold --policy policy.json --snapshot twins.json > out.tp
fcat --only reject out.tp > rejects.json
equal "rejects" 1 "$(wc -l < rejects.json)"
for what in '"double_value":[600' '"rule":"can be"' '"reason":"600' 'degC is above 400 degC"' '"policy_version":"2"' '"policy_digest":"' \
  '"position":{"source":"rawbuf' '"declared_unit":"F"'; do
  grep -qF -- "$what" rejects.json || fail "the reject does not say $what: $(cat rejects.json)"
done
# The twin keeps the last good value, of the second before.
python3 - << 'END'
import json
twin = next(t for t in json.load(open("twins.json"))["twins"] if t["asset"] == "pump-0001" and t["line"] == "line-1")
bearing = next(m for m in twin["metric"] if m["sensor"] == "temp-bearing")
assert bearing["time"] == "2026-01-01T00:00:38.125Z" and bearing["unit"] == "degC" and bearing["value"] < 0, bearing
END

# The side output has the same reject, and the rest of the stream is what it was.
unit-norm --policy policy.json < raw.tp > normal.tp
quarantine --policy policy.json < normal.tp > both.tp
quarantine --policy policy.json --rejects side.tp < normal.tp > rest.tp
fcat --only reject both.tp > both.json
fcat --only reject side.tp | cmp - both.json || fail "the side output has other rejects than the stream"
cmp <(fcat both.tp | grep -v '"frame":"reject"\|"frame":"close"') <(fcat rest.tp | grep -v '"frame":"close"') || fail "the streams differ in more than rejects"

# To Kafka by itself.
kmock --topic plant.quarantine:2 > boot &
mock=$!
trap 'kill "$mock" 2> /dev/null || true' EXIT
until_true 20 test -s boot
quarantine --policy policy.json --rejects >(kbridge --brokers "$(cat boot)" --route '+/+/+/+=plant.quarantine'; echo $? > bridge.code) \
  < normal.tp > rest.tp
until_true 20 test -s bridge.code
equal "kbridge" 0 "$(cat bridge.code)"
ksub --brokers "$(cat boot)" --topic plant.quarantine --until-end | fcat --only reject > kafka.json
cmp kafka.json both.json || fail "Kafka has other rejects than the stream"

# A reader of rejects that leaves is an error.
mkfifo left
true < left &
code_of quarantine --policy <(sed 's/"max": 400/"max": -30/' policy.json) --rejects left < normal.tp > /dev/null 2> left.err
equal "the reader of rejects left" 74 "$code"
