#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sessions of an edge node at a real broker: the will after kill -9, bdSeq over restarts, rebirth requests, SIGTERM.
# tck-id-payloads-ndeath-will-message, tck-id-payloads-ndeath-will-message-publisher, tck-id-payloads-ndeath-will-message-retain,
# tck-id-topics-nbirth-bdseq-increment, tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath,
# tck-id-operational-behavior-edge-node-intentional-disconnect-packet, tck-id-message-flow-edge-node-birth-publish-will-message
set -euo pipefail
. "$TESTS/interop/servers.bash"
start_mosquitto broker 'log_type all'
listen 'spBv1.0/#' wire

declarations() {
  cat <<'END'
frame { open { schema: 1 producer: "test" sealed: true } }
frame { series { site: "G1" line: "E1" asset: "$node" node: "G1/E1" sensor { alias: 0 name: "cpu" type: VALUE_TYPE_DOUBLE } } }
frame { series { site: "G1" line: "E1" asset: "D1" node: "G1/E1" sensor { alias: 1 name: "temp" type: VALUE_TYPE_DOUBLE } } }
frame { readings { series: [0, 1] time: [1700000000000000000, 1700000000000000000] double_value: [0.5, 20.5] } }
END
}
# topics FIRST: of the messages from the FIRST on, the verb and what follows it.
topics() { heard wire | tail -n "+$1" | cut -d' ' -f1 | cut -d/ -f3- | tr '\n' ' '; }
messages() { heard wire | wc -l; }
at_least() { [ "$(messages)" -ge "$1" ]; }
# bdseq LINE: of a message.
bdseq() { payload "$(heard wire | sed -n "$1p" | cut -d' ' -f4)" | awk '/name: "bdSeq"/ { found = 1 } found && /long_value/ { print $2; exit }'; }
start() {
  rm -f input && mkfifo input
  sp-pub --broker "mqtt://127.0.0.1:$port" --client-id pub --state state "$@" <input 2>err &
  pub=$!
  exec 8>input
  declarations | encode >&8
}

# 1. Killed: the broker publishes the will, whose bdSeq is that of the births.
start
until_true 20 at_least 2
equal 'births' 'NBIRTH/E1 DBIRTH/E1/D1 ' "$(topics 1)"
equal 'the first bdSeq' 0 "$(bdseq 1)"
kill -9 $pub
until_true 20 at_least 3
equal 'after kill -9' 'NDEATH/E1 ' "$(topics 3)"
equal 'bdSeq of the will' 0 "$(bdseq 3)"
equal 'qos and retain of the will, as it arrives with QoS 0' '0 0' "$(heard wire | sed -n 3p | cut -d' ' -f2,3)"
code_of wait $pub
exec 8>&-

# 2. The next run counts on; told to stop, it says so and leaves, and the broker has no will to publish.
start
until_true 20 at_least 5
equal 'bdSeq of the second run' 1 "$(bdseq 4)"
kill -TERM $pub
code_of wait $pub
equal 'exit code after SIGTERM' 0 "$code"
until_true 20 at_least 6
equal 'the second run' 'NBIRTH/E1 DBIRTH/E1/D1 NDEATH/E1 ' "$(topics 4)"
equal 'its death' 1 "$(bdseq 6)"
until_true 20 grep -q 'Received DISCONNECT from pub-G1-E1' broker.log
equal 'clean session, will with QoS 1, not retained' 2 "$(grep -c 'New client connected from .* as pub-G1-E1 (p2, c1,' broker.log)"
equal 'wills' 2 "$(grep -c 'Will message specified ([0-9]* bytes) (r0, q1)' broker.log)"
exec 8>&-

# 3. 255 is followed by 0.
echo 255 >state/G1.E1.bdseq
start --linger 60s
until_true 20 at_least 8
equal 'bdSeq behind 255' 0 "$(bdseq 7)"

# 4. A rebirth is answered, while the input is quiet and while the session lingers behind its end.
rebirth() {
  protoc --encode=twinpipe.sparkplug.Payload -I "$TESTS/../libcore/proto" sparkplug_b.proto >ncmd \
    <<<'timestamp: 1 metrics { name: "Node Control/Rebirth" timestamp: 1 datatype: 11 boolean_value: true }'
  mosquitto_pub -h 127.0.0.1 -p "$port" -t spBv1.0/G1/NCMD/E1 -f ncmd
}
rebirth
until_true 20 at_least 11
equal 'a rebirth' 'NCMD/E1 NBIRTH/E1 DBIRTH/E1/D1 ' "$(topics 9)"
equal 'bdSeq of a rebirth' 0 "$(bdseq 10)"
encode >&8 <<<'frame { close { frames: 3 readings: 2 final: true } }'
exec 8>&-
rebirth
until_true 20 at_least 14
equal 'a rebirth behind the end' 'NCMD/E1 NBIRTH/E1 DBIRTH/E1/D1 ' "$(topics 12)"
kill -TERM $pub
code_of wait $pub
equal 'exit code' 0 "$code"
until_true 20 at_least 15
equal 'the end' 'NDEATH/E1 ' "$(topics 15)"
silent err
