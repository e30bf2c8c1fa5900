#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# sp-pub → Eclipse Tahu's host application: it decodes every value of every datatype, sees every death, and sp-pub waits
# for it as its primary host.
set -euo pipefail
. "$TESTS/interop/servers.bash"
tahu
start_mosquitto broker 'log_type all'
listen 'spBv1.0/G1/#' wire

encode <"$TESTS/interop/every-datatype.txtpb" >stream
sp-pub --broker "mqtt://127.0.0.1:$port" --client-id pub --primary-host PP <stream 2>pub.err &
pub=$!
# Connected and subscribed, and yet nothing is published: the host is not online.
until_true 20 grep -q 'Sending SUBACK to pub-G1-E1' broker.log
equal 'messages before the host is online' '' "$(heard wire)"

mkfifo stop
tahu_run Host "$port" PP <stop >host.txt 2>host.err &
server_pids+=($!)
exec 7>stop
code_of wait $pub
silent pub.err
equal 'exit code of sp-pub' 0 "$code"
until_true 20 grep -q '^death G1/E1$' host.txt
exec 7>&-

# A null that stands for a value which never was has the time of its birth.
grep -v -e bdSeq -e 'Node Control/Rebirth' -e '^connected' host.txt | sed -E 's/^(birth .*) [0-9]{13} null/\1 - null/' >events.txt
diff "$TESTS/interop/tahu-host.expected" events.txt || fail "Tahu saw something else"
