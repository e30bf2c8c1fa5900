#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120 serial
# The network between a plant and Kafka falls silent, at random moments and for one to thirty minutes of the plant's time, while
# the plant goes on and its buffer records. What the centre knows at the end, twins and aggregates alike, is what it would know
# without: with a transaction, which nothing comes through twice, and without one, when the bridge has to begin anew.
# ROUNDS and SEED may be given.
set -euo pipefail
. "$TESTS/interop/network.bash"
. "$TESTS/pipe/outage.bash"
. "$TESTS/interop/kafka.bash"
seed
make_network
pids=()
trap 'kill -KILL "${pids[@]}" $(cat tail.pid bridge.pid 2>/dev/null) 2>/dev/null || true; kafka_stop KILL; stop_servers; remove_network' EXIT
server_address=$centre_address server_in=(ip netns exec "$network-centre")
# What comes twice without a transaction is up to a second of the bridge's time old, and here that is seven minutes of the
# plant's: so much lateness an idempotent fold must have to know it again.
outage_policy | sed 's/"lateness": "[^"]*"/"lateness": "30m"/' >policy.json
: >bridge.log
kafka_prepare "$SCRATCH/kafka"
kafka_start

minutes=40 speed=400x
plant=(--sites 1 --lines 1 --assets 3 --metrics-only --duration ${minutes}m)
plant-sim "${plant[@]}" >whole.tp
results whole.tp whole

# plant_is_past SECONDS: of its own time; its buffer has recorded readings of then.
plant_is_past() {
  local to
  to=$(rawbuf tail "$buffer" 2>/dev/null | fcat --stat 2>/dev/null | sed -n 's/^last *//p')
  [[ $to > $(date -u -d "2026-01-01T00:00:00Z + $1 seconds" +%Y-%m-%dT%H:%M:%S) ]]
}

# gave_up TIMES: the bridge has, more often than that.
gave_up() { [ "$(grep -c '^bridge: 75' bridge.log)" -gt "$1" ]; }

# uplink OPTION…: sends what is recorded, and begins again where it was when the bridge gives up.
uplink() {
  local code=75 from=()
  while [ $code = 75 ]; do
    code=0
    from=(--cursor "$buffer.sent")
    if [ "$mode" = transactional ]; then
      until_true 60 ask_committed
      from=()
      [ ! -s committed ] || from=(--from "$(cat committed)")
    fi
    { echo $BASHPID >tail.pid && exec rawbuf tail "$buffer" "${from[@]}" "$@"; } | {
      echo $BASHPID >bridge.pid
      exec ip netns exec "$network-plant" kbridge --brokers "$kafka_brokers" --route "+/+/+/+=$topic" --dead-letter "$topic" \
        --create-topics --partitions 3 --replication 1 --delivery-timeout "$patience" "${safe[@]}" 2>>bridge.log
    } || code=$?
    [ $code = 0 ] || echo "bridge: $code" >>bridge.log
    [ $code != 143 ] || code=0  # told to end before it had begun
  done
  return $code
}
# has_left: the uplink; its tail is told to end, and so is the next one where the bridge has just begun anew.
has_left() {
  local tail
  kill -0 $link 2>/dev/null || return 0
  tail=$(cat tail.pid)
  [ "$tail" = "$told" ] || { told=$tail && kill -TERM "$tail" 2>/dev/null || true; }
  return 1
}
ask_committed() {
  local code=0
  in_plant kbridge --brokers "$kafka_brokers" --committed "$topic" >committed 2>>bridge.log || code=$?
  [ $code = 0 ] || { : >committed && [ $code = 1 ]; }
}

for ((round = 0; round < ${ROUNDS:-2}; ++round)); do
  buffer=buffer.$round topic=round-$round
  mode=transactional safe=(--transactional-id "$topic") patience=$(between 3 60)s
  ((round % 2)) || mode=repeating safe=(--cursor "$buffer.sent") patience=2s
  plant-sim "${plant[@]}" --speed $speed | rawbuf append "$buffer" &
  pids+=($!)
  recorder=$!
  until_true 20 plant_is_past 10
  uplink --follow &
  pids+=($!)
  link=$!
  # A node's watermark is that of the partitions that hold it, which a reader knows once they all do.
  [ $mode = transactional ] || until_true 30 test -s "$buffer.sent"
  cuts=()
  now=10
  given_up=$(grep -c '^bridge: 75' bridge.log || true)
  while true; do
    from=$((now + $(between 30 300))) length=$(between 60 1800)
    ((from + length < minutes * 60 - 60)) || [ ${#cuts[@]} = 0 ] || break
    to=$((from + length < minutes * 60 - 60 ? from + length : minutes * 60 - 60))
    until_true 60 plant_is_past $from
    cut_network
    until_true 60 plant_is_past $to
    # However short that was for the bridge: its first silence without a transaction outlasts its patience.
    [ $mode = transactional ] || [ ${#cuts[@]} -gt 0 ] || until_true 60 gave_up "$given_up"
    join_network
    cuts+=("$from-$to")
    now=$to
  done
  echo "round $round: $mode, patience $patience, silent at seconds ${cuts[*]}"
  wait $recorder
  told=
  until_true 60 has_left
  wait $link || fail "the uplink ended with $?: $(tail -n 5 bridge.log)"
  uplink || fail "the rest could not be sent: $(tail -n 5 bridge.log)"
  in_centre ksub --brokers "$kafka_brokers" --topic "$topic" --until-end >known.tp 2>ksub.log || fail "ksub: $(tail -n 3 ksub.log)"
  results known.tp known
  same_rows whole known
  fcat --only twin known.twins >known.lines
  "$TESTS/pipe/same_twins.py" whole.json known.json known.lines || fail 'the twins differ'
  [ $mode = repeating ] || nothing_late known
done
grep -q '^bridge: 75' bridge.log || fail 'the bridge never had to begin anew'
