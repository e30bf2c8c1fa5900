#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Chronology after an outage. A backlog through our own buffer is the node's stream, later: the same bytes come of it. History
# that a foreign edge sends afterwards fills the windows of the outage, moves no twin back and makes nothing late; evidence of
# past crossings is kept, and marked so that a notifier can be quiet about it.
set -euo pipefail
. "$TESTS/pipe/outage.bash"
outage_policy >policy.json
plant=(--sites 2 --lines 1 --assets 2 --metrics-only --duration 6h
  --fault 'spike:plant-1/line-1/pump-0001/temp-bearing:2h:5s:100' --fault 'spike:plant-1/line-1/pump-0001/temp-bearing:5h30m:5s:100')
plant-sim "${plant[@]}" >whole.tp
results whole.tp whole

# 1. Our own buffer, in the stream: one node is four hours late.
plant-sim "${plant[@]}" --fault outage:plant-1/line-1:1h:4h:delayed >delayed.tp
results delayed.tp delayed
same_node plant-1/line-1 whole delayed
same_node plant-2/line-1 whole delayed
same_bytes 'the twins behind the backlog' whole.json delayed.json
nothing_late delayed

# 2. Our own buffer, on disk: what is recorded while the uplink is gone for hours is sent when it is back, by processes that
# begin in the middle of their windows.
mkfifo recording
rawbuf append buffer <recording &
exec 7<whole.tp 8>recording
recorded() { rawbuf tail buffer 2>/dev/null | fcat --stat | grep -q "^last *2026-01-01T0$1"; }
send() {
  rawbuf tail buffer --cursor sent.cursor | winagg --keep --policy policy.json --state winagg.state |
    twin-fold --policy policy.json --state twin.state --cursor sent.cursor --snapshot sent.json >>sent.tp
}
head -c $(($(stat -c %s whole.tp) / 5)) <&7 >&8
until_true 60 recorded 1
send
cat <&7 >&8
exec 8>&-
wait $!
send
winagg --keep --policy policy.json <whole.tp | twin-fold --policy policy.json --snapshot direct.json >direct.tp
for way in sent direct; do ln -s $way.tp $way.rows && ln -s $way.tp $way.twins; done
same_node plant-1/line-1 direct sent
same_bytes 'the twins behind the buffer' direct.json sent.json

# 3. History from a foreign edge, after two outages; the windows are many more than may be open. A birth here says everything
# anew under its own time, which the run without an outage does not: those readings, on the full hour, are left out.
plant-sim "${plant[@]}" --fault outage:plant-1/line-1:10m:10m --fault outage:plant-1/line-1:1h:4h >history.tp
fcat history.tp | grep -Ev '^\{"frame":"reading","series":"plant-1/.*"time":"2026-01-01T0(0:20|5:00):00Z"' |
  fcat --from json --to frames >past.tp
results past.tp past
nothing_late past
equal 'what was aggregated' "$(counter whole.winagg aggregated)" "$(counter past.winagg aggregated)"
same_node plant-2/line-1 whole past
same_rows whole past
results history.tp history
nothing_late history
fcat --only twin history.twins >history.lines
"$TESTS/pipe/same_twins.py" whole.json history.json history.lines || fail 'the twins behind the history'

# 4. Evidence: the crossing in the outage is found, marked as history, and its raw passes; the one behind it is of the present.
exc-pass --gate --policy policy.json <past.tp >evidence.tp
fcat --only exception --match 'plant-1/+/+/+' evidence.tp | grep '"phase":"open"' >crossings || true
equal 'crossings of the outage, all of them history' '2026-01-01T02:00:00 true' \
  "$(grep 'T0[1-4]' crossings | sed 's/.*"time":"\([^.]*\).*"historical":\(.*\)}/\1 \2/')"
equal 'crossings of the present' 1 "$(grep -v '"historical"' crossings | grep -c '"time":"2026-01-01T05:30:00')"
equal 'raw readings of the past crossing' 5 \
  "$(fcat --only readings --match 'plant-1/line-1/pump-0001/temp-bearing' evidence.tp | grep '"historical":true' |
    grep -c '"time":"2026-01-01T02:00:0[0-4].*"pinned":true')"
