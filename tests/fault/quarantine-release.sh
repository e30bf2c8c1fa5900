#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quarantine release, whose power is cut at its n-th call for every n, and which is killed with kill -9 while its reader is slow:
# released again, every chosen reject has left in exactly one release, and a release that left in part before leaves as the same
# bytes. A ledger on a disk that fails keeps what it had.
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
preload=$(dirname "$(dirname "$(command -v quarantine)")")/tests/inject.so
[ -e "$preload" ] || fail "no $preload"
inject() { env LD_PRELOAD="$preload" TWINPIPE_INJECT="$1" ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" "${@:2}"; }
readings() { fcat --only readings "$@" | grep '"historical":true' | sort; }

policy() { echo '{"name": "p", "version": "'"$1"'", "owner": "tests", "quarantine": [{"name": "can be", "match": "+/+/+/+", "expect": "range", "max": '"$2"'}]}'; }
policy 1 -1e6 >none.json
policy 2 60 >some.json
policy 3 1e6 >all.json
# rejects SECONDS: everything is a reject.
rejects() {
  plant-sim --simple --assets 20 --sensors 10 --lines 2 --duration "$1s" | quarantine --policy none.json --rejects /dev/fd/3 3>&1 >/dev/null
}
rejects 5 >rejects.tp
all=$(fcat --only reject rejects.tp | wc -l)
[ "$all" -gt 500 ] || fail "only $all rejects"

# Without a fault: some pass, the rest passes later, and nothing passes twice.
cp rejects.tp whole.tp
quarantine release whole.tp --policy some.json >some.tp 2>some.err
like "those that fail" "quarantine: [0-9]+ of $all still fail under policy p version 2, and stay" "$(cat some.err)"
quarantine release whole.tp --policy all.json >rest.tp
quarantine release whole.tp --policy all.json >nothing.tp
equal "released twice" 0 "$(readings nothing.tp | wc -l)"
readings some.tp >some.txt
readings rest.tp >rest.txt
sort some.txt rest.txt >all.txt
equal "released" "$all" "$(sort -u all.txt | wc -l)"
equal "released twice" "" "$(uniq -d all.txt)"

# once WHAT FIRST: `first` is what left in the run that was cut short; released again, all have left once.
once() {
  quarantine release run.tp --policy some.json >second.tp 2>again.err || fail "$1: it does not go on: $(cat again.err)"
  quarantine release run.tp --policy all.json >third.tp 2>again.err || fail "$1: it does not go on: $(cat again.err)"
  readings second.tp third.tp >left.txt
  if [ -s first.tp ] && ! cmp -s first.tp some.tp; then
    # Part of a release, or none: it leaves again, from its first byte on.
    cmp -n "$(stat -c %s first.tp)" first.tp second.tp || fail "$1: the release is another one"
  elif [ "$(readings second.tp | wc -l)" = 0 ]; then
    readings first.tp second.tp third.tp >left.txt  # it was whole, and the ledger knows
  else
    cmp -n "$(stat -c %s first.tp)" first.tp second.tp || fail "$1: the release is another one"
  fi
  sort left.txt >sorted.txt
  cmp sorted.txt all.txt || fail "$1: not every reject has left once"
}

runs=0
for fault in write@file fsync rename write@1; do
  for n in {1..12}; do
    at="$fault:$n:CUT"
    rm -f run.tp run.tp.ledger
    cp rejects.tp run.tp
    # On standard output the first write is half done.
    { inject "${fault/write@1/write@1:1:SHORT,write@1}:$n:CUT" quarantine release run.tp --policy some.json 2>cut.err || echo $? >code; } 2>shell.err |
      cat >first.tp
    runs=$((runs + 1))
    grep -v ' still fail' cut.err | grep -v Killed >said.err && fail "$at: $(cat said.err)"
    [ -e code ] || break  # fewer calls than n
    equal "$at" 137 "$(<code)"
    rm code
    once "$at"
  done
done
[ $runs -gt 10 ] || fail "only $runs runs"

# A reader that is slow, and a process that is killed while it waits: the pipe has a part of the release.
rm -f run.tp.ledger
rejects 300 >run.tp
cp run.tp big.tp
mkfifo slow
exec 4<>slow
quarantine release run.tp --policy all.json >slow 2>kill.err &
victim=$!
stuck() { [ -s run.tp.ledger ] && grep -q pipe_write "/proc/$victim/wchan" 2>/dev/null || [ "$(awk '{ print $3 }' "/proc/$victim/stat")" = S ] && [ -s run.tp.ledger ]; }
until_true 60 stuck
kill -9 "$victim"
wait "$victim" 2>/dev/null || true
exec 5<slow 4>&-
cat <&5 >first.tp
exec 5<&-
quarantine release big.tp --policy all.json >whole.tp
quarantine release run.tp --policy all.json >second.tp 2>again.err
like "what is said" 'quarantine: release 1 did not leave whole: it leaves again' "$(cat again.err)"
size=$(stat -c %s whole.tp)
cmp -n "$size" whole.tp second.tp || fail "the release is another one"
cmp -n "$(stat -c %s first.tp)" first.tp second.tp || fail "what had left is not its beginning"
[ "$(stat -c %s first.tp)" -lt "$size" ] || fail "the reader was not slow enough to matter"
equal "readings" "$(fcat --only readings whole.tp | wc -l)" "$(fcat --only readings second.tp | wc -l)"
quarantine release run.tp --again 1 | cmp - whole.tp || fail "--again: another release"

# A full disk: no byte leaves without the ledger, and the next one is whole.
rm -f run.tp.ledger
cp rejects.tp run.tp
code_of inject write@file:1+:ENOSPC quarantine release run.tp --policy some.json >first.tp 2>full.err
equal "a full disk" 74 "$code"
equal "what left" 0 "$(stat -c %s first.tp)"
once "a full disk"

# Two at a time: the second one waits for another time.
exec 6>>run.tp.ledger
flock 6
code_of quarantine release run.tp --policy some.json >/dev/null 2>lock.err
equal "two at a time" 75 "$code"
