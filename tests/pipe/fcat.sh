#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fcat at its edges: damage, a full disk, a reader that leaves, lines that appear as they arrive, files in a row.
set -euo pipefail
fail() { echo "$1"; exit 1; }
expect() { # expect CODE MESSAGE COMMAND...: the exit code, and what standard error says
  local code=0 want=$1 message=$2
  shift 2
  "$@" >out.txt 2>err.txt || code=$?
  [ "$code" = "$want" ] || fail "$*: exit $code, not $want: $(cat err.txt)"
  [ -z "$message" ] && [ ! -s err.txt ] || grep -q -- "$message" err.txt || fail "$*: says '$(cat err.txt)', not '$message'"
}

printf '%s\n' series,time,value P1/L1/press/a,1,1.5 P1/L1/press/b,2,2.5 P1/L1/press/a,3,3.5 >in.csv
fcat --from csv --to frames --rows 1 in.csv >in.frames

# Damage is named with its place, behind everything that was whole.
head -c -3 in.frames >cut.frames
expect 65 'cut.frames: the input ends inside a frame' fcat cut.frames
[ "$(grep -c '"reading"' out.txt)" = 3 ] || fail "a cut stream: not all readings before the cut"
head -c -8 in.frames >no-close.frames
expect 65 '' fcat --stat no-close.frames
grep -q 'readings *3' out.txt || fail "a cut stream has no statistics"
(printf 'x'; cat in.frames) >tag.frames
expect 65 'frame 1 at byte 0: tag.frames: wrong tag byte 0x78' fcat tag.frames
printf '%s\n' series,time,value P1/L1/press/a,1,1.5 P1/L1/press/a,2,nonsense >bad.csv
expect 65 "line 3: value: 'nonsense' is not a double" fcat --from csv bad.csv
grep -q '"value":1.5' out.txt || fail "bad CSV: the row before is missing"
expect 0 '' fcat --from csv --skip-bad bad.csv
printf '%s\n' '{"frame":"watermark","node":"n"}' '{"frame":"watermark","nod":"n"}' >bad.json
expect 65 "line 2: watermark: unknown key 'nod'" fcat --from json bad.json
grep -q '"node":"n"' out.txt || fail "bad JSON: the frame before is missing"
expect 66 'missing.frames' fcat in.frames missing.frames
grep -q '"final":true' out.txt || fail "a missing file: the one before it is not printed"
expect 64 'four levels' fcat --match a/b in.frames
expect 64 'no kind' fcat --only nonsense in.frames

# A full disk, and a reader that leaves.
expect 74 'No space left' sh -c 'fcat in.frames >/dev/full'
{ echo series,time,value; seq -f 'P1/L1/press/a,%.0f,1.5' 200000; } | fcat --from csv --to frames >large.frames
fcat large.frames | head -1 >/dev/null # pipefail: fcat ends with 0

# Lines appear as frames arrive: the writer waits for the line before it goes on.
mkfifo frames lines
fcat <frames >lines &
exec 3>frames 4<lines
head -c -8 in.frames >&3
for _ in open series reading series reading reading; do
  read -r -t 20 line <&4 || fail "no line while the writer is quiet"
done
[[ $line == *'"value":3.5'* ]] || fail "the last line is $line"
tail -c 8 in.frames >&3
exec 3>&-
wait $! || fail "fcat ends with $?"
exec 4<&-

# Files in a row, and cut into files: the same canonical form.
cat in.frames large.frames | fcat --canonical >joined.json
fcat --canonical in.frames - <large.frames >row.json
cmp joined.json row.json
fcat --split 100k --output part large.frames
[ "$(ls part.*.frames | wc -l)" -gt 10 ] || fail "--split made too few files"
for part in part.*.frames; do
  [ "$(stat -c %s "$part")" -le 102400 ] || fail "$part is larger than asked for"
  fcat --stat "$part" >/dev/null
done
fcat --canonical large.frames >whole.json
cat part.*.frames | fcat --canonical | cmp - whole.json
expect 73 'part.0000.frames: File exists' fcat --split 100k --output part large.frames

# The first few.
[ "$(fcat --head 2 in.frames | grep -c reading)" = 2 ] || fail "--head 2 does not give 2 readings"
fcat --head 2 --to frames in.frames | fcat >/dev/null
