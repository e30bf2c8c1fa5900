#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=3600 serial
# kbridge --transactional-id against Apache Kafka: a hundred kills. SEED=N repeats one.
set -euo pipefail
source "$TESTS/assert.bash"
source "$TESTS/interop/kafka.bash"
source "$TESTS/interop/transactions.bash"

kafka_prepare "$SCRATCH/kafka"
trap 'kafka_stop KILL' EXIT
kafka_start
kbridge --brokers "$kafka_brokers" --create-topics --partitions 3 --replication 1 --transactional-id chain < <(plant_stream 0 0)
transaction_campaign "${KILLS:-100}" "${SEED:-$((RANDOM * 32768 + RANDOM))}"
kafka_stop
