#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/interop/chain-kill.sh with a hundred rounds. SEED=N repeats one.
# ctest: long timeout=3600 serial
set -euo pipefail
ROUNDS=${ROUNDS:-100} exec "$TESTS/interop/chain-kill.sh"
