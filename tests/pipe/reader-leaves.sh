#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A reader that has seen enough ends the pipeline quietly with 0, in the middle of data and while the input is silent.
set -euo pipefail
. "$TESTS/assert.bash"

python3 "$TESTS/fault/streams.py" . 200000
policy=$TESTS/fault/policy.json

code_of bash -c 'set -o pipefail; deadband --policy "$1" <good.tp 2>stderr | head -c 100 >some' - "$policy"
equal "exit code in the middle of data" 0 $code
silent stderr
equal "bytes that the reader wanted" 100 "$(stat -c %s some)"

# The input stays open and silent: the filter must notice by itself.
mkfifo in
deadband --policy "$policy" <in 2>stderr > >(head -c 10 >some) &
pid=$!
exec 3>in
python3 "$TESTS/fault/streams.py" . 20
head -c 300 small.tp >&3
code_of wait $pid
equal "exit code while the input is silent" 0 $code
silent stderr
exec 3>&-
