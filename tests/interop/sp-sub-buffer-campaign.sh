#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sp-sub-buffer.sh with 100 kills under `always` and 50 under each of the other promises.
# ctest: long timeout=900
ROUNDS=${ROUNDS:-100} exec "$TESTS/interop/sp-sub-buffer.sh"
