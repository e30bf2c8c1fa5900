#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/interop/work-order-kill.sh with sixty kills in ten rounds. SEED=N repeats one of them.
# ctest: long timeout=1800 serial
set -euo pipefail
for ((round = 0; round < ${ROUNDS:-10}; ++round)); do
  mkdir "round-$round"
  (cd "round-$round" && KILLS=${KILLS:-6} ASSETS=8 ROWS=60 "$TESTS/interop/work-order-kill.sh")
done
