#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What incident says to rubbish, to damage and to other releases, and that an incident is what it was told to be.
# ctest: timeout=180
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
mkdir tmp
export TMPDIR=$SCRATCH/tmp

plant-sim --assets 2 --lines 1 --metrics-only --duration 30s | rawbuf append raw
cat >edge.json <<'END'
{"name": "edge", "version": "1", "owner": "reliability", "deadband": [{"match": "+/+/+/temp-*", "absolute": 0.5, "heartbeat": "10s"}]}
END
thin='deadband --policy edge.json'
span=(--from 2026-01-01T00:00:10Z --to 2026-01-01T00:00:20Z)
capture() { incident capture "${span[@]}" --match '+/+/+/temp-*' --buffer raw --policy edge.json "$@"; }

# refused CODE MESSAGE COMMAND…: ends with CODE and one line that is like MESSAGE, and leaves nothing behind.
refused() {
  code_of "${@:3}" >stdout 2>stderr
  equal "${*:3}: $(cat stderr)" "$1" "$code"
  silent stdout
  like "${*:3}" "$2" "$(cat stderr)"
  equal "${*:3}: lines" 1 "$(wc -l <stderr)"
  equal "what ${*:3} leaves behind" "" "$(ls -A tmp; compgen -G 'bad*' || true)"
}

# ---- captures that are refused ------------------------------------------------------------------------------------------
refused 64 'incident --help' incident
refused 64 'incident --help' incident replay
refused 64 'required: .*--buffer' incident capture "${span[@]}" --policy edge.json --pipeline "$thin" bad
refused 64 'required: OUT' capture --pipeline "$thin"
refused 64 'no-such' capture --pipeline "$thin" --no-such bad
refused 64 'a pipeline is not empty' capture --pipeline ' ' bad
refused 64 'yesterday' capture --from yesterday --pipeline "$thin" bad
refused 64 'the span is empty' capture --to 2026-01-01T00:00:10Z --pipeline "$thin" bad
refused 64 'two files are called edge.json' capture --file ./edge.json --pipeline "$thin" bad
refused 64 'does not run, exit code 64' capture --pipeline "$thin --no-such" bad
refused 64 'does not run, exit code 66' capture --pipeline 'deadband --policy other.json' bad
refused 64 'writes nothing' capture --pipeline "$thin >/dev/null" bad
refused 66 'no-such-buffer' capture --buffer no-such-buffer --pipeline "$thin" bad
refused 66 'raw holds no reading from 2030' capture --from 2030-01-01T00:00:00Z --to 2031-01-01T00:00:00Z --pipeline "$thin" bad
refused 66 "holds no reading .* that matches no/such/one/here" incident capture "${span[@]}" --match no/such/one/here --buffer raw \
  --policy edge.json --pipeline "$thin" bad
refused 66 'no-such.json: no such file' capture --policy no-such.json --pipeline "$thin" bad
refused 73 'raw is there already' capture --pipeline "$thin" raw
refused 73 'nowhere: no such directory' capture --pipeline "$thin" nowhere/bad
refused 64 "SOURCE_DATE_EPOCH is 'abc'" env SOURCE_DATE_EPOCH=abc incident capture "${span[@]}" --buffer raw --policy edge.json \
  --pipeline "$thin" bad
SOURCE_DATE_EPOCH='' capture --pipeline "$thin" now.tar.zst
refused 1 'not give the same bytes twice' capture --pipeline 'date +%N' bad

# ---- what an incident holds ---------------------------------------------------------------------------------------------
export SOURCE_DATE_EPOCH=1767225600
capture --warm-up 5s --title 'a title' --pipeline "$thin" incident
rawbuf replay raw --order arrival --from 2026-01-01T00:00:05Z --to 2026-01-01T00:00:20Z --match '+/+/+/temp-*' >expected.tp
same_bytes "the frames" expected.tp incident/raw.tp
(cd incident/files && ../pipeline <../raw.tp) >by-hand.tp
same_bytes "what comes out by hand" by-hand.tp incident/expected
equal "the versions" 'deadband rawbuf' "$(python3 -c 'import json; print(*json.load(open("incident/manifest.json"))["tools"])')"
equal "the manifest" 'a title 2026-01-01T00:00:00Z 2026-01-01T00:00:10Z 2026-01-01T00:00:20Z 5s ["+/+/+/temp-*"] ["edge.json"] 0' \
  "$(python3 -c 'import json; m = json.load(open("incident/manifest.json"))
