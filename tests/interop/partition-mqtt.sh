#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120 serial
# The network between a plant and a centre falls silent: for a moment that TCP mends, and until everybody has noticed. One edge
# node has its broker on the far side, the other one its host. Sparkplug's data are QoS 0, so what is on its way is lost; sp-pub
# --forward brings it afterwards as history, and plain topics have QoS 1: the twins and aggregates at the end are those of what
# the plant said. SEED may be given.
set -euo pipefail
. "$TESTS/interop/network.bash"
. "$TESTS/pipe/outage.bash"
seed
make_network
pids=()
stop_all() {
  kill -KILL "${pids[@]}" || true
  wait "${pids[@]}" || true
} 2>/dev/null
trap 'stop_all; stop_servers; remove_network' EXIT
outage_policy | sed 's/"10s", "lateness"/"5s", "lateness"/; s/"10m", "slide": "2m"/"30s", "slide": "5s"/' >policy.json

server_address=$centre_address server_in=(ip netns exec "$network-centre")
start_mosquitto far 'log_type all'
far=mqtt://$server_address:$port
server_address=$plant_address server_in=(ip netns exec "$network-plant")
start_mosquitto near 'log_type all'
near=mqtt://$server_address:$port

# What TCP mends comes before a host that hears nothing gives up, after 7.5 seconds: with the least lateness of the policy, that
# is not late.
common=(--keep-alive 5 --plain '+/+/+/state' --plain '+/+/+/alarm')
# run_host WAY OPTION…: sets $host. The broker keeps its session of plain topics from then on.
run_host() {
  local way=$1
  shift
  ip netns exec "$network-centre" sp-sub --broker "${!way}" --client-id "host-$way" "${common[@]}" --tick 200ms --delay 6s \
    --metrics "$way.prom" "$@" >"$way.tp" 2>"$way.sub" &
  host=$!
  pids+=($host)
  until_true 20 grep -q "Sending SUBACK to host-$way-plain" "$way.log"
}
# run_edge WAY OPTION…: what it is given to say is in WAY.said.
run_edge() {
  local way=$1 start
  shift
  mkfifo "$way.fifo"
  start=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
  ip netns exec "$network-plant" sp-pub --broker "${!way}" --client-id "edge-$way" "${common[@]}" --forward 5m --linger 10m "$@" \
    <"$way.fifo" 2>"$way.pub" &
  pids+=($!)
  plant-sim --seed "$SEED" --lines 1 --assets 2 --metrics-only --start "$start" --speed 1x --duration 10m |
    tee "$way.said" >"$way.fifo" &
  pids+=($!)
}
# The far node has said something already when its host comes, which asks for its births.
run_host far
kill -TERM $host
wait $host
run_edge far
until_true 20 grep -q 'Received PUBLISH from edge-far.*/DDATA/' far.log
run_host far
far_host=$host
# Who is at the near broker loses the host: it learns of that from the host's will.
run_host near --role primary --host-id centre
near_host=$host
run_edge near --primary-host centre

# so_far FILE: as text; it is still written to.
so_far() { fcat "$1" 2>/dev/null || true; }
# knows WAY: a host has readings of every sensor that is read each second.
knows() { [ "$(so_far "$1.tp" | grep -c '"frame":"reading"')" -ge 40 ]; }
for way in far near; do until_true 30 knows $way; done

# A silence shorter than anybody's patience.
cut_network
ends=$(($(date +%s%3N) + $(between 500 3000)))
is_over() { [ "$(date +%s%3N)" -ge "$ends" ]; }
until_true 20 is_over
join_network
for way in far near; do until_true 30 knows $way; done
silent far.sub near.sub far.pub near.pub

# One that breaks every connection; the near broker gives up the host, and the node waits for it.
cut_network
gave_up() {
  grep -q 'connection lost' far.pub && grep -q 'primary host centre is offline' near.pub && grep -q 'link lost' near.sub &&
    [ "$(so_far far.tp | grep -c '"reason":"will"')" = 1 ]
}
until_true 60 gave_up
ends=$(($(date +%s%3N) + $(between 0 4000)))
until_true 20 is_over
join_network

some_repeated() { [ "$(counter near.prom repeated)" -gt 0 ]; }
# Until both are live again for a while.
back() { [ "$(so_far "$1.tp" | sed -n '/"historical":true/,$p' | grep '"frame":"reading"' | grep -vc '"historical"')" -ge 60 ]; }
for way in far near; do until_true 60 back $way; done
# The near broker had most of what the node sends again: that is dropped by its name.
until_true 20 some_repeated
# What was said two seconds before something that is known.
end=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
is_known() { [[ $(fcat --stat "$1.tp" 2>/dev/null | sed -n 's/^last *//p') > $end ]]; }
for way in far near; do until_true 30 is_known $way; done
until=$(($(date -d "$end" +%s%N) - 2000000000))
kill -TERM $far_host $near_host
wait $far_host $near_host
stop_all

# What was said and what is known of the time up to there; both end with it.
up_to() { { fcat --until "$until" "$1" 2>/dev/null || true; } | grep -Ev '"frame":"(open|close)"' | fcat --from json --to frames; }
for way in far near; do
  up_to $way.said >said.tp
  up_to $way.tp >known.tp
  results said.tp said
  results known.tp known
  echo "$way: $(fcat --stat said.tp | grep '^readings' | tr -s ' '), of them as history $(fcat known.tp | grep -c '"historical":true')"
  same_rows said known
  fcat --only twin known.twins >known.lines
  "$TESTS/pipe/same_twins.py" said.json known.json known.lines || fail "$way: the twins differ"
  nothing_late known
done
