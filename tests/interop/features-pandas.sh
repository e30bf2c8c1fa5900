#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# features against pandas: rolling windows over random readings, by count, by time and of two series, equal within 1e-9.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/interop/python.bash"
python_with numpy==2.4.6 pandas==3.1.1 || exit 77
export PYTHONDONTWRITEBYTECODE=1

"$python" "$TESTS/interop/features_pandas.py" make
fcat --from json --to frames stream.json >stream.tp
features --policy policy.json <stream.tp | fcat --only features >rows.json
"$python" "$TESTS/interop/features_pandas.py" compare
