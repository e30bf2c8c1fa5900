#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sp-pub when brokers die: births under a new bdSeq at the next one, and no plain QoS 1 message is lost.
# tck-id-payloads-nbirth-bdseq, tck-id-principles-persistence-clean-session-311
set -euo pipefail
. "$TESTS/interop/servers.bash"
start_mosquitto one
one_port=$port one_pid=$mosquitto_pid
listen '#' wire.one
start_mosquitto two
two_port=$port
listen '#' wire.two

encode >head <<'END'
frame { open { schema: 1 producer: "test" sealed: true } }
frame { series { site: "G1" line: "E1" asset: "D1" node: "G1/E1" sensor { alias: 0 name: "temp" type: VALUE_TYPE_DOUBLE }
  sensor { alias: 1 name: "state" type: VALUE_TYPE_INT64 } } }
frame { readings { series: 0 time: 1700000000000000000 double_value: 20.5 } }
END
for part in 0 1 2; do
  for i in $(seq $((part * 1000 + 1)) $((part * 1000 + 1000))); do
    echo "frame { readings { series: 1 time: $((1700000000000000000 + i * 1000000)) int_value: $i } }"
  done | encode >"part.$part"
done

mkfifo input
sp-pub --broker "mqtt://127.0.0.1:$one_port" --broker "mqtt://127.0.0.1:$two_port" --plain '+/+/+/state' --payload text --state state \
  <input 2>err &
pub=$!
exec 8>input
cat head part.0 >&8
some_states() { [ "$(grep -c 'G1/E1/D1/state' "$1.all")" -ge "$2" ]; }
until_true 20 some_states wire.one 500
cat part.1 >&8 &
feeder=$!
kill -9 "$one_pid"
# At the other broker: births first, then what was not acknowledged, then the rest.
until_true 20 grep -q 'MESSAGE spBv1.0/G1/DBIRTH/E1/D1' wire.two.all
wait $feeder
cat part.2 >&8
encode >&8 <<<'frame { readings { series: 0 time: 1700000010000000000 double_value: 21.5 } }
  frame { close { frames: 3003 readings: 3002 final: true } }'
exec 8>&-
code_of wait $pub
[ "$code" = 0 ] || fail "exit code $code: $(cat err)"
like 'the message about the lost link' '^sp-pub: G1/E1: connection lost: mqtt://127.0.0.1:'"$one_port" "$(cat err)"
until_true 20 grep -q 'MESSAGE spBv1.0/G1/NDEATH/E1' wire.two.all

# Every state arrived, at one broker or the other; the last 1000 in order.
sed -n 's/^MESSAGE G1\/E1\/D1\/state [01] 0 \(.*\)/\10a/p' wire.one.all wire.two.all | xxd -r -p >states
equal 'states that arrived' 3000 "$(sort -nu states | wc -l)"
heard wire.two | sed -n 's/^G1\/E1\/D1\/state [01] 0 \(.*\)/\10a/p' | tail -n 1000 | xxd -r -p >last
seq 2001 3000 | diff - last || fail 'the last states are not in order'
# Sparkplug at the second broker: NBIRTH with the next bdSeq, the newest value, numbers from 0 on.
heard wire.two | grep spBv1.0 | cut -d' ' -f1 | cut -d/ -f3- | tr '\n' ' ' >verbs
equal 'at the second broker' 'NBIRTH/E1 DBIRTH/E1/D1 DDATA/E1/D1 NDEATH/E1 ' "$(cat verbs)"
equal 'bdSeq on disk' 1 "$(cat state/G1.E1.bdseq)"
