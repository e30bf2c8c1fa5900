#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bytes that come out do not depend on the pieces in which the bytes came in.
set -euo pipefail
. "$TESTS/assert.bash"

python3 "$TESTS/fault/streams.py" . 600
policy=$TESTS/fault/policy.json
deadband --policy "$policy" <good.tp >whole
drip <good.tp | deadband --policy "$policy" >bytewise
same_bytes "one byte at a time" whole bytewise
for seed in 1 2 3 4 5; do
  drip $seed 700 <good.tp | deadband --policy "$policy" | drip $seed 90 | deadband --policy "$policy" >pieces
  # A step deadband is idempotent, so the second one passes everything on under its own Open and Close.
  deadband --policy "$policy" <whole >twice
  same_bytes "pieces of seed $seed" twice pieces
done
