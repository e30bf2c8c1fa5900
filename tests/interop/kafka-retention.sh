#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=200 serial
# Records that Apache Kafka deleted before ksub read them: a Gap that says how many, and it goes on with what is left.
set -euo pipefail
source "$TESTS/assert.bash"
source "$TESTS/interop/kafka.bash"

kafka_prepare "$SCRATCH/kafka"
trap 'kafka_stop KILL' EXIT
kafka_start

feed() { plant_stream 4 "$1" 512 1 "source: \"plant_stream\" number: $2" | kbridge --brokers "$kafka_brokers" --route '+/+/+/+=all' --dead-letter all "${@:3}"; }
# delete_before OFFSET: what lies before it in the one partition.
delete_before() {
  echo "{\"partitions\":[{\"topic\":\"all\",\"partition\":0,\"offset\":$1}],\"version\":1}" > delete.json
  "${kafka_java[@]}" -cp "$kafka_jars/*" org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$kafka_brokers" \
    --offset-json-file delete.json > delete.log 2>&1 || fail "cannot delete: $(cat delete.log)"
}
next_of() { sed -n 's/.*next: //p' "$1" | tail -1; }

feed 5 0 --create-topics --partitions 1 --replication 1
ksub --brokers "$kafka_brokers" --topic all --until-end | twin-fold --changes none --cursor at.cursor > first.tw
next=$(next_of at.cursor)
feed 20 5
delete_before $((next + 10))
ksub --brokers "$kafka_brokers" --topic all --cursor at.cursor --until-end > rest.tw 2> rest.err
equal "the line" "ksub: all [0] offsets $next to $((next + 9)): 10 records were deleted before they were read" "$(cat rest.err)"
fcat --only gap,resume rest.tw > gap.json
like "Resume, then the Gap" "\"resume\".*\"gap\".*\"reason\":\"evicted\",\"messages\":10" "$(tr -d '\n' < gap.json)"
ksub --brokers "$kafka_brokers" --topic all --until-end | fcat --only readings > left.txt
fcat --only readings rest.tw | cmp - left.txt || fail "it did not go on with what is left"
[ -s left.txt ] || fail "nothing is left"

# While it reads: it is stopped, the records are deleted, and it goes on.
ksub --brokers "$kafka_brokers" --topic all --fetch-ahead 64k > live.tw 2> live.err &
reader=$!
trap 'kill -KILL "$reader" 2> /dev/null || true; kafka_stop KILL' EXIT
# has TEXT: what it has written so far, which ends anywhere.
has() { [ -n "$(fcat live.tw 2> cut.err | grep -m1 -F "$1")" ]; }
until_true 30 has '"reading"'
kill -STOP "$reader"
feed 800 20
kcat -b "$kafka_brokers" -t all -p 0 -C -e -q -f '%o\n' | tail -1 > last
delete_before $(($(cat last) - 5))
kill -CONT "$reader"
until_true 60 grep -q 'were deleted before they were read' live.err
until_true 30 has '"reason":"evicted"'
kill "$reader"
code_of wait "$reader"
equal "ksub" 0 "$code"
kafka_stop
