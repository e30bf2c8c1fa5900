#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400 serial
# kbridge and ksub against Apache Kafka: other people's tools read our values, keys lie where Java puts them, nothing is lost when the
# broker restarts.
set -euo pipefail
source "$TESTS/assert.bash"
source "$TESTS/interop/kafka.bash"

# Readings and waveforms as sorted lines: the same, whatever frames they stand in.
lines() { fcat --only readings,waveform "$@" | sort; }

kafka_prepare "$SCRATCH/kafka"
trap 'kafka_stop KILL' EXIT

# No broker yet.
plant_stream 30 20 > in.tw
code_of kbridge --brokers "$kafka_brokers" --connect-timeout 1s < in.tw 2> down.err
equal "kbridge without a broker" 69 "$code"
like "the message" 'no Kafka broker answers' "$(cat down.err)"

kafka_start
code_of kbridge --brokers "$kafka_brokers" --connect-timeout 2s < in.tw 2> missing.err
equal "topics that do not exist" 78 "$code"

kbridge --brokers "$kafka_brokers" --create-topics --partitions 5 --replication 1 --min-insync-replicas 1 --retention 30d --compression zstd \
  --cursor sent.cursor < in.tw 2> bridge.err
silent bridge.err
like "the cursor" 'number: 20' "$(cat sent.cursor)"

# kcat reads the values, and protoc alone understands every one of them.
for topic in telemetry.vibration telemetry.thermal asset.state asset.alarms twinpipe.dead-letters; do
  kcat -b "$kafka_brokers" -t "$topic" -C -e -q -D '' -f '%s' > "$topic.bin"
  decode < "$topic.bin" > "$topic.txt" || fail "protoc does not decode the values of $topic"
  [ -s "$topic.txt" ] || fail "$topic is empty"
  kcat -b "$kafka_brokers" -t "$topic" -C -e -q -f '%p\t%k\t%h\n' > "$topic.records"
done
like "headers" 'event-time-min=17[0-9]{17},event-time-max=17[0-9]{17}' "$(grep -m1 asset- telemetry.thermal.records)"
# One value at a time: each is a message of its own.
count=0
while read -r offset; do
  kcat -b "$kafka_brokers" -t telemetry.thermal -p 0 -C -o "$offset" -c 1 -q -D '' -f '%s' | decode | grep '^  open' >/dev/null || fail "offset $offset"
  count=$((count + 1))
done < <(kcat -b "$kafka_brokers" -t telemetry.thermal -p 0 -C -e -q -f '%o\n' | head -5)
equal "values looked at" 5 "$count"

# Java's own producer puts every key into the partition that we chose.
cut -f1,2 telemetry.thermal.records | awk -F'\t' '$2 != ""' | sort -u > ours.txt
cut -f2 ours.txt | sort -u > keys.txt
javac -cp "$kafka_jars/*" -d . "$TESTS/interop/PartitionOf.java"
"${kafka_java[@]}" -cp "$kafka_jars/*:." PartitionOf "$kafka_brokers" telemetry.thermal < keys.txt | sort -u > java.txt
[ "$(wc -l < keys.txt)" = 30 ] || fail "30 assets have $(wc -l < keys.txt) keys"
same_bytes "partitions" java.txt ours.txt

all=(--topic telemetry.vibration --topic telemetry.thermal --topic asset.state --topic asset.alarms --topic twinpipe.dead-letters)
ksub --brokers "$kafka_brokers" "${all[@]}" --until-end | lines > out.txt
lines in.tw > in.txt
cmp in.txt out.txt || fail "the readings differ"
# By time: everything is younger than 1970 and older than the future.
ksub --brokers "$kafka_brokers" --from 1970-01-02T00:00:00Z --until-end | lines > from.txt
[ -s from.txt ] || fail "nothing is younger than 1970"

# As JSON: every record is one object, and they are the lines of the canonical form.
kbridge --brokers "$kafka_brokers" --create-topics --partitions 3 --replication 1 --value json --route '+/+/+/+=json' < in.tw
kcat -b "$kafka_brokers" -t json -C -e -q -f '%S\t%k\t%s\n' > json.records
awk -F'\t' 'length($3) != $1 { exit 1 }' json.records || fail "a value is not one line"
cut -f3 json.records | python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]'
cut -f3 json.records | grep '"frame":"reading"' | sort > json.txt
fcat --canonical in.tw | grep '"frame":"reading"' | sort > canonical.txt
same_bytes "readings as JSON" canonical.txt json.txt
equal "declarations" "$(fcat --canonical in.tw | grep -c '"frame":"series"')" "$(cut -f3 json.records | grep -c '"frame":"series"')"
[ "$(cut -f2 json.records | grep -v '^$' | sort -u | wc -l)" = 30 ] || fail "JSON records have other keys"

# The broker is killed in the middle and started again: every reading arrives, in order, and the cursor waits for it.
mkfifo pipe
kbridge --brokers "$kafka_brokers" --cursor restart.cursor --delivery-timeout 2m < pipe 2> restart.err &
bridge=$!
trap 'kill "$bridge" 2> /dev/null || true; kafka_stop KILL' EXIT
exec 9> pipe
plant_stream 100 200 > long.tw
size=$(stat -c %s long.tw)
head -c $((size / 3)) long.tw >&9
until_true 30 test -s restart.cursor
kafka_stop KILL
before=$(cat restart.cursor)
dd if=long.tw iflag=skip_bytes,count_bytes skip=$((size / 3)) count=$((size / 3)) bs=64k status=none >&9
until_true 60 grep -q 'no Kafka broker can be reached' restart.err
kafka_start 9>&-  # it must not hold the pipe
tail -c +$((size / 3 * 2 + 1)) long.tw >&9
exec 9>&-
code_of wait "$bridge"
equal "kbridge across a restart" 0 "$code"
[ "$before" != "$(cat restart.cursor)" ] || fail "the cursor did not move on"
ksub --brokers "$kafka_brokers" "${all[@]}" --until-end | lines | uniq > all.txt
cat in.tw long.tw | lines | uniq > expected.txt
cmp all.txt expected.txt || fail "readings were lost"

kafka_stop
