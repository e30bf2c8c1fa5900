#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/fault/state-kill.sh with a hundred kills of each. SEED=N repeats one.
# ctest: long timeout=1800
set -euo pipefail
ROUNDS=${ROUNDS:-100} exec "$TESTS/fault/state-kill.sh"
