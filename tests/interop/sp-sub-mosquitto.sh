#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sp-sub against a real mosquitto: births, data by name and alias, death, will, plain QoS 1 topics kept while it is away,
# STATE of a primary host, a stalled reader, TLS with password, and failover.
set -euo pipefail

for program in mosquitto mosquitto_pub mosquitto_sub protoc openssl; do
  command -v "$program" > /dev/null || { echo "$program is missing"; [ "${CI:-}" = true ] && exit 1; exit 77; }
done
PROTO=$TESTS/../libcore/proto
cd "$SCRATCH"
BROKERS=()
cleanup() {
  for pid in "${BROKERS[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
}
trap cleanup EXIT

fail() { echo "FAILED: $*"; exit 1; }
# until_true SECONDS COMMAND...: polls.
until_true() {
  local end=$((SECONDS + $1)); shift
  until "$@" > /dev/null 2>&1; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.05; done
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# broker NAME PORT [CONFIG LINE...]: sets PID.
broker() {
  local name=$1 port=$2; shift 2
  printf '%s\n' "$@" > "$name.conf"
  [ $# -gt 0 ] || printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" > "$name.conf"
  mosquitto -c "$name.conf" > "$name.log" 2>&1 &
  PID=$!
  BROKERS+=("$PID")
  until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || fail "broker $name does not answer: $(cat "$name.log")"
}
# payload FILE < text form
payload() { protoc -I "$PROTO" --encode twinpipe.sparkplug.Payload sparkplug_b.proto > "$1"; }
stream() { protoc -I "$PROTO" --decode twinpipe.v1.Stream frames.proto < "$1"; }
send() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$1" -f "$2" -q "${3:-0}"; }

PORT=$(free_port)
broker one "$PORT"
FIRST=$PID
NOW=$(date +%s%3N)

payload nbirth <<X
timestamp: $NOW seq: 0
metrics { name: "bdSeq" datatype: 8 long_value: 7 }
metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: false }
metrics { name: "load" alias: 1 datatype: 10 timestamp: $NOW double_value: 0.5
  properties { keys: "engUnit" values { type: 12 string_value: "%" } keys: "engHigh" values { type: 10 double_value: 100 } } }
metrics { name: "count" alias: 2 datatype: 1 timestamp: $NOW int_value: 4294967295 }
X
payload dbirth <<X
timestamp: $NOW seq: 1
metrics { name: "rpm" alias: 3 datatype: 3 timestamp: $NOW int_value: 1500 }
metrics { name: "vibration" alias: 4 datatype: 30 timestamp: $NOW bytes_value: "\000\000\200\077\000\000\000\300"
  properties { keys: "samplePeriod" values { type: 10 double_value: 0.000125 } } }
X
payload ndata <<X
timestamp: $((NOW + 1)) seq: 2
metrics { alias: 1 timestamp: $((NOW + 1)) double_value: 0.75 }
X
payload ddata <<X
timestamp: $((NOW + 2)) seq: 3
metrics { alias: 3 timestamp: $((NOW + 2)) int_value: 4294965796 }
metrics { alias: 4 timestamp: $((NOW + 2)) is_null: true }
X
payload ndeath <<X
metrics { name: "bdSeq" datatype: 8 long_value: 7 }
X

echo "births, data, death"
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role passive --count 9 --for 20s > out 2> err &
SUB=$!
until_true 10 grep -q "SUBSCRIBE" one.log || until_true 10 grep -q "New client connected" one.log || fail "sp-sub did not connect"
sleep 0.3
send spBv1.0/G/NBIRTH/E nbirth
send spBv1.0/G/DBIRTH/E/D dbirth
send spBv1.0/G/NDATA/E ndata
send spBv1.0/G/DDATA/E/D ddata
send spBv1.0/G/NDEATH/E ndeath
send spBv1.0/G/NDATA/E ndata
wait "$SUB" || fail "sp-sub exit $?: $(cat err)"
stream out
cat err
