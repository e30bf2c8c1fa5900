#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# What other people's edge nodes once published (captures/README.md), replayed through a broker: sp-sub makes of it what
# captures/NAME.expected says.
set -euo pipefail
. "$TESTS/interop/servers.bash"

replay() { # NAME
  local name=$1 topic qos retain hex sub
  start_mosquitto "$name" 'log_type all'
  sp-sub --broker "mqtt://127.0.0.1:$port" --client-id sub --role passive >"$name.stream" 2>"$name.err" &
  sub=$!
  server_pids+=($sub)
  until_true 20 grep -q 'Sending SUBACK to sub' "$name.log"
  # QoS 1, so that the broker has one message before the next is sent.
  while read -r topic qos retain hex; do
    xxd -r -p <<<"$hex" | mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t "$topic" -s
  done <"$TESTS/interop/captures/$name.txt"
  until_true 20 sent_all "$name"
  kill -TERM $sub
  code_of wait $sub
  equal "$name: exit code of sp-sub" 0 "$code"
  # The news that a value is stale has the time of today.
  stream_text <"$name.stream" | grep -v ' quality 500$' >"$name.got"
}
sent_all() {
  [ "$(grep -c "Sending PUBLISH to sub (.*'spBv1.0/G1/" "$1.log")" = "$(grep -c . "$TESTS/interop/captures/$1.txt")" ]
}

for capture in "$TESTS"/interop/captures/*.txt; do
  name=$(basename "$capture" .txt)
  replay "$name"
  diff "$TESTS/interop/captures/$name.expected" "$name.got" || fail "$name: sp-sub heard something else"
done
