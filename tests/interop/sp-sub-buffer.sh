#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sp-sub --buffer against a real mosquitto: killed again and again while QoS 1 messages come at a steady pace, every one of them
# is in the buffer at least once and in its topic's order, under each promise; a birth whose frames may be lost leaves no table,
# one whose frames are safe does; a full disk acknowledges nothing; a second writer is refused before it takes the first one's
# session. ROUNDS kills (10) under `always`, half as many under the other promises, drawn from SEED.
# ctest: timeout=180
set -euo pipefail
. "$TESTS/interop/servers.bash"
rounds=${ROUNDS:-10} seed=${SEED:-$RANDOM}
echo "seed $seed"
RANDOM=$seed
for program in mosquitto_pub mosquitto_sub protoc python3; do command -v $program >/dev/null || skip "$program is missing"; done

start_mosquitto mosquitto 'log_type all'
mkfifo idle
inject=(env "LD_PRELOAD=$BUILD/tests/inject.so" "TWINPIPE_INJECT_WHILE=$SCRATCH/trouble"
  "ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0")

# subscriber CLIENT OPTION…: under the command in the array $under; sets $subscriber; returns when the broker has let it in.
subscriber() {
  local client=$1 before
  shift
  before=$(connections "$client")
  "${under[@]}" sp-sub --broker "mqtt://127.0.0.1:$port" --client-id "$client" --plain 's/+/+/+' --payload json:/v@/at "$@" \
    >>out.tp 2>>sp-sub.err &
  subscriber=$!
  until_true 20 more_than "$before" connections "$client"
}
under=()
connections() { grep -c "Sending SUBACK to $1-plain" mosquitto.log || true; }
acknowledgements() { grep -c "Received PUBACK from $1-plain" mosquitto.log || true; }
more_than() { [ "$("${@:2}")" -gt "$1" ]; }
end_hard() {
  kill -9 "$1"
  wait "$1" 2>/dev/null || true
}
end_softly() {
  kill -TERM "$1"
  wait "$1"
}
recorded() { rawbuf tail "$1" 2>>tail.err | fcat; }
has_value() { recorded "$1" | grep -q "\"series\":\"s/l/a/$2\",.*\"value\":$3[,}]"; }
say() { mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t "s/l/a/$1" -m "{\"v\":$2,\"at\":$((1700000000000 + $2))}"; }

# judge BUFFER LAST: nothing is lost, order is kept, and nothing is damaged.
judge() {
  rawbuf verify "$1" >verify.txt || fail "$1 is damaged: $(cat verify.txt)"
  recorded "$1" | "$TESTS/interop/at_least_once.py" "$2" || fail "$1: see above; seed $seed"
}

# campaign PROMISE ROUNDS: three topics, a message of each every few milliseconds.
campaign() {
  local buffer=raw-$1 client=edge-$1 round target last topic publishers=()
  rm -f enough sent && : >sent
  subscriber "$client" --role passive --buffer "$buffer" --sync "$1"
  for topic in x y z; do
    rm -f $topic.in && mkfifo $topic.in
    mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t "s/l/a/$topic" -l <$topic.in &
    publishers+=($!)
  done
  (
    exec 5>x.in 6>y.in 7>z.in
    for ((i = 1; ; ++i)); do
      line="{\"v\":$i,\"at\":$((1700000000000 + i))}"
      echo "$line" >&5 && echo "$line" >&6 && echo "$line" >&7
      echo $i >>sent
      [ ! -e enough ] || break
      read -r -t 0.004 _ <>idle || true
    done
  ) &
  publishers+=($!)
  for round in $(seq "$2"); do
    target=$(($(wc -l <sent) + 3 + RANDOM % 40))
    until_true 20 more_than $target eval 'wc -l <sent'
    end_hard $subscriber
    subscriber "$client" --role passive --buffer "$buffer" --sync "$1"
  done
  touch enough
  wait "${publishers[@]}"
  last=$(wc -l <sent)
  for topic in x y z; do until_true 30 has_value "$buffer" $topic "$last"; done
  end_softly $subscriber
  echo -n "$1: "
  judge "$buffer" "$last"
}

echo "killed while plain messages come"
campaign always "$rounds"
campaign none $(((rounds + 1) / 2))
campaign 50ms $(((rounds + 1) / 2))
silent out.tp

echo "what is not safe is not acknowledged, and comes again"
subscriber waits --role passive --buffer raw-waits --sync 1h
say w 1
until_true 20 has_value raw-waits w 1 # written, not synced
equal "acknowledgements before the sync" 0 "$(acknowledgements waits)"
end_hard $subscriber
subscriber waits --role passive --buffer raw-waits --sync always
until_true 20 more_than 0 acknowledgements waits
end_softly $subscriber
echo -n "1h, always: "
judge raw-waits 1

