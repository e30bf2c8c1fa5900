#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sp-sub against a real mosquitto: births, data by name and alias, death; STATE of a primary host, and a second one with
# its id; plain QoS 1 topics kept while it is away; aliases after a restart; a lost link and failover; a reader that stalls; TLS.
# Proves: tck-id-message-flow-phid-sparkplug-subscription tck-id-host-topic-phid-birth-required
# tck-id-operational-behavior-host-application-connect-birth tck-id-operational-behavior-host-application-connect-birth-retained
# tck-id-operational-behavior-host-application-connect-will tck-id-operational-behavior-host-application-disconnect-intentional
# ctest: timeout=180
set -euo pipefail
. "$TESTS/assert.bash"

for program in mosquitto mosquitto_pub mosquitto_sub protoc openssl python3; do
  command -v "$program" > /dev/null || skip "$program is missing"
done

trap 'kill -KILL $(jobs -p) 2> /dev/null || true; wait' EXIT

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
# broker NAME PORT [CONFIG LINE...]: sets PID.
broker() {
  local name=$1 port=$2
  shift 2
  if [ $# -gt 0 ]; then printf '%s\n' "$@" > "$name.conf"
  else printf 'listener %s 127.0.0.1\nallow_anonymous true\nuser %s\n' "$port" "$(id -un)" > "$name.conf"; fi
  mosquitto -v -c "$name.conf" > "$name.log" 2>&1 &
  PID=$!
  until_true 20 answers "$port"
}
# payload FILE: from its text form on standard input.
payload() { protoc -I "$TESTS/../libcore/proto" --encode twinpipe.sparkplug.Payload sparkplug_b.proto > "$1"; }
send() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$1" -f "$2" -q "${3:-0}"; }
# One line a frame, without the times that differ from run to run.
story() {
  decode < "$1" | python3 -c '
import re, sys
for frame in re.split(r"^frame \{$", sys.stdin.read(), flags=re.M)[1:]:
    text = " ".join(re.sub(r"\b(time|clock|birth|from|to|frames): -?[0-9]+", "", frame).split()).rstrip("} ").replace(" { ", "{")
    if not text.startswith(("open", "arrival", "watermark", "series{")): print(text)'
}
# subscribed LOG COUNT: the broker has taken so many subscriptions.
subscribed() { [ "$(grep -c 'Sending SUBACK' "$1")" -ge "$2" ]; }

PORT=$(free_port)
broker one "$PORT"
ONE=$PID
NOW=$(date +%s%3N)

payload nbirth << X
timestamp: $NOW seq: 0
metrics { name: "bdSeq" datatype: 8 long_value: 7 }
metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: false }
metrics { name: "load" alias: 1 datatype: 10 timestamp: $NOW double_value: 0.5
  properties { keys: "engUnit" values { type: 12 string_value: "%" } keys: "engHigh" values { type: 10 double_value: 100 } } }
metrics { name: "count" alias: 2 datatype: 1 timestamp: $NOW int_value: 4294967295 }
X
payload dbirth << X
timestamp: $NOW seq: 1
metrics { name: "rpm" alias: 3 datatype: 3 timestamp: $NOW int_value: 1500 }
metrics { name: "vibration" alias: 4 datatype: 30 timestamp: $NOW bytes_value: "\000\000\200\077\000\000\000\300"
  properties { keys: "samplePeriod" values { type: 10 double_value: 0.000125 } } }
X
payload ndata << X
timestamp: $((NOW + 1)) seq: 2
metrics { alias: 1 timestamp: $((NOW + 1)) double_value: 0.75 }
X
payload ddata << X
timestamp: $((NOW + 2)) seq: 3
metrics { alias: 3 timestamp: $((NOW + 2)) int_value: 4294965796 }
metrics { name: "vibration" timestamp: $((NOW + 2)) is_null: true }
X
payload ndeath <<< 'metrics { name: "bdSeq" datatype: 8 long_value: 7 }'

