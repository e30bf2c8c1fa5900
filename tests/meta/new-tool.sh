#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What scripts/new-tool writes builds and passes its tests as it is: in a copy of the tree, with the compiler's cache where
# there is one.
# ctest: timeout=1200
set -euo pipefail
. "$TESTS/assert.bash"

mkdir copy
tar -C "$TESTS/.." --exclude='./build*' --exclude=./.git -cf - . | tar -C copy -xf -
cd copy
git init -q .
scripts/new-tool even-out "Pass everything on" >/dev/null
code_of scripts/new-tool Even_Out "Not a name" 2>/dev/null
equal "a name that is not in kebab-case" 64 $code
code_of scripts/new-tool even-out "Again" 2>/dev/null
equal "a name that is taken" 73 $code

export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
cmake -S . -B build -G Ninja "${launcher[@]}" >configured || fail "cmake: $(tail -n 20 configured)"
# Only what the new tool's tests run.
ninja -j2 -C build even-out fcat plant-sim inject man/even-out.1 unit_tests >built 2>&1 || fail "build: $(tail -n 40 built)"
PATH="$PWD/build/bin:$PATH" scripts/golden even-out >/dev/null
[ -s tests/golden/even-out/passes/stdout ] || fail "the golden case printed nothing"
CI=true ctest --test-dir build --output-on-failure -R 'even-out' >tested 2>&1 || fail "$(cat tested)"
like "the tests" '3 tests' "$(grep 'tests passed' tested)$(grep -c Passed tested) tests"
build/tests/unit_tests 'even-out*' >unit || fail "$(cat unit)"
mandoc -Tlint -Wwarning build/man/even-out.1 || fail "the man page does not lint"
scripts/check-layers || fail "the layers do not hold"
! command -v clang-format >/dev/null ||
  clang-format --dry-run --Werror tools/even-out.cpp libcore/kernel/even_out.* tests/unit/even_out.cpp || fail "not formatted"
