#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Any file of ours is one message to protoc, and what protoc encodes is a stream to us.
set -euo pipefail
command -v protoc >/dev/null || { echo "no protoc"; exit 77; }
proto=$TESTS/../libcore/proto

{
  echo series,time,value
  for i in $(seq 0 1999); do echo "P1/L1/press/s$((i % 7)),$((i * 1000)),$i.5"; done
} | fcat --from csv --to frames --rows 64 >made.frames
protoc --decode twinpipe.v1.Stream -I "$proto" frames.proto <made.frames >made.textproto

values=$(grep -c '^    double_value:' made.textproto)
[ "$values" = 2000 ] || { echo "protoc shows $values values, 2000 were written"; exit 1; }
if grep -nE '^ *[0-9]+[:{ ]' made.textproto; then echo "fields that the schema does not know"; exit 1; fi

protoc --encode twinpipe.v1.Stream -I "$proto" frames.proto <made.textproto >encoded.frames
fcat --canonical made.frames >made.json
fcat --canonical encoded.frames >encoded.json
cmp made.json encoded.json || { echo "what protoc encodes is another stream"; exit 1; }

cat made.frames made.frames >joined.frames
opens=$(protoc --decode twinpipe.v1.Stream -I "$proto" frames.proto <joined.frames | grep -c '^  open {')
[ "$opens" = 2 ] || { echo "two streams joined have $opens segments"; exit 1; }
