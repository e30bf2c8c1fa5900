#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=600
# The fleet test against a stream engine with one watermark for all: plant A is cut off for four hours while B goes on, then A's
# backlog comes. Windows of five minutes, ten minutes of lateness, the same readings in the same order for both. Spark
# Structured Streaming drops the backlog; winagg aggregates every reading.
set -euo pipefail
. "$TESTS/assert.bash"
. "$TESTS/interop/python.bash"
command -v java >/dev/null || { echo "no java"; exit 77; }
python_with pyspark==4.1.1 || exit 77

hour() { date -u -d "2026-01-01T00:00:00Z + $1 hours" +%Y-%m-%dT%H:%M:%SZ; }
for plant in 1 2; do
  plant-sim --seed $plant --first-line $plant --lines 1 --assets 2 --metrics-only --duration 6h >plant.tp
  for h in {0..5}; do fcat --to frames --match '+/+/+/temp-*' --since "$(hour "$h")" --until "$(hour $((h + 1)))" plant.tp >plant-$plant.$h; done
done
parts=(plant-1.0 plant-2.{0..4} plant-1.{1..5} plant-2.5)
cat "${parts[@]}" >cut.tp
readings=$(fcat --stat cut.tp | awk '$1 == "readings" { n = $2 } END { print n }')

echo '{"name":"fleet","version":"1","owner":"tests","winagg":[{"match":"+/+/+/+","window":"5m","lateness":"10m"}]}' >policy.json
winagg --policy policy.json --metrics ours.prom <cut.tp >ours.tp
ours=$(fcat --only aggregates ours.tp | "$python" -c '
import json, sys
print(sum(int(count) for line in sys.stdin for count in json.loads(line)["count"]))')

mkdir input
number=100
for part in "${parts[@]}"; do
  fcat --to csv --only readings "$part" >"input/$number.csv"
  touch -d "@$number" "input/$number.csv" # Spark reads files in the order of their times
  number=$((number + 1))
done
cat >spark.py <<'END'
import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, count, window
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.shuffle.partitions", "2")
         .config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "1g").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
rows = (spark.readStream.schema("series STRING, time TIMESTAMP, value DOUBLE").option("header", "true")
        .option("maxFilesPerTrigger", 1).csv("input"))
windows = rows.withWatermark("time", "10 minutes").groupBy(window("time", "5 minutes"), col("series")).agg(count("*").alias("n"))
query = (windows.writeStream.outputMode("append").format("parquet").option("path", "windows").option("checkpointLocation", "state")
         .trigger(availableNow=True).start())
query.awaitTermination()
dropped = sum(operator["numRowsDroppedByWatermark"] for p in query.recentProgress for operator in p["stateOperators"])
read = sum(p["numInputRows"] for p in query.recentProgress)
kept = (spark.read.parquet("windows").where("series LIKE 'plant-1/line-1/%' AND window.start >= '2026-01-01 01:00:00' "
                                            "AND window.start < '2026-01-01 05:00:00'").agg({"n": "sum"}).collect()[0][0])
print("spark", spark.version, read, dropped, kept or 0)
spark.stop()
END
SPARK_LOCAL_IP=127.0.0.1 "$python" spark.py >spark.out 2>spark.err || fail "Spark: $(tail -n 3 spark.err)"
read -r _ version read dropped kept < <(grep '^spark ' spark.out)
late=$(awk 'index($1, "twinpipe_late_total{") == 1 { print $2 }' ours.prom)
backlog=$(cat plant-1.{1..4} | fcat --stat | awk '$1 == "readings" { n = $2 } END { print n }')
echo "of $readings readings winagg aggregates $ours and calls $late late; Spark $version reads $read, drops by its watermark" \
  "($dropped rows of its state) and has $kept of the backlog's $backlog readings in its windows"
equal 'readings in windows of ours' "$readings" "$ours"
equal 'late readings of ours' 0 "$late"
equal 'readings that Spark read' "$readings" "$read"
[ "$kept" -lt "$backlog" ] || fail 'Spark dropped nothing: the backlog was not late for it'
