#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pit-join against DuckDB's ASOF join and Polars' join_asof: equal rows where every row is known at its as_of, and otherwise the
# leaks of theirs, as many as pit-join says.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/assert.bash"
. "$TESTS/interop/python.bash"
python_with duckdb==2.0.0 polars==2.1.0 numpy==2.4.6 pyarrow==26.0.1 || exit 77
export PYTHONDONTWRITEBYTECODE=1
peers=$TESTS/interop/pit_join_peers.py

for seed in 1 2 3; do
  for how in "" "--strict" "--tolerance 7s" "--strict --tolerance 7s"; do
    echo "seed $seed, every row known at once: ${how:-no option}"
    "$python" "$peers" make "$seed" 0
    fcat --from json --to frames rows.json >rows.tp
    # Words on purpose: options.
    # shellcheck disable=SC2086
    pit-join $how labels.csv rows.tp >joined.csv 2>said
    "$python" "$peers" compare "$how" joined.csv
    like "the leaks" " 0 of [0-9]+ labels would have leaked" "$(cat said)"
  done
  echo "seed $seed, bitemporal"
  "$python" "$peers" make "$seed" 1
  fcat --from json --to frames rows.json >rows.tp
  pit-join --quiet --event-time labels.csv rows.tp >joined.csv
  "$python" "$peers" compare "" joined.csv
  pit-join labels.csv rows.tp >joined.csv 2>said
  "$python" "$peers" leaks "$(sed -n 's/.* \([0-9]*\) of [0-9]* labels would have leaked.*/\1/p' said)" joined.csv
done
