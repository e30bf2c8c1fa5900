#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What was served over Kafka is what training computes of the recorded stream; a changed policy, a changed value and a log that
# goes on are told apart.
set -euo pipefail
source "$TESTS/assert.bash"

cat >policy.json <<'END'
{
  "name": "pumps", "version": "1", "owner": "reliability",
  "features": [
    {"match": "+/+/+/+", "step": "10m", "lateness": "2h"},
    {"name": "temp", "match": "+/+/+/temp-bearing", "feature": "temp", "function": "mean", "window": "1h"},
    {"name": "rise", "match": "+/+/+/temp-bearing", "feature": "temp-rise", "function": "slope", "window": "2h"}
  ]
}
END
kmock --topic telemetry.thermal:2 --topic telemetry.vibration:2 --topic telemetry.process:2 --topic asset.state:2 --topic asset.alarms:2 >boot &
mock=$!
trap 'kill "$mock" 2>/dev/null || true' EXIT
until_true 20 test -s boot
brokers=$(cat boot)
plant-sim --assets 6 --lines 2 --metrics-only --period 10s --tick 1m --duration 6h --fault 'outage:plant-1/line-1:2h:1h' |
  kbridge --brokers "$brokers"

# The serving path, fed in pieces.
ksub --brokers "$brokers" --from earliest --until-end | tee stream.tp | drip | features --policy policy.json >rows.tp
equal "the comparison" "parity: $(fcat --exact rows.tp | grep -c '^{"frame":"features"') frames of rows, byte for byte the same" \
  "$(parity --policy policy.json stream.tp rows.tp)"
rows=$(fcat --only features rows.tp | grep -o '"plant-1\.line-[12]\.pump-000[1-6]"' | wc -l)
[ "$rows" -ge 200 ] || fail "hardly any rows: $rows"

echo "a log that goes on"
bytes=$(stat -c %s rows.tp)
head -c $((bytes / 2)) rows.tp >begun.tp
code_of parity --policy policy.json stream.tp begun.tp >said 2>&1
equal "half a log" 1 $code
parity --policy policy.json --so-far stream.tp begun.tp >said
like "half a log with --so-far" "byte for byte" "$(cat said)"

echo "another definition, another value"
sed 's/"1h"/"30m"/' policy.json >changed.json
code_of parity --policy changed.json stream.tp rows.tp >said
equal "another definition" 1 $code
fcat --exact rows.tp | sed '0,/"name":"temp","value":\[[0-9.]*/s//"name":"temp","value":[1.5/' | fcat --from json --to frames >tampered.tp
code_of parity --policy policy.json stream.tp tampered.tp >said
equal "another value" 1 $code
like "what is said of it" "temp value [0-9.]+; got temp value 1.5" "$(cat said)"

echo "wrong use"
code_of parity stream.tp rows.tp 2>/dev/null
equal "without a policy" 64 $code
code_of parity --policy policy.json stream.tp nowhere.tp 2>/dev/null
equal "without rows" 66 $code
