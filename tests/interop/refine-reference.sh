#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
# The same readings, in mixed units, one per cent of them late by up to ten minutes, one in a thousand impossible, through
# unit-norm | asset-join | quarantine | twin-fold and winagg, and through DuckDB and Polars: the same readings in quarantine, the
# same last good values, the same windows. ASSETS=10000 READINGS=100 makes ten million of them.
set -euo pipefail
. "$TESTS/assert.bash"
. "$TESTS/interop/python.bash"
python_with duckdb==2.0.0 polars==2.1.0 numpy==2.4.6 pyarrow==26.0.1 || exit 77
export PYTHONDONTWRITEBYTECODE=1
reference=$TESTS/interop/refine_reference.py
assets=${ASSETS:-400} count=${READINGS:-100}
"$python" "$TESTS/interop/mixed_plant.py" "$assets" "$count" plant.tp plant.parquet registry.csv

policy=$TESTS/interop/refine-reference.json
unit-norm --policy "$policy" <plant.tp | asset-join --registry registry.csv --unknown unknown 2>asset-join.log |
  quarantine --policy "$policy" --rejects rejects.tp >silver.tp
twin-fold --policy "$policy" --changes none --snapshot twins.json <silver.tp >twin-fold.tp
winagg --policy "$policy" --metrics winagg.prom <silver.tp >windows.tp
fcat --only reject rejects.tp >rejects.jsonl
fcat --only aggregates windows.tp >windows.jsonl

late=$(awk 'index($1, "twinpipe_late_total{") == 1 { print $2 }' winagg.prom)
equal 'late readings' 0 "$late"
equal 'assets that nobody knows' $((assets / 100)) "$(wc -l <unknown)"
for engine in duckdb polars; do
  "$python" "$reference" compare $engine plant.parquet twins.json rejects.jsonl windows.jsonl || fail "$engine differs"
done
