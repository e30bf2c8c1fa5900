#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole edge chain under kill -9: mosquitto, sp-sub --buffer, and from the buffer two chains of rawbuf tail, the four
# filters with --state and kbridge into Apache Kafka: one with a cursor alone (at least once), one with transactions (exactly
# once). Each of the three has a supervisor that starts it again, as systemd does; every round kills one process, all of one chain, or everything.
#
# Then: every message that was published with QoS 1 is in the buffer and, where no filter takes it, in Kafka, in the order of its
# asset. What the filters make of the buffer without any stop is in Kafka at least once in the one chain and exactly once in the
# other. ROUNDS (10) drawn from SEED.
# ctest: timeout=400 serial
set -euo pipefail
. "$TESTS/interop/servers.bash"
. "$TESTS/interop/kafka.bash"
for program in mosquitto_pub kcat python3; do command -v $program >/dev/null || skip "$program is missing"; done
rounds=${ROUNDS:-10} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "seed $seed, $rounds rounds"
RANDOM=$seed
trap 'end' EXIT

assets=(pump-1 pump-2)
chains=(once exact)
mkdir "${chains[@]}" sub
mkfifo idle
cat >policy.json <<'END'
{
  "name": "chain", "version": "1", "owner": "reliability",
  "fft-bands": [{"match": "+/+/+/vibration", "segment": 512, "window": "2s", "bands": {"all": [0, 500]}}],
  "winagg": [{"match": "+/+/+/temp", "window": "3s", "lateness": "1s"}],
  "exc-pass": [{"name": "hot", "match": "+/+/+/temp", "above": 900, "pre": "1s", "post": "1s"}],
  "deadband": [{"match": "+/+/+/load", "swinging_door": 3, "heartbeat": "10s"}]
}
END

# ---- the processes ---------------------------------------------------------------------------------------------------------

# pause SECONDS: without a process.
pause() { read -rt "$1" <>idle || true; }
# stage DIR/NAME COMMAND…: becomes the command, its process id in DIR/NAME.pid and its messages in DIR/NAME.err.
stage() {
  local at=$1
  shift
  echo $BASHPID >"$at.pid"
  exec "$@" 2>>"$at.err"
}
bridge() {
  local chain=$1
  shift
  stage "$chain/kbridge" kbridge --brokers "$kafka_brokers" --route "+/+/+/state=$chain.state" --route "+/+/+/temp=$chain.rest" --route "+/+/+/load=$chain.rest" \
    --dead-letter "$chain.dead" --cursor "$chain/sent" "$@"
}
# filters CHAIN: with their state there; without CHAIN, none.
filters() {
  if [ -z "${1-}" ]; then
    fft-bands --keep --policy policy.json | winagg --keep --policy policy.json | exc-pass --gate --policy policy.json |
      deadband --policy policy.json
    return
  fi
  stage "$1/fft-bands" fft-bands --keep --policy policy.json --state "$1/fft-bands.state" |
    stage "$1/winagg" winagg --keep --policy policy.json --state "$1/winagg.state" |
    stage "$1/exc-pass" exc-pass --gate --policy policy.json --state "$1/exc-pass.state" |
    stage "$1/deadband" deadband --policy policy.json --state "$1/deadband.state"
}
run_once() {
  stage once/tail rawbuf tail raw --follow --position-every 200ms --cursor once/sent | filters once | bridge once
}
run_exact() {
  local from
  from=$(kbridge --brokers "$kafka_brokers" --committed exact 2>/dev/null) || [ $? = 1 ] || return 0
  stage exact/tail rawbuf tail raw --follow --position-every 200ms --cursor exact/sent ${from:+--from "$from"} |
    filters exact | bridge exact --transactional-id exact
}
run_sub() {
  stage sub/sp-sub sp-sub --broker "mqtt://127.0.0.1:$port" --client-id edge --role passive --plain 'p/l/+/+' --payload json:/v@/t \
    --tick 200ms --delay 300ms --buffer raw
}

