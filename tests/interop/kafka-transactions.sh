#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400 serial
# kbridge --transactional-id against Apache Kafka: whoever is killed and whenever, a reader of what is committed sees each record once.
set -euo pipefail
source "$TESTS/assert.bash"
source "$TESTS/interop/kafka.bash"
source "$TESTS/interop/transactions.bash"

kafka_prepare "$SCRATCH/kafka"
trap 'kafka_stop KILL' EXIT
kafka_start

# Nothing was committed yet, and there is no topic that could hold it.
code_of kbridge --brokers "$kafka_brokers" --committed chain > none.txt 2> none.err
equal "--committed before anything" 1 "$code"
silent none.txt
equal "the message" 'kbridge: nothing was committed as chain yet' "$(cat none.err)"

# The topics; an input that did not end commits what stands before its last Position, and says what it did not.
plant_stream 3 12 > in.tw
head -c $(($(stat -c %s in.tw) - 200)) in.tw > cut.tw
code_of kbridge --brokers "$kafka_brokers" --create-topics --partitions 3 --replication 1 --transactional-id cut < cut.tw 2> cut.err
equal "a cut input" 65 "$code"
equal "what is committed of it" 'source: "plant_stream" number: 10' "$(kbridge --brokers "$kafka_brokers" --committed cut)"
all=()
for topic in "${topics[@]}"; do all+=(--topic "$topic"); done
ksub --brokers "$kafka_brokers" "${all[@]}" --until-end | fcat --only readings,waveform | sort > committed.txt
plant_stream 3 12 | fcat --until 2023-11-14T22:13:30Z --only readings,waveform | sort > ten.txt
cmp ten.txt committed.txt || fail "not what stands before the Position"

# Who does not go on where it was committed is sent away; nothing of it is committed.
code_of kbridge --brokers "$kafka_brokers" --transactional-id cut < in.tw 2> anew.err
equal "from the beginning again" 75 "$code"
code_of kbridge --brokers "$kafka_brokers" --transactional-id cut < <(plant_stream 3 12 512 10 'source: "plant_stream" number: 5') 2> other.err
equal "from elsewhere" 75 "$code"
plant_stream 3 12 512 10 "$(kbridge --brokers "$kafka_brokers" --committed cut)" | kbridge --brokers "$kafka_brokers" --transactional-id cut
each_once_in_order in.tw

# Before its Position comes, a record is there for --uncommitted alone. A second one of the same name takes over; the first says so
# when it wants to commit, and nothing of it is.
mkfifo pipe
plant_stream 3 12 512 6 > in.tw
kbridge --brokers "$kafka_brokers" --transactional-id one < pipe 2> fenced.err &
first=$!
trap 'kill "$first" 2> /dev/null || true; kafka_stop KILL' EXIT
exec 9> pipe
head -c $(($(stat -c %s in.tw) / 3)) in.tw >&9
rows() { ksub --brokers "$kafka_brokers" "${all[@]}" "$@" --until-end | fcat --only readings | wc -l; }
before=$(rows)
appeared() { [ "$(rows --uncommitted)" -gt "$before" ]; }
until_true 30 appeared
equal "committed readings" "$before" "$(rows)"
kbridge --brokers "$kafka_brokers" --transactional-id one < in.tw
tail -c +$(($(stat -c %s in.tw) / 3 + 1)) in.tw >&9
exec 9>&-
code_of wait "$first"
equal "who was shut out" 78 "$code"
like "the message" 'another producer has taken over the transactional id one' "$(cat fenced.err)"
plant_stream 3 12 > whole.tw
cat whole.tw whole.tw | fcat --only readings,waveform | sort > expected.txt
ksub --brokers "$kafka_brokers" "${all[@]}" --until-end | fcat --only readings,waveform | sort > found.txt
cmp expected.txt found.txt || fail "the one that was shut out committed something"

kafka_stop KILL
kafka_prepare "$SCRATCH/campaign"
kafka_start
kbridge --brokers "$kafka_brokers" --create-topics --partitions 3 --replication 1 --transactional-id chain < <(plant_stream 0 0)
transaction_campaign 10 "${SEED:-$((RANDOM * 32768 + RANDOM))}"
kafka_stop