echo "births, data, death"
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role passive --state births --count 8 --for 30s > out 2> err &
until_true 20 subscribed one.log 1
send spBv1.0/G/NBIRTH/E nbirth
send spBv1.0/G/DBIRTH/E/D dbirth
send spBv1.0/G/NDATA/E ndata
send spBv1.0/G/DDATA/E/D ddata
send spBv1.0/G/NDEATH/E ndeath
send spBv1.0/G/NDATA/E ndata
wait $!
silent err
equal "the stream" 'lifecycle{node: "G/E" online: true reason: REASON_BIRTH session{bdseq: 7
readings{series: 0 double_value: 0.5
readings{series: 1 int_value: -1
lifecycle{node: "G/E" asset: "D" site: "G" line: "E" online: true reason: REASON_BIRTH session{bdseq: 7
readings{series: 2 int_value: 1500
waveform{series: 3 sample_period: 0.000125 float_sample: 1 float_sample: -2
readings{series: 0 double_value: 0.75
readings{series: 2 int_value: -1500
waveform{series: 3 sample_period: 0.000125 quality: 65728 has_quality: true
lifecycle{node: "G/E" reason: REASON_WILL session{bdseq: 7
readings{series: 0 double_value: 0.75 quality: 500
close{readings: 6 final: true' "$(story out | sed 's/ *$//')"

echo "aliases after a restart"
send spBv1.0/G/NBIRTH/E nbirth
: > one.log
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role passive --state births --count 1 --for 30s > out 2> err &
until_true 20 subscribed one.log 1
send spBv1.0/G/NDATA/E ndata
wait $!
like "the stream" 'REASON_HOST_LINK_RESTORED.*gap.*this host was not running.*double_value: 0.75' "$(story out | tr '\n' ' ')"

echo "a birth request, STATE, and SIGTERM"
: > one.log
mosquitto_sub -h 127.0.0.1 -p "$PORT" -t 'spBv1.0/G/NCMD/#' -C 1 -F '%q %r %t' > ncmd &
CMD=$!
until_true 20 subscribed one.log 1
: > one.log
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role primary --host-id plant > out 2> err &
SUB=$!
until_true 20 subscribed one.log 1
state() { mosquitto_sub -h 127.0.0.1 -p "$PORT" -t spBv1.0/STATE/plant -q 1 -C 1 -W 5 -F '%q %r %p' | sed 's/[0-9]\{13\}/TIME/'; }
until_true 20 grep -q 'PUBACK' one.log
equal "STATE" '1 1 {"online":true,"timestamp":TIME}' "$(state)"
send spBv1.0/G/NDATA/unknown ndata
wait $CMD
equal "the request" "0 0 spBv1.0/G/NCMD/unknown" "$(cat ncmd)"
kill -TERM $SUB
wait $SUB
equal "STATE" '1 1 {"online":false,"timestamp":TIME}' "$(state)"
[[ $(story out) != *"final: true"* ]] || fail "Close is final after SIGTERM"

echo "STATE by will, and two hosts of one id"
: > one.log
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role primary --host-id plant > /dev/null 2> err &
SUB=$!
until_true 20 grep -q 'PUBACK' one.log
kill -KILL $SUB
code_of wait $SUB
is_offline() { [ "$(state)" = '1 1 {"online":false,"timestamp":TIME}' ]; }
until_true 20 is_offline
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role primary --host-id plant --for 60s > /dev/null 2> err1 &
A=$!
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role primary --host-id plant --for 60s > /dev/null 2> err2 &
B=$!
code_of wait -n $A $B
equal "the exit code of a host whose id another one has" 78 $code
like "what it says" 'another primary host' "$(cat err1 err2)"
kill $A $B 2> /dev/null || true
wait $A $B || true

echo "plain topics wait for us"
: > one.log
plain() { sp-sub --broker "mqtt://127.0.0.1:$PORT" --role passive --client-id c --plain 's/+/+/+' --payload '+/+/+/t=text' --payload 'json:/v@/at' --count "$1" --for 30s; }
plain 1 > out 2> err &
until_true 20 subscribed one.log 2
mosquitto_pub -h 127.0.0.1 -p "$PORT" -q 1 -t s/l/a/t -m 20.5
wait $!
for i in 1 2 3; do mosquitto_pub -h 127.0.0.1 -p "$PORT" -q 1 -t s/l/a/j -m "{\"v\":$i,\"at\":$NOW}"; done
plain 3 > out2 2> err
equal "the first" 'readings{series: 0 double_value: 20.5 quality: 262336' "$(story out | grep readings{ | sed 's/ *$//')"
equal "the others" 3 "$(decode < out2 | grep -c double_value)"

echo "a lost link, and the next broker"
PORT2=$(free_port)
broker two "$PORT2"
: > one.log
sp-sub --broker "mqtt://127.0.0.1:$PORT" --broker "mqtt://127.0.0.1:$PORT2" --role passive --count 5 --for 60s > out 2> err &
until_true 20 subscribed one.log 1
send spBv1.0/G/NBIRTH/E nbirth
until_true 20 grep -qa load out  # the birth has come through
kill -KILL "$ONE"
until_true 20 subscribed two.log 1
PORT=$PORT2
send spBv1.0/G/DBIRTH/E/D dbirth
send spBv1.0/G/NDATA/E ndata
send spBv1.0/G/NDATA/E ndata
wait %%
like "the stream" 'BIRTH.*LINK_LOST.*LINK_RESTORED.*int_value: 1500.*double_value: 0.75' "$(story out | tr '\n' ' ')"
like "what it says" 'link lost.*link restored' "$(tr '\n' ' ' < err)"

echo "a reader that stalls"
payload big << X
timestamp: $((NOW + 1))
metrics { alias: 1 timestamp: $((NOW + 1)) double_value: 0.75 }
$(for i in $(seq 200); do echo "metrics { alias: 2 timestamp: $NOW int_value: $((i % 100)) }"; done)
X
: > two.log
mkfifo pipe
sp-sub --broker "mqtt://127.0.0.1:$PORT" --role passive --buffer-memory 1k --for 60s > pipe 2> err &
SUB=$!
exec 4< pipe
until_true 20 subscribed two.log 1
send spBv1.0/G/NBIRTH/E nbirth
lost() { grep -q 'standard output stalls' err; }
flood() { for _ in $(seq 20); do send spBv1.0/G/NDATA/E big; done; lost; }
until_true 60 flood
cat <&4 > out &
CAT=$!
exec 4<&-
until_true 20 grep -q 'moves again' err
send spBv1.0/G/NDEATH/E ndeath
kill -TERM $SUB
wait $SUB
wait $CAT
like "the stream" 'REASON_OVERFLOW' "$(story out | tr '\n' ' ')"

echo "TLS and a password"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca > /dev/null 2>&1
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=127.0.0.1 > /dev/null 2>&1
openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem -extfile <(echo subjectAltName=IP:127.0.0.1) > /dev/null 2>&1
mosquitto_passwd -b -c passwords me secret
PORT3=$(free_port)
broker three "$PORT3" "listener $PORT3 127.0.0.1" "user $(id -un)" "allow_anonymous false" "password_file $PWD/passwords" \
  "cafile $PWD/ca.pem" "certfile $PWD/cert.pem" "keyfile $PWD/key.pem"
echo secret > password
sp-sub --broker "mqtts://127.0.0.1:$PORT3" --ca ca.pem --user me --password-file password --role passive --count 2 --for 30s > out 2> err &
until_true 20 subscribed three.log 1
mosquitto_pub -h 127.0.0.1 -p "$PORT3" --cafile ca.pem -u me -P secret -t spBv1.0/G/NBIRTH/E -f nbirth
wait $!
like "the stream" 'double_value: 0.5' "$(story out | tr '\n' ' ')"
echo wrong > password
code_of sp-sub --broker "mqtts://127.0.0.1:$PORT3" --ca ca.pem --user me --password-file password --connect-timeout 8s > out 2> err
equal "the exit code with a wrong password" 69 $code
like "what it says" 'refused|authori' "$(cat err)"
code_of sp-sub --broker "mqtt://127.0.0.1:1" --connect-timeout 1s > out 2> err
equal "the exit code without a broker" 69 $code
