#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sources are as clang-format writes them, every file says its licence, scripts parse, and no law is left unasked: rc::check only
# returns what it found.
set -euo pipefail
. "$TESTS/assert.bash"
cd "$TESTS/.."

git rev-parse --git-dir >/dev/null 2>&1 || skip "not a checkout"
for file in $(git ls-files -- '*.cpp' '*.hpp' '*.c' '*.py' '*.sh' '*.proto' '*CMakeLists.txt' scripts tests/run-* Makefile); do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || fail "$file: no SPDX line"
  head -n 1 "$file" | grep -qE '^#!.*(bash|sh)$' || continue
  bash -n "$file" || fail "$file does not parse"
done
! git grep -nE '^ *rc::check\(' -- tests || fail "rc::check outside of CHECK cannot fail its test"
command -v clang-format >/dev/null || skip "clang-format is missing"
git ls-files -- '*.cpp' '*.hpp' '*.c' | xargs clang-format --dry-run --Werror || fail "run make fmt"
