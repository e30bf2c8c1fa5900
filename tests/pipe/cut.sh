#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stream cut anywhere: exactly the whole frames before the cut leave, then exit code 65 with the offset. `cat a b` is a
# stream, and so is a stream of two whose first was stopped.
set -euo pipefail
. "$TESTS/assert.bash"

python3 "$TESTS/fault/streams.py" . 20
policy=pass-all.json
echo '{"name": "pass all", "version": "1", "owner": "tests"}' >$policy
python3 - "$policy" <<'EOP'
import subprocess, sys

stream = open("small.tp", "rb").read()
boundaries, at = [0], 0
while at < len(stream):
    length, shift, start = 0, 0, at + 1
    while True:
        length |= (stream[start] & 0x7F) << shift
        shift += 7
        start += 1
        if stream[start - 1] < 0x80:
            break
    at = start + length
    boundaries.append(at)
cuts = sorted({cut for b in boundaries for cut in (b - 1, b, b + 1) if 0 <= cut < len(stream)} | set(range(0, len(stream), 23)))
for cut in cuts:
    run = subprocess.run(["deadband", "--policy", sys.argv[1]], input=stream[:cut], capture_output=True)
    last = max(b for b in boundaries if b <= cut)
    place = f"at byte {last}:"
    assert run.returncode == 65, (cut, run.returncode, run.stderr)
    assert place in run.stderr.decode(), (cut, place, run.stderr)
    assert run.stderr.count(b"\n") == 1, (cut, run.stderr)
    forwarded = stream[boundaries[1]:last]  # Series, Readings, Watermark; the filter writes its own Open
    assert run.stdout.endswith(forwarded), (cut, len(run.stdout))
EOP

cat small.tp small.tp | deadband --policy "$policy" >twice
equal "segments" 2 "$(decode <twice | grep -c '^  open')"
equal "final ends" 2 "$(decode <twice | grep -c 'final: true')"
cat stopped.tp small.tp | deadband --policy "$policy" >after
like "the end" 'final: true' "$(decode <after | tail -n 3 | tr '\n' ' ')"
deadband --policy "$policy" <stopped.tp >stopped
[[ $(decode <stopped) != *final* ]] || fail "a stopped input must not end final"
