#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=900
# As fmerge.sh, with 1 GB between the branches.
set -euo pipefail
MEGABYTES=1000 exec "$TESTS/pipe/fmerge.sh"
