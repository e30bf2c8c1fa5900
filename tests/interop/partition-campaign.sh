#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=3600 serial
# Many partitions, each round with another seed, which is printed; SEED=N of the tests themselves repeats one.
set -euo pipefail
# shellcheck source=tests/interop/network.bash
. "$TESTS/interop/network.bash"
seed
for ((round = 0; round < ${ROUNDS:-15}; ++round)); do
  for name in partition-mqtt partition-kafka; do
    mkdir "$SCRATCH/$name.$round"
    code=0
    (cd "$SCRATCH/$name.$round" && SCRATCH=$PWD SEED=$RANDOM ROUNDS=4 "$TESTS/interop/$name.sh") || code=$?
    [ $code != 77 ] || exit 77
    [ $code = 0 ] || fail "$name, round $round"
    rm -rf "${SCRATCH:?}/$name.$round"
  done
done
