#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# The law of the two Sparkplug tools: sp-pub | broker | sp-sub is the identity, at a resolution of milliseconds, on every
# datatype, nulls, qualities, the past, arrays, waveforms and property sets.
set -euo pipefail
. "$TESTS/interop/servers.bash"
start_mosquitto broker 'log_type all'
encode <"$TESTS/interop/every-datatype.txtpb" >stream

sp-sub --broker "mqtt://127.0.0.1:$port" --client-id sub --role passive >heard 2>sub.err &
sub=$!
server_pids+=($sub)
until_true 20 grep -q 'Sending SUBACK to sub' broker.log
sp-pub --broker "mqtt://127.0.0.1:$port" "$@" <stream
died() { stream_text <heard 2>/dev/null | grep '^offline G1/E1 ' >/dev/null; }
until_true 20 died
kill -TERM $sub
code_of wait $sub
equal 'exit code of sp-sub' 0 "$code"
silent sub.err

# What comes behind the death says that nothing is known any more. A null with today's time stands for a metric that had no
# value yet at its birth.
stream_text <heard | sed '/^offline G1\/E1 /,$d' >all
# A birth repeats what is known, so a line that was there already says nothing.
values() { grep '^value' | sort -s -k2,3 | awk '!seen[$0]++'; }
stream_text <stream | values >wanted
values <all | awk '!($5 > 1790000000000 && $6 == "null")' >got
diff wanted got || fail 'the values differ'

# A sample period is a property on the way, and a field of the waveform at both ends. Before the first waveform came, its
# series was an array as others are: the last declaration counts.
series() { grep '^series' | sed -E 's/samplePeriod=Double:[^,}]*(, )?//' | awk '{ last[$2 " " $3] = $0 } END { for (name in last) print last[name] }' | sort; }
stream_text <stream | series >wanted
series <all >got
diff wanted got || fail 'the declarations differ'
