#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# Eclipse Tahu's edge node → sp-sub as its primary host: every value of every datatype, data by alias alone, a device's death
# and the will of a node that dies without a word.
set -euo pipefail
. "$TESTS/interop/servers.bash"
tahu
start_mosquitto broker 'log_type all'
sp-sub --broker "mqtt://127.0.0.1:$port" --client-id sub --role primary --host-id PP >heard 2>sub.err &
sub=$!
server_pids+=($sub)
until_true 20 grep -q "Received PUBLISH from sub (.* 'spBv1.0/STATE/PP'" broker.log

mkfifo commands
tahu_run Edge "$port" PP <commands >edge.txt 2>edge.err &
edge=$!
server_pids+=($edge)
exec 7>commands
until_true 60 grep -q '^born' edge.txt
for command in data alias death; do
  echo $command >&7
  until_true 20 grep -q "^done $command" edge.txt
done
# Tahu publishes from a thread of its own, and "die" does not wait for it.
motor_died() { stream_text <heard 2>/dev/null | grep '^offline G1/Tahu/motor' >/dev/null; }
until_true 20 motor_died
echo die >&7
code_of wait $edge
exec 7>&-
offline() { stream_text <heard 2>/dev/null | grep '^offline G1/Tahu ' >/dev/null; }
until_true 20 offline
kill -TERM $sub
code_of wait $sub
equal 'exit code of sp-sub' 0 "$code"
silent sub.err

stream_text <heard >all
# Tahu leaves the datatypes out in data, those inside a Template too.
values() { grep '^value' | sed 's/motor<rpm:Unknown=/motor<rpm:Int32=/' | sort -s -k2,3; }
sed -E 's/ \{.*\}$//' edge.txt | values >wanted
sed '/^offline G1\/Tahu /,$d' all | grep -v ' quality 500' | values >got
diff wanted got || fail 'sp-sub heard something else than Tahu said'
equal 'births and deaths' 'offline G1/Tahu/motor REASON_DEATH offline G1/Tahu REASON_WILL ' \
  "$(grep '^offline' all | grep -v '^offline G1/Tahu/every' | tr '\n' ' ')"
like 'the declaration with properties' 'series G1/Tahu/motor rpm VALUE_TYPE_INT64 .*engUnit=String:rpm.*unit rpm, high 3000' "$(grep '^series' all | tr '\n' ' ')"
! grep -q '^gap' all || fail "$(grep '^gap' all)"
