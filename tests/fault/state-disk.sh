#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A filter's state, its side output, a sink's cursor and its snapshot on a disk whose n-th call fails, for every n; and killed, or its
# power cut, at the n-th call. It ends with the right code and one line, and what was saved before stays good: started again from
# the cursor, the stream goes on as if nothing had happened.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/assert.bash"
. "$TESTS/fault/inject.bash"
cd "$SCRATCH"
said() { fcat "$1" | grep -vE '^\{"frame":"(open|close|series|position|resume|applied)"'; }

# Three records, so that there are three Positions; the second one is too late for windows.
for second in 10 10 20; do
  plant-sim --assets 1 --lines 1 --duration 8s --metrics-only --start "2026-01-01T00:00:${second}Z" | rawbuf append raw
done
cat >policy.json <<'END'
{"name": "disk", "version": "1", "owner": "reliability", "winagg": [{"match": "+/+/+/temp-*", "window": "4s", "lateness": "1s"}]}
END
tail_of() { rawbuf tail "$SCRATCH/raw" --cursor cursor --position-every 0; }
filter() { winagg --keep --late late --policy "$SCRATCH/policy.json" --state state; }
fold() { twin-fold --state state --cursor cursor --snapshot twins.json; }

mkdir whole
(cd whole && tail_of | filter | keep out cursor && said out >said && [ -s late ] || fail "nothing is late")
(cd whole && rm cursor && tail_of | fold >folded)

# again: goes on from what is there, to the end.
again_filter() {
  tail_of 2>tail.err | filter 2>again.err | keep out cursor || fail "$1: it does not go on: $(cat again.err)"
  [ ! -s again.err ] || like "$1: again" 'the input starts anew; what an earlier run wrote is now late' "$(cat again.err)"
  said out >said
  cmp said ../whole/said || fail "$1: not what it is without the fault"
  cmp late ../whole/late || fail "$1: the late side output is not what it is without the fault"
}
again_fold() {
  tail_of 2>tail.err | fold >folded 2>again.err || fail "$1: it does not go on: $(cat again.err)"
  cmp twins.json ../whole/twins.json || fail "$1: the twins are not those without the fault"
}
faulty_filter() { tail_of 2>tail.err | inject "$1" winagg --keep --late late --policy "$SCRATCH/policy.json" --state state 2>err | keep out cursor; echo "${PIPESTATUS[1]}" >code; }
faulty_fold() { tail_of 2>tail.err | inject "$1" twin-fold --state state --cursor cursor --snapshot twins.json 2>err >folded; echo "${PIPESTATUS[1]}" >code; }

runs=0
for what in filter fold; do
  for fault in write@file:ENOSPC write@file:SHORT fsync:EIO rename:EIO open:ENOSPC fsync:CUT rename:CUT; do
    for n in {1..60}; do
      at="$what, ${fault%:*} $n ${fault#*:}"
      rm -rf run && mkdir run && cd run
      { "faulty_$what" "${fault%:*}:$n:${fault#*:}" || true; } 2>shell.err
      case $(<code) in
        0) [ ! -s err ] || fail "$at: $(cat err)" ;;
        137) [ "${fault#*:}" = CUT ] || fail "$at: killed" ;;
        66 | 73 | 74 | 77) equal "$at: messages" 1 "$(wc -l <err)" ;;
        *) fail "$at: exit code $(<code): $(cat err)" ;;
      esac
      [ "${fault#*:}" != SHORT ] || equal "$at" 0 "$(<code)"
      # What is left half written is nobody's state.
      for file in state/*.state; do [ ! -e "$file" ] || [ -s "$file" ] || fail "$at: an empty state"; done
      "again_$what" "$at"
      code=$(<code)
      cd ..
      runs=$((runs + 1))
      # Fewer calls than n: nothing failed, and nothing will.
      [ "$code" != 0 ] || [ "${fault#*:}" = SHORT ] || break
      [ "${fault#*:}" != SHORT ] || [ "$n" -lt 6 ] || break
    done
  done
done
echo "$runs runs"
