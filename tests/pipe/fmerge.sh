#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two branches of one stream meet again in fmerge with all of the stream between them: nothing is stuck, memory stays where
# --memory says, and the result is that of reading both from files. MEGABYTES says how far they are apart.
set -euo pipefail
. "$TESTS/assert.bash"
megabytes=${MEGABYTES:-100}

# 20 bytes a reading, 10,000 readings a second of the plant.
plant-sim --simple --assets 1000 --sensors 10 --lines 10 --duration "$((megabytes * 5))s" >raw.tp
expected=$(fmerge raw.tp raw.tp | sha256sum)

echo "a branch that holds everything back"
hold() {  # writes nothing before it has read everything
  cat >held.tp
  cat held.tp
  rm held.tp
}
mkfifo fast slow
tee >(hold >slow) <raw.tp >fast &
# Libraries and buffers take some 30 MiB; without the disk the stream itself would be on top of it.
/usr/bin/time -o memory -f %M fmerge --memory 8M --spill "$SCRATCH" --metrics counters fast slow | sha256sum >got
wait
equal "the digest" "$expected" "$(cat got)"
kib=$(tail -n 1 memory)
# A sanitizer takes as much as it likes.
if [[ $(ldd "$(command -v fmerge)") != *libasan* ]]; then
  [ "$kib" -lt $((64 * 1024)) ] || fail "$kib KiB of memory for 8 MiB that may wait"
fi
spilled=$(awk '/^[a-z_]*spilled_bytes/ { print $2 }' counters)
[ "${spilled%.*}" -gt $((megabytes * 1000000 / 2)) ] || fail "only $spilled bytes went to disk"
equal "files left" "" "$(ls | grep -vE '^(raw.tp|fast|slow|memory|counters|got)$' || true)"

echo "two FIFOs, opened by their writer in the other order"
plant-sim --assets 5 --duration 20s --metrics-only >small.tp
fmerge small.tp small.tp >wanted
rm -f fast slow
mkfifo fast slow
tee slow <small.tp >fast &
fmerge fast slow >got
wait
same_bytes "FIFOs and files" wanted got

echo "a slow branch, byte by byte"
tee >(drip >slow) <small.tp >fast &
fmerge --memory 0 fast slow >got
wait
same_bytes "bytes and files" wanted got

echo "process substitution and standard input"
fmerge <(cat small.tp) - <small.tp >got
same_bytes "descriptors and files" wanted got