# supervise UNIT: Restart=always, RestartSec=100ms; what may never be the cause is written down.
supervise() {
  until [ -e stop ] || [ -e "stop-$1" ]; do
    rm -f "$1"/*.pid
    ("run_$1") 2>/dev/null || true
    pause 0.1
  done
}
pids_of() {
  local unit
  for unit; do cat "$unit"/*.pid 2>/dev/null || true; done
}

end() {
  local pid
  touch stop enough
  for pid in $(pids_of sub "${chains[@]}"); do kill -9 "$pid" 2>/dev/null || true; done
  stop_servers
  kafka_stop KILL
  wait
}

# publish: a counter of each asset's state, a temperature that is too high now and then, and a load, until there is a file `enough`; how many, in `sent`.
publish() {
  local asset n=0 at fds=() fd pids=()
  for asset in "${assets[@]}"; do
    for sensor in state temp load; do
      mkfifo "$asset.$sensor"
      mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t "p/l/$asset/$sensor" -l <"$asset.$sensor" &
      pids+=($!)
      exec {fd}>"$asset.$sensor"
      fds+=("$fd")
    done
  done
  until [ -e enough ]; do
    n=$((n + 1))
    at=${EPOCHREALTIME/[.,]/}
    for ((i = 0; i < ${#fds[@]}; i += 3)); do
      echo "{\"v\":$n,\"t\":${at%???}}" >&"${fds[i]}"
      echo "{\"v\":$((n % 300 < 10 ? 950 : n * 7919 % 100)),\"t\":${at%???}}" >&"${fds[i + 1]}"
      echo "{\"v\":$((n / 50 % 20 + n % 5)),\"t\":${at%???}}" >&"${fds[i + 2]}"
    done
    pause 0.02
  done
  for fd in "${fds[@]}"; do exec {fd}>&-; done
  wait "${pids[@]}"
  echo $n >sent
}

# ---- the campaign ----------------------------------------------------------------------------------------------------------

kafka_prepare "$SCRATCH/kafka"
start_mosquitto mosquitto
kafka_start
plant-sim --assets 1 --lines 1 --duration 1s --metrics-only | fcat --to frames --match 'nothing/+/+/+' >empty.tp
(bridge once --create-topics --partitions 3 --replication 1 <empty.tp)
(bridge exact --create-topics --partitions 3 --replication 1 --transactional-id exact <empty.tp)
rm -f ./*/sent

supervise sub 2>/dev/null &
until_true 60 test -e raw/catalog
for chain in "${chains[@]}"; do supervise "$chain" 2>/dev/null & done
publish &
publisher=$!

# up: all 13 of them live; those that were killed and not replaced yet do not, nor do those of them that nobody has waited for.
up() {
  local pid alive=0
  for pid in $(pids_of sub "${chains[@]}"); do [ ! -e "/proc/$pid/exe" ] || alive=$((alive + 1)); done
  [ $alive = 13 ]
}
killed=()
for ((round = 0; round < rounds; ++round)); do
  until_true 60 up
  pause "$((RANDOM % 2)).$((RANDOM % 10))"
  until_true 60 up
  # One of the unit's processes, or all of them.
  case $((RANDOM % 7)) in
    0 | 1) units=(once) ;;
    2 | 3) units=(exact) ;;
    4 | 5) units=(sub) ;;
    6) units=(sub "${chains[@]}") ;;
  esac
  mapfile -t pids < <(pids_of "${units[@]}")
  [ ${#units[@]} -gt 1 ] || [ $((RANDOM % 3)) = 0 ] || pids=("${pids[RANDOM % ${#pids[@]}]}")
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  killed+=("${#pids[@]}")
done
until_true 60 up
echo "processes killed in each round: ${killed[*]}"

# Everything that was published reaches the buffer, and the buffer's end Kafka.
touch enough
wait $publisher
all_recorded() {
  rawbuf tail raw 2>tail.err | fcat --to csv --only readings --match '+/+/+/state' >recorded.csv 2>/dev/null || true
  [ "$(grep -c ",$(cat sent)," recorded.csv)" -ge ${#assets[@]} ]
}
until_true 120 all_recorded
touch stop-sub
kill "$(cat sub/sp-sub.pid)"
recorded_to() { rawbuf ls raw --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["next"])'; }
until_true 60 eval '! kill -0 "$(cat sub/sp-sub.pid)" 2>/dev/null'
end=$(recorded_to)
reached() { grep -q "^  next: $end\$" "$1/sent" 2>/dev/null; }
for chain in "${chains[@]}"; do until_true 120 reached "$chain"; done
touch stop
for chain in "${chains[@]}"; do kill "$(cat "$chain/tail.pid")" 2>/dev/null || true; done
stopped() {
  for pid in $(pids_of "${chains[@]}"); do ! kill -0 "$pid" 2>/dev/null || return 1; done
}
until_true 60 stopped

# ---- what must be there ----------------------------------------------------------------------------------------------------

# A chain that could not go on would have said so: no state, no frame, taken over, a bad cursor.
if grep -hE 'no state for|never written|not of|taken over|not a cursor|undeclared|internal' ./*/*.err; then fail "a message; seed $seed"; fi

# first_in_order FILE: in rows of CSV, the first time that each value of a counter comes, it comes behind the one before it.
first_in_order() {
  awk -F, -v all="$(cat sent)" -v series=${#assets[@]} '
    $1 ~ /\/state$/ && !seen[$1, $3]++ {
      if ($3 != last[$1] + 1) { print "not in order, or lost: " $0 " behind " last[$1]; exit wrong = 1 }
      last[$1] = $3
    }
    END { for (one in last) if (last[one] == all) ++whole; exit wrong || whole != series }' "$1" || fail "$2; seed $seed"
}
first_in_order recorded.csv "messages are missing in the buffer"

# derived FILE: aggregates a row a line, and exceptions: rows that share a frame are kept by asset in Kafka.
derived() {
  fcat --only aggregates,exception "$1" | python3 -c '
import json, sys
for line in sys.stdin:
    frame = json.loads(line)
    if frame["frame"] == "exception":
        print(line, end="")
    elif frame["frame"] == "aggregates":
        for row in range(len(frame["series"])):
            print(json.dumps({key: value[row] if isinstance(value, list) else value for key, value in frame.items()}))' | sort
}
from_kafka() { ksub --brokers "$kafka_brokers" --topic "$1.state" --topic "$1.rest" --until-end; }
rawbuf tail raw | filters >expected.tp
fcat --only readings expected.tp | sort >expected
derived expected.tp >expected.derived
for chain in "${chains[@]}"; do
  from_kafka "$chain" >"$chain.tp"
  fcat --to csv --only readings "$chain.tp" >"$chain.csv"
  first_in_order "$chain.csv" "$chain: messages are missing in Kafka"
  fcat --only readings "$chain.tp" | sort >"$chain.readings"
done
cmp expected exact.readings || fail "exactly once: lost or doubled: $(comm -3 expected exact.readings | head -n 5); seed $seed"
derived exact.tp >exact.derived
cmp expected.derived exact.derived || fail "exactly once: $(comm -3 expected.derived exact.derived | head -n 5); seed $seed"
derived once.tp | sort -u | cmp - <(sort -u expected.derived) || fail "at least once: derived rows differ; seed $seed"
sort -u expected >expected.once
sort -u once.readings | cmp - expected.once || fail "at least once: $(sort -u once.readings | comm -3 - expected.once | head -n 5); seed $seed"
# For other people's clients too.
for topic in state rest; do
  kcat -b "$kafka_brokers" -X isolation.level=read_committed -t "exact.$topic" -C -e -q -D '' -f '%s'
done |
  fcat --only readings | sort | cmp - exact.readings || fail "kcat reads something else; seed $seed"
echo "$(($(cat sent) * 3 * ${#assets[@]})) messages published; $(wc -l <expected) readings expected," \
  "$(wc -l <exact.readings) exactly once, $(wc -l <once.readings) at least once, $(wc -l <expected.derived) derived rows"
kafka_stop
