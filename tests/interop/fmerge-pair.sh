#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# A pair of subscribers on a real broker, merged: one of them is killed at a random moment, and what comes out is what a third one,
# which nobody disturbed, has: every reading once, every birth and death once, no gap.
set -euo pipefail
. "$TESTS/interop/servers.bash"
seed=${SEED:-$RANDOM}
echo "SEED=$seed"
RANDOM=$seed
start_mosquitto broker 'log_type all'

subscribe() {  # NAME OUTPUT: sets $subscriber
  sp-sub --broker "mqtt://127.0.0.1:$port" --client-id "$1" --role passive --origin --tick 100ms --delay 200ms >"$2" 2>"$1.err" &
  subscriber=$!
  server_pids+=("$subscriber")
  until_true 20 grep -q "Sending SUBACK to $1" broker.log
}
readings() { fcat --only readings "$1" 2>/dev/null | sort; }
lives() { fcat --only lifecycle "$1" 2>/dev/null | grep -c '"reason":"'"$2"'"' || true; }

mkfifo one other
fmerge --copies one other >merged 2>merge.err &
merge=$!
server_pids+=("$merge")
subscribe reference alone
reference=$subscriber
subscribe first one
first=$subscriber
subscribe second other
second=$subscriber

victims=("$first" "$second")
victim=${victims[RANDOM % 2]}
plant-sim --assets 4 --lines 2 --duration 60s --waveform-every 5s --waveform-rate 1000 --speed 20x |
  sp-pub --broker "mqtt://127.0.0.1:$port" &
publisher=$!
server_pids+=("$publisher")
enough() { [ "$(stat -c %s alone)" -ge "$1" ]; }
until_true 30 enough $((1000 + RANDOM % 60000))
kill -KILL "$victim"
wait "$publisher" || fail "sp-pub: exit code $?"

dead() { [ "$(lives "$1" death)" -ge 2 ]; }
until_true 20 dead alone
until_true 20 dead merged
survivor=$second
[ "$victim" = "$first" ] && survivor=$second || survivor=$first
kill -TERM "$reference" "$survivor"
code_of wait "$merge"
equal "exit code of fmerge" 0 "$code"
like "what fmerge says of the one that was killed" '^fmerge: .*(one|other): ' "$(cat merge.err)"
equal "lines on standard error" 1 "$(wc -l <merge.err)"
wait "$reference" "$survivor" || true

readings alone >wanted
readings merged >got
[ "$(wc -l <wanted)" -gt 500 ] || fail "the plant said next to nothing"
diff wanted got >difference || fail "the readings differ: $(head -n 5 difference)"
fcat --only waveform alone 2>/dev/null | sort >wanted
fcat --only waveform merged 2>/dev/null | sort >got
diff wanted got >difference || fail "the waveforms differ: $(head -c 500 difference)"
for reason in birth death; do equal "${reason}s" "$(lives alone $reason)" "$(lives merged $reason)"; done
equal "gaps" 0 "$(fcat --only gap merged | wc -l)"