print(*(m[k] for k in ("title", "captured", "from", "to", "warm_up")), json.dumps(m["match"]), json.dumps(m["policies"]), m["exit"])')"
incident run incident >said 2>&1
silent said
capture --pipeline "$thin" once.tar.zst
capture --pipeline "$thin" twice.tar.zst
tar --zstd -xOf once.tar.zst ./manifest.json | sed 's/once/twice/' >once.json
tar --zstd -xOf twice.tar.zst ./manifest.json | cmp - once.json
incident run once.tar.zst >said 2>&1
silent said

# What retention took from the span is said.
for start in 00 10 20 30; do
  plant-sim --assets 2 --lines 1 --metrics-only --start "2026-01-01T00:00:${start}Z" --duration 10s | rawbuf append small --max-size 3000
done 2>/dev/null
incident capture --from 2026-01-01T00:00:10Z --to 2026-01-01T00:00:30Z --buffer small --policy edge.json --pipeline "$thin" rest 2>said
equal "what is missing" 'incident: small no longer has its frames from 2026-01-01T00:00:10Z to 2026-01-01T00:00:20Z: removed by size' \
  "$(grep -v 'T00:00:00Z to 2026-01-01T00:00:10Z' said)"
# In the warm-up too, and where times are written as numbers.
missing='incident: small no longer has its frames from 2026-01-01T00:00:10Z to 2026-01-01T00:00:20Z'
incident capture --from 2026-01-01T00:00:25Z --warm-up 5s --to 2026-01-01T00:00:30Z --buffer small --policy edge.json \
  --pipeline "$thin" warm 2>said
like "what is missing of the warm-up" "$missing" "$(cat said)"
incident capture --from 1767225615000000000 --to 1767225630000000000 --buffer small --policy edge.json --pipeline "$thin" numbers 2>said
like "what is missing of a span in nanoseconds" "$missing" "$(cat said)"

# A pipeline that fails is an incident, too; so is one that ends in text, and one that reads other files.
capture --pipeline "head -c 900 | $thin" cut 2>said
like "a pipeline that fails" 'ends with 65, and so it shall' "$(cat said)"
incident run cut >said 2>&1
silent said
echo 'a registry' >registry.json
echo 'a model' >model
capture --registry registry.json --file model --pipeline "cat registry.json model; fcat --to csv --only readings" text.tar.zst
incident run text.tar.zst >said 2>&1
silent said
code_of incident run text.tar.zst --pipeline 'cat registry.json registry.json; fcat --to csv --only readings' >said
equal "other text" 1 $code
like "other text" '
-a model
\+a registry' "$(cat said)"
code_of incident run incident --pipeline "head -c 900 | $thin" >said
equal "another exit code" 1 $code
like "another exit code" '^the pipeline ended with 65, and with 0 when it was captured: deadband: ' "$(cat said)"

code_of incident run incident --pipeline "fcat --to frames" >/dev/full 2>stderr
equal "a full disk" 74 $code
like "a full disk" '^incident: .*No space left on device$' "$(cat stderr)"

equal "the version" "$(rawbuf --version | sed s/rawbuf/incident/)" "$(incident --version)"

