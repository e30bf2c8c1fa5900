#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# score against the Python package of XGBoost, of versions before and after base_score became a list: the same scores and
# contributions, and no model passes that is not what its reference rows say. Then scripts/train on what pit-join joined.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/assert.bash"
. "$TESTS/interop/python.bash"
export PYTHONDONTWRITEBYTECODE=1
peer=$TESTS/interop/score_xgboost.py

refused() { # HOW MESSAGE
  "$python" "$peer" tamper "$1"
  code_of score --model tampered.json <rows.tp >got.tp 2>message
  equal "exit code of a model that was tampered with: $1" 78 $code
  like "its message" "^score: tampered.json: $2" "$(cat message)"
}

for version in 3.2.0 2.1.4; do
  python_with "xgboost-cpu==$version" numpy==2.4.6 || exit 77
  for booster in gbtree dart; do
    for objective in binary:logistic reg:squarederror; do
      [ $version = 3.2.0 ] || [ "$booster $objective" != "gbtree reg:squarederror" ] || continue
      echo "XGBoost $version, $booster, $objective"
      "$python" "$peer" train $booster $objective
      fcat --from json --to frames rows.json >rows.tp
      score --model model.json <rows.tp >scored.tp
      fcat --only predictions scored.tp >got.json
      "$python" "$peer" compare got.json
    done
    refused base-score "reference row [0-9]+: margin .* here, and .* where the model was trained"
  done
done
for how in leaf tree-lost; do refused $how "reference row [0-9]+: margin .* here, and .* where the model was trained"; done
for how in newer unknown-field endless; do refused $how "xgboost: "; done

echo "scripts/train: the same file again, and score takes it"
python_with xgboost-cpu==3.2.0 numpy==2.4.6 || exit 77
"$python" "$peer" plant
fcat --from json --to frames rows.json >rows.tp
pit-join --quiet labels.csv rows.tp >joined.csv
pit-join --quiet --to json labels.csv rows.tp >joined.json
train() { "$python" "$TESTS/../scripts/train" "$@" --label failed --failure-mode wear --gap 12h --rounds 50; }
train joined.csv --definition-of rows.tp --output wear.json >said
like "what train says" "^1 rows without label 1 rows without a joined row train: [0-9]+ rows of .* test: AUC 0.9" "$(tr '\n' ' ' <said)"
train joined.json --definition d1 --output again.json >said
same_bytes "the model from JSON lines" wear.json again.json
"$python" "$peer" trained wear.json
score --model wear.json <rows.tp | fcat --only predictions >got.json
equal "frames of predictions" 300 "$(wc -l <got.json)"
grep -q '"fired":\[.*true' got.json || fail "nothing fires"
code_of train joined.csv --definition d1 --output none.json --ignore temp,rms,noise 2>message
equal "exit code of a training without features" 1 $code
equal "its message" "train: there is no feature" "$(cat message)"
