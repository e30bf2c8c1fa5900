#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=900
# run-to-failure.sh with 200 pumps for 90 days.
FLEET=200 DAYS=90 LINES=20 exec "$TESTS/interop/run-to-failure.sh"