echo "a second writer leaves the first one alone"
subscriber first --role passive --buffer raw-first
code_of sp-sub --broker "mqtt://127.0.0.1:$port" --client-id first --plain 's/+/+/+' --buffer raw-first >out 2>err
equal "the exit code of a second writer" 75 $code
like "what it says" 'raw-first: another process writes to this buffer' "$(cat err)"
say v 1
until_true 20 more_than 0 acknowledgements first
end_softly $subscriber
equal "connections of this client id" 1 "$(connections first)"

echo "a full disk acknowledges nothing, and what it did not take comes again"
under=("${inject[@]}" TWINPIPE_INJECT=fsync:1+:ENOSPC)
subscriber full --role passive --buffer raw-full
say u 1
until_true 20 more_than 0 acknowledgements full
touch trouble
say u 2
code_of wait $subscriber
equal "the exit code on a full disk" 74 $code
like "what it says" \
  'cannot sync .*: No space left on device; [0-9]+ of [0-9]+ frames of this input are safe on disk; plain messages .* stay with the broker' \
  "$(tail -n 1 sp-sub.err)"
equal "acknowledgements" 1 "$(acknowledgements full)"
rm trouble
under=()
subscriber full --role passive --buffer raw-full
until_true 20 more_than 1 acknowledgements full
end_softly $subscriber
judge raw-full 2

echo "a disk that stalls: memory is bounded, plain messages wait with the broker"
# encoded FILE: a Sparkplug payload from its text on standard input.
encoded() { protoc -I "$TESTS/../libcore/proto" --encode twinpipe.sparkplug.Payload sparkplug_b.proto >"$1"; }
send() { mosquitto_pub -h 127.0.0.1 -p "$port" -t "spBv1.0/G/$1/E" -f "$2"; }
now=$(date +%s%3N)
encoded nbirth <<X
timestamp: $now seq: 0
metrics { name: "bdSeq" datatype: 8 long_value: 7 }
metrics { name: "load" alias: 1 datatype: 10 timestamp: $now double_value: 0.5 }
X
encoded ndata <<X
timestamp: $((now + 1)) seq: 1
metrics { alias: 1 timestamp: $((now + 1)) double_value: 0.75 }
X
encoded many <<X
timestamp: $((now + 1))
$(for i in $(seq 200); do echo "metrics { alias: 1 timestamp: $((now + i)) double_value: $i }"; done)
X
under=("${inject[@]}" TWINPIPE_INJECT=fsync:1+:STALL)
subscriber stall --role passive --buffer raw-stall --buffer-memory 16k
send NBIRTH nbirth
until_true 20 eval "recorded raw-stall | grep -q '\"value\":0.5'"
touch trouble
say t 1
stalls() { grep -q "the buffer's disk stalls: [0-9]* bytes wait" sp-sub.err; }
flood() { for _ in $(seq 10); do send NDATA many; done; stalls; }
until_true 60 flood
equal "acknowledgements while the disk stalls" 0 "$(acknowledgements stall)"
rm trouble
until_true 20 grep -q "the buffer's disk moves again" sp-sub.err
until_true 20 more_than 0 acknowledgements stall
end_softly $subscriber
recorded raw-stall | grep -q '"frame":"gap".*overflow' || fail "no Gap tells what was lost"
has_value raw-stall t 1 || fail "the plain message that waited is not there"
under=()

echo "a birth that may be lost leaves no table; one that is safe resolves aliases after a kill"
subscriber birth --role active --buffer raw-birth --state births --sync 1h
send NBIRTH nbirth
until_true 20 eval "recorded raw-birth | grep -q '\"value\":0.5'"  # written, not synced
equal "tables before the sync" "" "$(ls births)"
end_hard $subscriber
mosquitto_sub -h 127.0.0.1 -p "$port" -i asked -t 'spBv1.0/G/NCMD/E' -C 1 >ncmd &
asked=$!
until_true 20 grep -q 'Sending SUBACK to asked' mosquitto.log
subscriber birth --role active --buffer raw-birth --state births
send NDATA ndata
wait $asked # its values are wanted again
send NBIRTH nbirth
until_true 20 eval "ls births | grep -q births"
end_hard $subscriber
subscriber birth --role active --buffer raw-birth --state births
send NDATA ndata
until_true 20 eval "recorded raw-birth | grep -q '\"value\":0.75'"
end_softly $subscriber
equal "recordings" 3 "$(recorded raw-birth | grep -c '"frame":"open"')"
