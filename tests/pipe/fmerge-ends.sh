#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An input that ends too early does not stop its writer, nor a writer that feeds it and another by turns; and a merge that waits
# for an input stops when it is told to.
set -euo pipefail
. "$TESTS/assert.bash"

python3 "$TESTS/fault/streams.py" . 20
# More than all pipes between two branches hold.
plant-sim --simple --assets 1000 --sensors 10 --lines 10 --duration 50s >big.tp
rows=$(fcat --to csv big.tp | wc -l)
mkfifo branch

whole() {  # WHAT MESSAGE ROWS: what became of the good branch
  equal "$1: exit code" 65 "$(cat code)"
  rm code
  like "$1: what is said" "$2" "$(cat stderr)"
  equal "$1: rows" "$3" "$(fcat --to csv --finish <merged 2>/dev/null | wc -l)"
}
# In front of the wrong tag there is one reading.
for case in "undeclared-alias 0" "wrong-tag 1"; do
  read -r bad more <<<"$case"
  message='branch: .*(undeclared alias 7|not a frame|tag)'
  tee >(cat $bad.tp - >branch) <big.tp | timeout -s KILL 60 fmerge - branch >merged 2>stderr || echo "${PIPESTATUS[1]}" >code
  whole "$bad in a FIFO" "$message" $((rows + more))

  tee branch <big.tp | cat $bad.tp - | timeout -s KILL 60 fmerge - branch >merged 2>stderr || echo "${PIPESTATUS[2]}" >code
  whole "$bad in standard input" "standard ${message/branch/input}" $((rows + more))
done

mkfifo silent
takes_stop() { [ $((0x$(sed -n 's/^SigCgt:\t//p' "/proc/$pid/status") >> 14 & 1)) = 1 ]; }
sleeps() { grep -q '^State:.S' "/proc/$pid/status"; }
ended() { ! grep -q '^State:.[^Z]' "/proc/$pid/status" 2>/dev/null; }
for signal in TERM INT; do
  for writer in no a; do
    [ $writer = no ] || exec 3<>silent
    fmerge small.tp silent >out 2>stderr &
    pid=$!
    until_true 20 takes_stop
    until_true 20 sleeps
    [ $writer = no ] || head -c 100 small.tp >&3
    until_true 20 sleeps
    kill -$signal $pid
    until_true 20 ended
    code_of wait $pid
    equal "SIG$signal, $writer writer: exit code" 0 $code
    silent stderr
    like "SIG$signal, $writer writer: the last frame" 'close \{[^}]*\}' "$(decode <out | tail -n 6 | tr '\n' ' ')"
    [[ $(decode <out) != *final* ]] || fail "Close is final after SIG$signal"
    [ $writer = no ] || exec 3>&-
  done
done
