#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stream read by plain Python with the protobuf library of other people, and with no code of ours but the schema.
set -euo pipefail
. "$TESTS/interop/python.bash"
version=4.21.12  # reads what protoc 3.21 generates
command -v protoc >/dev/null && command -v python3 >/dev/null || { echo "no protoc or no python3"; exit 77; }
python_with "protobuf==$version" || exit 77
protoc -I "$TESTS/../libcore/proto" --python_out=. frames.proto

cat >count.py <<'EOP'
import collections, sys
import frames_pb2
stream = frames_pb2.Stream()
stream.ParseFromString(open(sys.argv[1], "rb").read())
kinds = collections.Counter(frame.WhichOneof("kind") for frame in stream.frame)
columns = dict(double="double_value", int64="int_value", uint64="uint_value", bool="bool_value", string="string_value", bytes="bytes_value")
for kind, count in kinds.items(): print("frames", kind, count)
for name, column in columns.items():
    if count := sum(len(getattr(frame.readings, column)) for frame in stream.frame): print("readings", name, count)
EOP
cat >stat.py <<'EOP'
import json, sys
stat = json.load(sys.stdin)
for kind, count in stat["frames"].items(): print("frames", kind, count)
for name, count in stat["readings"].items(): print("readings", name, count)
EOP

types=(double double int64 double string bool double)
values=(1.5 2.5 3 NaN text true 7)
{
  echo series,time,value,type
  for i in $(seq 0 2999); do echo "P1/L1/press/s$((i % 7)),$((i * 1000)),${values[i % 7]},${types[i % 7]}"; done
} | fcat --from csv --to frames >made.frames
for stream in made.frames "$TESTS/golden-v1/stream-v1.frames"; do
  "$python" count.py "$stream" | sort >python.txt
  fcat --stat --to json "$stream" | "$python" stat.py | sort >fcat.txt
  diff python.txt fcat.txt || { echo "$stream: Python's protobuf (<) and fcat --stat (>) count differently"; exit 1; }
  grep -q readings python.txt || { echo "$stream: no readings were counted"; exit 1; }
done
