#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=600
# A plant whose pumps run to failure, from the sensor to a prediction: features as of every hour, labels joined with what was known
# at their time, a model trained on them with XGBoost's own package, and served by score. The same with an event-time join, which
# knows what arrived later: what such a backtest promises, and what the model that it made is worth in service.
# FLEET (assets), DAYS and LINES make it greater: run-to-failure-fleet.sh does.
set -euo pipefail
source "$TESTS/assert.bash"
source "$TESTS/interop/python.bash"
python_with xgboost-cpu==3.2.0 numpy==2.4.6 || exit 77
fleet=${FLEET:-40} days=${DAYS:-40} lines=${LINES:-8}

"$python" "$TESTS/interop/run_to_failure.py" "$fleet" "$days" "$lines" 7
cat >policy.json <<'END'
{
  "name": "bearings", "version": "1", "owner": "reliability",
  "features": [
    {"match": "+/+/+/+", "step": "1h", "lateness": "2d"},
    {"name": "vibration", "match": "+/+/+/vibration-rms", "feature": "vibration", "function": "mean", "window": "6h"},
    {"name": "vibration week", "match": "+/+/+/vibration-rms", "feature": "vibration-week", "function": "mean", "window": "7d"},
    {"name": "vibration peak", "match": "+/+/+/vibration-rms", "feature": "vibration-peak", "function": "max", "window": "1d"},
    {"name": "vibration trend", "match": "+/+/+/vibration-rms", "feature": "vibration-trend", "function": "slope", "window": "3d"},
    {"name": "bearing", "match": "+/+/+/temp-bearing", "feature": "bearing", "function": "mean", "window": "6h"},
    {"name": "bearing trend", "match": "+/+/+/temp-bearing", "feature": "bearing-trend", "function": "slope", "window": "3d"},
    {"name": "motor", "match": "+/+/+/temp-motor", "feature": "motor", "function": "mean", "window": "6h"},
    {"name": "load", "match": "+/+/+/load", "feature": "load", "function": "mean", "window": "6h"},
    {"name": "starts", "match": "+/+/+/running", "feature": "starts", "function": "transitions", "values": ["true"], "window": "7d"}
  ]
}
END

echo "features of $fleet pumps over $days days"
plant-sim --config plant.conf --period 10m --tick 10m --metrics-only | features --policy policy.json >rows.tp
fcat --stat rows.tp | head -n 12

echo "labels and what was known at their time"
for kind in honest leaking; do
  pit-join $([ $kind = leaking ] && echo --event-time) labels.csv rows.tp >$kind.csv 2>$kind.said
  cat $kind.said
done
like "what an event-time join would have leaked" "[1-9][0-9]* of [0-9]+ labels would have leaked" "$(cat honest.said)"

echo "a model of each, tested on what came later"
until=$(date -u -d "2026-01-01 +$((days * 2 / 3)) days" +%Y-%m-%dT%H:%M:%SZ)
for kind in honest leaking; do
  "$python" "$TESTS/../scripts/train" $kind.csv --label failed --failure-mode bearing --definition-of rows.tp --test-after "$until" \
    --gap 2d --hold-out 0 --output $kind.model >$kind.trained
  sed "s/^/$kind: /" $kind.trained
done

# The same rows as frames go through score, with the model that they made and with the other.
pit-join --quiet --to frames labels.csv rows.tp >honest.tp
pit-join --quiet --to frames --event-time labels.csv rows.tp >leaking.tp
score --model honest.model <honest.tp >honest-honest.tp
score --model leaking.model <leaking.tp >leaking-leaking.tp
score --model leaking.model <honest.tp >leaking-honest.tp
# And what was served while the stream ran.
score --model honest.model <rows.tp >served.tp
"$python" "$TESTS/interop/backtest.py" "$until"
