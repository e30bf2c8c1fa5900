#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sp-pub with a primary host: waits for it, dies when it goes offline, comes back with it, and looks for it at the other
# broker. tck-id-message-flow-edge-node-birth-publish-phid-wait, -wait-id, -wait-online, -wait-timestamp, -offline,
# tck-id-operational-behavior-edge-node-termination-host-offline, -timestamp, -reconnect,
# tck-id-operational-behavior-primary-application-state-with-multiple-servers-walk
set -euo pipefail
. "$TESTS/interop/servers.bash"
start_mosquitto one 'log_type all'
one_port=$port
listen 'spBv1.0/G1/#' wire.one
start_mosquitto two 'log_type all'
two_port=$port
listen 'spBv1.0/G1/#' wire.two

state() { mosquitto_pub -h 127.0.0.1 -p "$1" -r -q 1 -t "spBv1.0/STATE/$2" -m "{\"online\":$3,\"timestamp\":$4}"; }
verbs() { heard "$1" | cut -d' ' -f1 | cut -d/ -f3- | tr '\n' ' '; }
verbs_are() { [ "$(verbs "$1")" = "$2" ]; }
until_verbs() { until_true 20 verbs_are "$1" "$2" || fail "$(verbs "$1")"; }

mkfifo input
sp-pub --broker "mqtt://127.0.0.1:$one_port" --broker "mqtt://127.0.0.1:$two_port" --client-id pub --primary-host HOST <input 2>err &
pub=$!
exec 8>input
encode >&8 <<'END'
frame { open { schema: 1 producer: "test" sealed: true } }
frame { series { site: "G1" line: "E1" asset: "D1" node: "G1/E1" sensor { alias: 0 name: "temp" type: VALUE_TYPE_DOUBLE } } }
frame { readings { series: 0 time: 1700000000000000000 double_value: 20.5 } }
END
until_true 20 grep -q 'Sending SUBACK to pub-G1-E1' one.log
# Neither another host, nor a host that is offline, nor something unreadable opens the session.
state "$one_port" OTHER true 1000
state "$one_port" HOST false 1000
mosquitto_pub -h 127.0.0.1 -p "$one_port" -q 1 -t spBv1.0/STATE/HOST -m 'ONLINE'
state "$one_port" HOST true 2000
until_verbs wire.one 'NBIRTH/E1 DBIRTH/E1/D1 '
# An older "offline" is a late one; a newer one ends the session, and the node goes to the other broker.
state "$one_port" HOST false 1999
state "$one_port" HOST false 3000
until_verbs wire.one 'NBIRTH/E1 DBIRTH/E1/D1 NDEATH/E1 '
until_true 20 grep -q 'Received DISCONNECT from pub-G1-E1' one.log
until_true 20 grep -q 'Sending SUBACK to pub-G1-E1' two.log
equal 'before the host is online there' '' "$(verbs wire.two)"
state "$two_port" HOST true 4000
until_verbs wire.two 'NBIRTH/E1 DBIRTH/E1/D1 '
kill -TERM $pub
code_of wait $pub
equal 'exit code' 0 "$code"
until_verbs wire.two 'NBIRTH/E1 DBIRTH/E1/D1 NDEATH/E1 '
equal 'messages of sp-pub' 'sp-pub: G1/E1: primary host HOST is offline' "$(cat err)"
