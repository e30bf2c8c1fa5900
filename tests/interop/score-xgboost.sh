#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# score against the Python package of XGBoost, of versions before and after base_score became a list: the same scores and
# contributions, and no model passes that is not what its reference rows say.
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
