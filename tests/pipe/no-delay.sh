#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What came in is written out before the filter waits for more: a slow sensor sees no added delay.
set -euo pipefail
. "$TESTS/assert.bash"

python3 "$TESTS/fault/streams.py" . 20
mkfifo in out
deadband --policy "$TESTS/fault/policy.json" <in >out &
pid=$!
exec 3>in 4<out
# Open, Series and the one frame of readings, and not a byte more until they have come out at the other end.
frames=$(($(stat -c %s small.tp) - 9))
head -c $frames small.tp >&3
timeout 20 head -c $frames <&4 >seen || fail "the frames did not come out while the input was quiet"
tail -c 9 small.tp >&3
exec 3>&-
cat <&4 >>seen
wait $pid
like "the stream" 'final: true' "$(decode <seen | tail -n 3 | tr '\n' ' ')"
