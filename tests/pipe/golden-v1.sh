#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stream of version 1, recorded once with every field of every frame set, is read today as it was then. Its files are
# never made anew, fields that came later stand in segments behind: a difference is a change of the wire.
set -euo pipefail
golden=$TESTS/golden-v1

same() { # same WHAT EXPECTED GOT
  cmp "$2" "$3" >&2 || { echo "version 1: $1 differs"; diff "$2" "$3" | cut -c 1-300 | head -5; exit 1; }
}

fcat "$golden/stream-v1.frames" >lines.json
same "the JSON" "$golden/stream-v1.json" lines.json
fcat --exact "$golden/stream-v1.frames" >exact.json
same "the exact JSON" "$golden/stream-v1.exact.json" exact.json
fcat --from json --to frames "$golden/stream-v1.exact.json" >again.frames
same "the stream made of its JSON" "$golden/stream-v1.frames" again.frames

command -v protoc >/dev/null || { echo "no protoc: field numbers are not compared"; exit 77; }
protoc --decode twinpipe.v1.Stream -I "$TESTS/../libcore/proto" frames.proto <"$golden/stream-v1.frames" >stream.textproto
same "protoc's reading: a field was renumbered, renamed or retyped" "$golden/stream-v1.textproto" stream.textproto
if grep -nE '^ *[0-9]+[:{ ]' stream.textproto; then echo "version 1: fields that the schema does not know"; exit 1; fi
