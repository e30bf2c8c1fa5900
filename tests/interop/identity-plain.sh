#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# sp-pub --plain | broker | sp-sub --plain is the identity too, with Sparkplug payloads on plain topics.
set -euo pipefail
. "$TESTS/interop/servers.bash"
start_mosquitto broker 'log_type all'
encode <"$TESTS/interop/every-datatype.txtpb" >stream
stream_text <stream | grep '^value' | sort -s -k2,3 >wanted

sp-sub --broker "mqtt://127.0.0.1:$port" --client-id sub --role passive --plain '+/+/+/+' --count "$(wc -l <wanted)" >heard 2>sub.err &
sub=$!
server_pids+=($sub)
until_true 20 grep -q 'Sending SUBACK to sub-plain' broker.log
sp-pub --broker "mqtt://127.0.0.1:$port" --plain '+/+/+/+' <stream
code_of wait $sub
equal 'exit code of sp-sub' 0 "$code"
stream_text <heard | grep '^value' | sort -s -k2,3 >got
diff wanted got || fail 'the values differ'
