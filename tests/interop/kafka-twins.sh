#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=200 serial
# Twins in a compacted topic of Apache Kafka: what compaction leaves is the newest twin of every asset, and nothing of one that
# was retired.
set -euo pipefail
source "$TESTS/assert.bash"
source "$TESTS/interop/kafka.bash"

kafka_prepare "$SCRATCH/kafka"
# What is older than a second is compacted every half second, and tombstones are forgotten at once.
cat >>"$SCRATCH/kafka/server.properties" <<'END'
log.cleaner.backoff.ms=500
log.cleaner.min.cleanable.ratio=0.001
log.cleaner.delete.retention.ms=100
log.roll.ms=1000
END
trap 'kafka_stop KILL' EXIT
kafka_start

# A line dies after ten seconds for good, and retires ten seconds later.
plant-sim --assets 4 --lines 2 --duration 30s --metrics-only --fault kill:plant-1/line-2:10s:0 |
  twin-fold --retire-after 10s --snapshot twins.json >twins.tp
written=$(fcat --only twin twins.tp | wc -l)
retired=$(fcat --only twin twins.tp | grep -c '"retired":true')
equal "assets that retired" 2 "$retired"
kbridge --brokers "$kafka_brokers" --twins asset.twin --create-topics --partitions 1 --replication 1 <twins.tp
all() { kcat -C -q -b "$kafka_brokers" -t asset.twin -e -o beginning -f '%o %k %S\n'; }
equal "tombstones" 2 "$(all | awk '$3 <= 0' | grep -c line-2)"

# The segment that is written to is never compacted, so more is written, until everything of the first run is.
sed -n 's/^{"site"/{"frame":"twin","site"/; s/,$//; /^{"frame"/p' twins.json | fcat --from json --to frames >newest.tp
compacted() {
  all >records
  awk -v written="$written" '$1 < written || $2 ~ /line-2/ { old = 1 } END { exit old }' records && return
  kbridge --brokers "$kafka_brokers" --twins asset.twin <newest.tp
  return 1
}
until_true 120 compacted

ksub --brokers "$kafka_brokers" --topic asset.twin --until-end | fcat --only twin >left.jsonl
fcat --only twin newest.tp | sort >expected
sort -u left.jsonl | cmp expected - || fail "what is left are not the twins of the snapshot"
kafka_stop
