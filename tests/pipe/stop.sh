#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGTERM and SIGINT in the middle: what was whole leaves, then a Close that is not final, and exit code 0. A second
# signal ends a filter whose reader does not read.
set -euo pipefail
. "$TESTS/assert.bash"

python3 "$TESTS/fault/streams.py" . 20
policy=$TESTS/fault/policy.json
mkfifo in
for signal in TERM INT; do
  # bash starts background jobs with SIGINT ignored, and the setting is inherited; a tool sets it anew.
  deadband --policy "$policy" <in >out 2>stderr &
  pid=$!
  exec 3>in
  head -c 500 small.tp >&3  # ends inside a frame
  until_true 20 test -s out
  kill -$signal $pid
  code_of wait $pid
  equal "exit code after SIG$signal" 0 $code
  silent stderr
  like "the last frame" 'close \{[^}]*frames: 2[^}]*\}' "$(decode <out | tail -n 6 | tr '\n' ' ')"
  [[ $(decode <out) != *final* ]] || fail "Close is final after SIG$signal"
  exec 3>&-
done

python3 "$TESTS/fault/streams.py" . 200000
mkfifo out2
deadband --policy "$policy" <good.tp >out2 2>stderr &
pid=$!
exec 4<out2
# Nobody reads: the filter is or will be blocked in a write. The first signal has been taken when its handler is gone,
# bit 14 of the caught signals (proc(5)).
takes_sigterm() { [ $((0x$(sed -n 's/^SigCgt:\t//p' "/proc/$pid/status") >> 14 & 1)) = 1 ]; }
has_taken_sigterm() { ! takes_sigterm; }
blocked() { grep -q '^State:.S' "/proc/$pid/status"; }
until_true 20 takes_sigterm
until_true 20 blocked
kill -TERM $pid
until_true 20 has_taken_sigterm
kill -TERM $pid
code_of wait $pid
equal "exit code after a second SIGTERM" 143 $code
