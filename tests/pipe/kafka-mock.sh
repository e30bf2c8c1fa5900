#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# The whole spine through the mock cluster: frames → kbridge → Kafka → ksub → frames.
set -euo pipefail
source "$TESTS/assert.bash"

# Readings and waveforms as sorted lines: the same, whatever frames they stand in.
lines() { fcat --only readings,waveform "$@" | sort; }
# same_frames WHAT EXPECTED ACTUAL: each as its bytes say, but for the Positions, which come by the clock, and their count.
same_frames() {
  local file
  for file in "$2" "$3"; do
    fcat --exact "$file" > "$file.exact"
    sed -i '/^{"frame":"position"/d; /^{"frame":"close"/s/"frames":[0-9]*,//' "$file.exact"
  done
  same_bytes "$1" "$2.exact" "$3.exact"
}

topics=()
for topic in telemetry.vibration telemetry.thermal asset.state asset.alarms twinpipe.dead-letters; do topics+=(--topic "$topic:3"); done
kmock "${topics[@]}" --topic other:5 --topic twinpipe.positions:2 > boot &
mock=$!
trap 'kill "$mock" 2>/dev/null || true' EXIT
until_true 20 test -s boot
brokers=$(cat boot)

plant_stream 30 20 > in.tw
kbridge --brokers "$brokers" --cursor sent.cursor < in.tw 2> bridge.err
silent bridge.err
like "the cursor of kbridge" 'number: 20' "$(cat sent.cursor)"

all=(--topic telemetry.vibration --topic telemetry.thermal --topic asset.state --topic asset.alarms --topic twinpipe.dead-letters)
ksub --brokers "$brokers" "${all[@]}" --until-end > out.tw 2> sub.err
silent sub.err
lines in.tw > in.txt
lines out.tw > out.txt
cmp in.txt out.txt || fail "the readings differ"
[ -s in.txt ] || fail "there are no readings to compare"

# The same records give the same frames.
ksub --brokers "$brokers" "${all[@]}" --until-end > again.tw
same_frames "ksub twice" out.tw again.tw

# Two shards together are the whole.
for shard in 0/2 1/2; do ksub --brokers "$brokers" "${all[@]}" --shard "$shard" --until-end > "shard${shard%/2}.tw"; done
cat shard0.tw shard1.tw | lines > shards.txt
cmp in.txt shards.txt || fail "two shards are not the whole"

# A death and the next birth of node 0 come out once each.
equal "deaths" 1 "$(decode < out.tw | grep -c 'reason: REASON_WILL')"

# The cursor: nothing is read twice, and Resume says so.
ksub --brokers "$brokers" --until-end | twin-fold --cursor back.cursor > /dev/null
ksub --brokers "$brokers" --cursor back.cursor --until-end > rest.tw
equal "readings behind the cursor" 0 "$(decode < rest.tw | grep -c '^  readings' || true)"
equal "Resume" 1 "$(decode < rest.tw | grep -c '^  resume' || true)"
code_of ksub --brokers "$brokers" --cursor back.cursor --shard 0/2 --until-end > /dev/null 2> other.err
equal "a foreign cursor" 78 "$code"

# A Position as text says the same as a cursor.
from=$(tr '\n' ' ' < <(grep -v '^#' back.cursor))
ksub --brokers "$brokers" --from "$from" --until-end > text.tw
same_frames "--from Position" rest.tw text.tw

# Records and the Position in one transaction; the next run goes on there, and only there. (The mock cluster takes nothing back.)
code_of kbridge --brokers "$brokers" --committed chain 2> none.err
equal "--committed before anything" 1 "$code"
kbridge --brokers "$brokers" --transactional-id chain --stats 100 < in.tw 2> transactions.err
like "transactions" 'transactions 2$' "$(cat transactions.err)"
equal "--committed" 'source: "plant_stream" number: 20' "$(kbridge --brokers "$brokers" --committed chain)"
code_of kbridge --brokers "$brokers" --committed other 2> none.err
equal "another's" 1 "$code"
code_of kbridge --brokers "$brokers" --transactional-id chain < in.tw 2> anew.err
equal "from the beginning again" 75 "$code"
like "the message" 'has committed Position 20 of plant_stream' "$(cat anew.err)"
plant_stream 30 40 512 10 "$(kbridge --brokers "$brokers" --committed chain)" > more.tw
kbridge --brokers "$brokers" --transactional-id chain < more.tw
equal "--committed" 'source: "plant_stream" number: 40' "$(kbridge --brokers "$brokers" --committed chain)"
ksub --brokers "$brokers" "${all[@]}" --until-end | lines > committed.txt
plant_stream 30 40 | cat - in.tw | lines > expected.txt
cmp expected.txt committed.txt || fail "the transactions are not the input"
# A source without Positions: its end commits.
plant_stream 3 30 512 1000 | kbridge --brokers "$brokers" --transactional-id timed --commit-every 1h --stats 100 2> timed.err
like "a source without Positions" 'transactions 1$' "$(cat timed.err)"

# A group commits only what came back through the cursor, and goes on there.
kbridge --brokers "$brokers" < in.tw
ksub --brokers "$brokers" --group g --until-end | lines > group.txt
[ -s group.txt ] || fail "the group read nothing"

# Counts that differ are refused, for a shard.
code_of ksub --brokers "$brokers" --topic asset.state --topic other --until-end > /dev/null 2> counts.err
equal "unequal counts" 78 "$code"
like "the message" 'equal counts' "$(cat counts.err)"

# No broker.
code_of kbridge --brokers 127.0.0.1:1 --connect-timeout 500ms < in.tw 2> down.err
equal "kbridge without a broker" 69 "$code"
code_of ksub --brokers 127.0.0.1:1 --connect-timeout 500ms > /dev/null 2> down.err
equal "ksub without a broker" 69 "$code"

# A stream that is cut: what was whole before it is delivered.
head -c 100000 in.tw > cut.tw
code_of kbridge --brokers "$brokers" --stats 100 < cut.tw 2> cut.err
equal "a cut stream" 65 "$code"

# It ends when it is told to.
kill "$mock"
code_of wait "$mock"
equal "kmock" 0 "$code"
trap - EXIT
