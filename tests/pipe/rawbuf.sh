#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The buffer between processes: a reader that stops and goes on, one that follows, several at once, one writer, and what retention
# does to a reader that is behind.
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
frames_of() { fcat --exact "$1" | grep -vE '^\{"frame":"(open|close|position|resume)"' || true; }
kinds() { fcat --exact "$1" | sed -E 's/^\{"frame":"([a-z_]*)".*/\1/'; }

for part in 0 1 2; do
  plant-sim --assets 3 --lines 1 --metrics-only --duration 9s --start "2026-01-01T00:0${part}:00Z" >part$part.tp
done

# A chain that ends with a sink that keeps the cursor: each run sends what is new, and nothing twice.
for part in 0 1 2; do
  rawbuf append raw <part$part.tp
  rawbuf tail raw --cursor sent | tee sent$part.tp | twin-fold --state state --cursor sent --changes none >/dev/null
  [ $part = 0 ] || equal "run $part begins with" "open resume" "$(kinds sent$part.tp | head -n 2 | tr '\n' ' ' | sed 's/ $//')"
  equal "run $part ends with" "position close" "$(kinds sent$part.tp | tail -n 2 | tr '\n' ' ' | sed 's/ $//')"
done
for part in 0 1 2; do
  # What a restarted source declares again is all that comes twice.
  cmp <(frames_of part$part.tp | grep -v '^{"frame":"series"') <(frames_of sent$part.tp | grep -v '^{"frame":"series"') ||
    fail "part $part is not what was sent"
done
rawbuf tail raw --cursor sent >nothing.tp
equal "nothing new" "open resume close" "$(kinds nothing.tp | tr '\n' ' ' | sed 's/ $//')"
like "the record ended, and so does what is told of it" '"final":true' "$(fcat --only close nothing.tp)"

# From the middle of a stream: the rest, with what is in force.
rawbuf tail raw --from 20 >middle.tp
all=$(rawbuf tail raw | fcat --only readings | wc -l)
rest=$(fcat --only readings middle.tp | wc -l)
[ "$rest" -gt 0 ] && [ "$rest" -lt "$all" ] || fail "$rest of $all readings from frame 20 on"
fcat --only readings middle.tp | cmp - <(rawbuf tail raw | fcat --only readings | tail -n "$rest")

# Two readers follow while a writer appends in its own time.
mkfifo slow
rawbuf append live --sync always <slow &
writer=$!
exec 8>slow
cat part0.tp >&8
until_true 20 test -e live/catalog
for reader in 1 2; do rawbuf tail live --follow >follow$reader.tp & readers[reader]=$!; done
wanted=$(frames_of part0.tp | wc -l)
arrived() { [ "$(fcat --exact "$1" 2>/dev/null | grep -cvE '^\{"frame":"(open|close|position)"')" -ge "$2" ]; }
until_true 20 arrived follow1.tp "$wanted"
cat part1.tp >&8
wanted=$((wanted + $(frames_of part1.tp | wc -l)))
for reader in 1 2; do until_true 20 arrived follow$reader.tp "$wanted"; done
code_of rawbuf append live <part2.tp 2>second
equal "a second writer" 75 "$code"
like "a second writer" 'another process writes' "$(cat second)"
rawbuf verify live
for reader in 1 2; do
  kill -TERM "${readers[reader]}"
  wait "${readers[reader]}" || fail "reader $reader: exit code $?"
  frames_of follow$reader.tp | cmp - <(frames_of part0.tp && frames_of part1.tp) || fail "reader $reader missed something"
  like "reader $reader was stopped" '"final":false' "$(fcat --only close follow$reader.tp | tail -n 1)"
done
exec 8>&-
wait $writer || fail "the writer: exit code $?"

# What was not sent outlives its age; what was sent does not.
rawbuf append old --max-age 0 <part0.tp
rawbuf tail old --cursor behind >/dev/null
rawbuf append old --max-age 1ns <part1.tp
equal "segments kept for the cursor" 2 "$(find old -name '*.seg' | wc -l)"
rawbuf tail old --cursor behind | twin-fold --state state2 --cursor behind --changes none >/dev/null
rawbuf append old --max-age 1ns <part2.tp
equal "segments kept once they were sent" 1 "$(find old -name '*.seg' | wc -l)"
like "the removed ones are remembered" 'removed: age' "$(rawbuf ls old)"

# Size spares nobody: the reader is told what it will never see.
rawbuf append small <part0.tp
rawbuf tail small --cursor late >/dev/null
rawbuf append small --max-size 1 <part1.tp 2>taken || fail "exit code $?"
like "it says what it took" 'removed for --max-size before frames 1 to [0-9]+ were sent' "$(cat taken)"
rawbuf append small <part2.tp
rawbuf tail small --cursor late >gap.tp 2>gap.err
like "the gap" '"reason":"evicted"' "$(fcat --only gap gap.tp)"
like "whose it is" '"node":"plant-1/line-1"' "$(fcat --only gap gap.tp)"
frames_of gap.tp | grep -v '"gap"' | cmp - <(frames_of part2.tp) || fail "what is left is not told"

# Behind declarations that were damaged and repaired away: what builds on them is left out, and what is told is a stream.
plant-sim --assets 4 --lines 1 --metrics-only --duration 20s >whole.tp
mkfifo parts
rawbuf append lost --sync always --acknowledge <parts >acknowledged &
writer=$!
exec 9>parts
head -c 1000 whole.tp >&9
until_true 30 test -s acknowledged # a record ends here, between the declarations
tail -c +1001 whole.tp >&9
exec 9>&-
wait $writer
first=$(head -n 1 acknowledged) # frames of the first record
printf X | dd of=lost/00000000000000000001.seg bs=1 seek=200 conv=notrunc status=none
rawbuf repair lost >repaired 2>repair.err
rawbuf verify lost || fail "still damaged"
for command in "tail lost" "tail lost --from $((first + 20))" "replay lost"; do
  # Words on purpose: a command and its options.
  # shellcheck disable=SC2086
  rawbuf $command >left.tp 2>left.err || fail "rawbuf $command: exit code $?: $(cat left.err)"
  fcat left.tp >left.json || fail "rawbuf $command told no stream"
  like "rawbuf $command says so" 'frames whose declarations were lost are left out' "$(cat left.err)"
done
