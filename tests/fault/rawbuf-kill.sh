#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rawbuf append under kill -9 at random points: what was acknowledged is there, what is there is what was written, and the next
# run goes on. ROUNDS of them (10), drawn from SEED.
# ctest: timeout=120
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
rounds=${ROUNDS:-10} seed=${SEED:-$RANDOM}
echo "seed $seed"
RANDOM=$seed

# frames_of STREAM: a line for each of its frames but Open, Close and what a source says of itself.
frames_of() { fcat --exact "$1" | grep -vE '^\{"frame":"(open|close|position|resume)"' || true; }

plant-sim --assets 4 --lines 2 --duration 60s --columns 4 --metrics-only >in.tp
frames_of in.tp >in.json
all=$(fcat --exact in.tp | wc -l)
mkfifo slow
for round in $(seq "$rounds"); do
  rm -rf raw && : >acknowledged
  drip "$round" 300 <in.tp >slow 2>/dev/null &
  feeder=$!
  rawbuf append raw --sync always --acknowledge <slow >acknowledged 2>append.err &
  writer=$!
  enough=$((1 + RANDOM % 300))
  until_true 60 eval "[ \"\$(tail -n 1 acknowledged | grep -E '^[0-9]+\$' || echo 0)\" -ge $enough ] || ! kill -0 $writer 2>/dev/null"
  kill -9 $writer 2>/dev/null || true
  wait $writer 2>/dev/null || true
  kill $feeder 2>/dev/null || true
  wait $feeder 2>/dev/null || true
  safe=$(grep -E '^[0-9]+$' acknowledged | tail -n 1)
  rawbuf append raw <in.tp 2>start.err   # starts, and goes on
  rawbuf verify raw >verify.txt || fail "round $round: damaged: $(cat verify.txt)"
  rawbuf tail raw >all.tp
  fcat --exact all.tp >all.json
  # The first recording ends where the second one's Open comes.
  awk '/^\{"frame":"open"/ { n++ } n == 1' all.json | grep -vE '^\{"frame":"(open|close|position)"' >first.json || true
  kept=$(wc -l <first.json)
  # The Open is acknowledged and not shown, and so is the Close where it came so far.
  [ "$kept" -ge $((safe == all ? safe - 2 : safe - 1)) ] || fail "round $round: $safe frames were acknowledged, $kept are shown"
  head -n "$kept" in.json | cmp -s - first.json || fail "round $round: what is there is not what was written"
  awk '/^\{"frame":"open"/ { n++ } n == 2' all.json | grep -vE '^\{"frame":"(open|close|position)"' | cmp -s - in.json ||
    fail "round $round: the second recording is not whole"
done