# Told to stop, it leaves neither a directory nor a process.
mkdir stopped
for signal in TERM INT; do
  # Background jobs of a script ignore INT, so it is given back.
  TMPDIR=$SCRATCH/stopped python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' incident capture "${span[@]}" --buffer raw --policy edge.json \
    --pipeline "echo \$\$ >$SCRATCH/leader; sleep 60; cat" bad 2>said &
  stopped=$!
  until_true 20 test -s leader
  kill -$signal $stopped
  code_of wait $stopped
  equal "told to stop by $signal" "$([ $signal = TERM ] && echo 143 || echo 130)" $code
  equal "what it leaves behind" "" "$(ls -A stopped)"
  equal "what still runs" "" "$(ps -o stat=,args= -g "$(cat leader)" | grep -v "^Z" || true)" # a zombie only waits for its parent
  rm leader
done

# ---- incidents that are refused -----------------------------------------------------------------------------------------
refused 64 'required' incident run
refused 66 'no such incident' incident run no-such
refused 65 'neither a directory nor a whole .tar.zst' incident run edge.json
head -c 700 once.tar.zst >cut.tar.zst
refused 65 'neither a directory nor a whole .tar.zst' incident run cut.tar.zst
mkdir empty
refused 66 'no manifest.json' incident run empty
# spoiled CODE MESSAGE COMMAND: a copy of the incident to which COMMAND was done.
spoiled() {
  rm -rf spoiled
  cp -r incident spoiled
  (cd spoiled && eval "$3")
  refused "$1" "$2" incident run spoiled
}
for file in raw.tp pipeline expected files/edge.json; do
  spoiled 65 "damaged: $file is not what was captured" "printf X | dd of=$file bs=1 seek=9 conv=notrunc status=none"
done
spoiled 66 "incomplete: files/edge.json is missing" "rm files/edge.json"
spoiled 65 'manifest.json is damaged' "head -c 200 manifest.json >cut && mv cut manifest.json"
spoiled 65 'manifest.json is damaged' "echo '[]' >manifest.json"
spoiled 65 'manifest.json is damaged' "sed -i /exit/d manifest.json"
spoiled 65 'nothing of expected' "sed -i s/expected/unexpected/ manifest.json"
spoiled 65 'is not a file of an incident' "sed -i 's|files/edge|../edge|' manifest.json"
spoiled 78 'format 2' "sed -i 's/\"format\": 1/\"format\": 2/' manifest.json"
spoiled 69 'deadbeat is not installed' "sed -i '/tools/,/}/s/deadband/deadbeat/' manifest.json"
refused 66 'no-such.json: no such policy' incident run incident --policy no-such.json
echo '{"name": "edge"' >broken.json
refused 78 'broken.json' incident run incident --policy broken.json
cp edge.json second.json
capture --policy second.json --pipeline "$thin | deadband --policy second.json" two
cp edge.json third.json
refused 64 'none of the captured policies is called third.json: edge.json, second.json' incident run two --policy third.json

# ---- another release ----------------------------------------------------------------------------------------------------
# It writes its own version into its Open, and groups readings as it likes.
mkdir release
cat >release/deadband <<END
#!/bin/sh
[ "\$1" != --version ] || { echo deadband 9.9.9; exit; }
$(command -v deadband) "\$@" | fcat | sed 's/"producer":"deadband [0-9.]*"/"producer":"deadband 9.9.9"/' | fcat --from json --to frames --rows 1
END
chmod +x release/deadband
PATH=$SCRATCH/release:$PATH incident run incident >stdout 2>said
silent stdout
like "another release" 'deadband is 9\.9\.9 here, and was [0-9.]+ when .*other bytes, the same content' "$(cat said)"

# ---- what differs, on its own -------------------------------------------------------------------------------------------
refused 66 'no-such' incident-diff no-such expected.tp
refused 64 'required' incident-diff expected.tp
incident-diff expected.tp expected.tp >said 2>&1
silent said
fcat expected.tp | sed '0,/"value":/s/"value":[0-9.]*/"value":99/' | fcat --from json --to frames >other.tp
code_of incident-diff expected.tp other.tp >said
equal "another value" 1 $code
like "another value" '^1 series or assets differ, from ([^ ]+) to [^ ]+
plant-1/line-1/pump-000[12]/temp-[a-z]+: 1 reading row differs
  [^ ]+: expected [0-9.]+; got 99
  no policy shaped it$' "$(cat said)"
