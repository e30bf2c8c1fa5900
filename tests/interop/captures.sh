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
  sp-sub --broker "mqtt://127.0.0.1:$port" --client-id sub --role passive --reorder-timeout 100ms >"$name.stream" 2>"$name.err" &
  sub=$!
  server_pids+=($sub)
  until_true 20 grep -q 'Sending SUBACK to sub' "$name.log"
  # QoS 1, so that the broker has one message before the next is sent.
  while read -r topic qos retain hex; do
    xxd -r -p <<<"$hex" | mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t "$topic" -s
  done <"$TESTS/interop/captures/$name.txt"
  # What lacks a birth is held back for a while, so that the last line tells when all has come.
  (until_true 20 as_expected "$name") || true
  kill -TERM $sub
  code_of wait $sub
  equal "$name: exit code of sp-sub" 0 "$code"
  printed "$name" >"$name.got"
}
# By series: which readings share a frame depends on when they came. The news that a value is stale has the time of today.
printed() {
  stream_text <"$1.stream" >"$1.text"
  sed '/^value/d' "$1.text"
  sed -n '/ quality 500$/d; /^value/p' "$1.text" | sort -s -k2,3
}
as_expected() { printed "$1" 2>/dev/null | cmp -s - "$TESTS/interop/captures/$1.expected"; }

for capture in "$TESTS"/interop/captures/*.txt; do
  name=$(basename "$capture" .txt)
  replay "$name"
  diff "$TESTS/interop/captures/$name.expected" "$name.got" || fail "$name: sp-sub heard something else"
done
