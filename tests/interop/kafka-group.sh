#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300 serial
# ksub --group against Apache Kafka (the mock cluster lets no second member in): one of two members is killed, the other takes its
# partitions over, and no reading is lost, not even what the dead one had read and not made safe.
set -euo pipefail
source "$TESTS/assert.bash"

source "$TESTS/interop/kafka.bash"

kafka_prepare "$SCRATCH/kafka"
members=()
trap 'kill "${members[@]}" 2> /dev/null || true; kafka_stop KILL' EXIT
# Groups may ask for a member that is missed soon.
echo group.min.session.timeout.ms=500 >> "$kafka_dir/server.properties"
kafka_start
brokers=$kafka_brokers all=()
for topic in telemetry.vibration telemetry.thermal asset.state asset.alarms twinpipe.dead-letters; do all+=(--topic "$topic"); done
plant_stream 0 0 | kbridge --brokers "$brokers" --create-topics --partitions 4 --replication 1
plant_stream 0 0 | kbridge --brokers "$brokers" --create-topics --partitions 1 --replication 1 --route '+/+/+/+=sink' --dead-letter sink
printf '%s\n' session.timeout.ms=2000 heartbeat.interval.ms=200 > group.properties

# member NAME: reads for the group. NAME.tw is what it wrote, NAME.cursor how far that was made safe, NAME.done that no more comes.
member() {
  exec ksub --brokers "$brokers" --kafka-config group.properties "${all[@]}" --group g --cursor "$1.cursor" 2> "$1.err" > >(
    tee "$1.tw" | kbridge --brokers "$brokers" --route '+/+/+/+=sink' --dead-letter sink --cursor "$1.cursor" 2> "$1.sink.err" || true
    echo ended > "$1.done"
  )
}
# A file that is still written to ends anywhere.
lines() { fcat "$1" 2> whole.err || true; }
readings() { { grep -E '^\{"frame":"(reading|waveform)"' || true; } | sort -u; }
# safe NAME: what it wrote up to the last Position that came back.
safe() {
  local number
  number=$(sed -n 's/^number: //p' "$1.cursor")
  lines "$1.tw" | sed "/\"frame\":\"position\".*\"number\":$number[,}]/q"
}
# One more second of the plant.
feed() {
  plant_stream 30 $((fed + 1)) 512 1 "source: \"plant_stream\" number: $fed" | kbridge --brokers "$brokers"
  fed=$((fed + 1))
}

fed=0
for name in a b; do
  member $name &
  members+=($!)
done
both_have_read() {
  feed
  [ -s a.cursor ] && [ -s b.cursor ] && [ -n "$(safe a | readings)" ] && [ -n "$(safe b | readings)" ]
}
until_true 60 both_have_read
feed
kill -KILL "${members[0]}"
until_true 30 test -s a.done
feed
plant_stream 30 $fed | fcat | readings > expected.txt
all_is_there() {
  { safe a && lines b.tw; } | readings > found.txt
  cmp -s expected.txt found.txt
}
until_true 60 all_is_there

# The one that is left ends when it is told to.
kill "${members[1]}"
code_of wait "${members[1]}"
equal "the member that is left" 0 "$code"
silent b.err
until_true 30 test -s b.done
kafka_stop
