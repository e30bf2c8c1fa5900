#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rawbuf append on a disk whose n-th call fails, for every n: what it calls safe is there, what is there is what was written, and
# the next run goes on.
# ctest: timeout=240
set -euo pipefail
. "$TESTS/assert.bash"
. "$TESTS/fault/inject.bash"
cd "$SCRATCH"

# frames_of STREAM: a line for each of its frames but Open, Close and what a source says of itself.
frames_of() { fcat --exact "$1" | grep -vE '^\{"frame":"(open|close|position|resume)"' || true; }
# is_beginning BUFFER INPUT_FRAMES: what is in the buffer is a beginning of the input; prints how many frames.
is_beginning() {
  rawbuf tail "$1" >out.tp 2>tail.err
  frames_of out.tp >out.json
  head -n "$(wc -l <out.json)" "$2" | cmp -s - out.json || fail "$1 holds something else than a beginning of the input"
  wc -l <out.json
}

plant-sim --assets 2 --lines 1 --duration 3s --metrics-only >small.tp
frames_of small.tp >small.json
all=$(fcat --exact small.tp | wc -l)
for error in ENOSPC EIO SHORT; do
  for call in write@file fsync open rename unlink; do
    { [ $error != SHORT ] || [ $call = write@file ]; } || continue
    for n in $(seq 60); do
      rm -rf raw
      code_of inject "$call:$n:$error" rawbuf append raw --sync always --segment-size 300 --max-size 100k <small.tp >/dev/null 2>append.err
      [ $error != SHORT ] || equal "$call $n SHORT" 0 $code
      if [ $code != 0 ]; then
        [ $code = 74 ] || [ $code = 73 ] || [ $code = 69 ] || fail "$call $n $error: exit code $code: $(cat append.err)"
        equal "$call $n $error: messages" 1 "$(wc -l <append.err)"
        safe=$(sed -nE 's/.*; ([0-9]+) of [0-9]+ frames of this input are safe on disk$/\1/p' append.err)
        if [ -d raw ]; then
          kept=$(is_beginning raw small.json)
          [ "$kept" -ge $((${safe:-0} == all ? all - 2 : ${safe:-0} - 1)) ] || fail "$call $n $error: $safe frames are called safe, $kept are there"
        fi
      else
        equal "$call $n $error: frames" "$(wc -l <small.json)" "$(is_beginning raw small.json)"
      fi
      rawbuf append raw <small.tp 2>start.err || fail "$call $n $error: the next run: $(cat start.err)"
      rawbuf verify raw >verify.txt || fail "$call $n $error: damaged: $(cat verify.txt)"
      # Fewer calls than n: nothing failed, and nothing will.
      [ $code != 0 ] || [ $error = SHORT ] || break
      [ $error != SHORT ] || [ "$n" -lt 10 ] || break
    done
  done
done
