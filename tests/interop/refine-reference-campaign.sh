#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=1200
# refine-reference.sh with ten million readings of a hundred thousand sensors.
set -euo pipefail
export ASSETS=${ASSETS:-10000}
exec "$TESTS/interop/refine-reference.sh"
