#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What scripts/new-tool writes builds and passes its tests as it is, in a copy of the tree. The libraries are those of this
# build: only the new files are compiled, with the flags that the build has for a tool.
# ctest: timeout=300
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

# CMake knows the tool, its tests and its page by the one word.
cmake -S . -B configured -G Ninja >cmake-said 2>&1 || fail "cmake: $(tail -n 20 cmake-said)"
ctest --test-dir configured -N >listed
for test in golden.even-out.passes fault.even-out tool.even-out examples.even-out; do
  grep -q " $test\$" listed || fail "CMake found no test $test"
done

# Built with the commands that this build has for deadband.
commands=$(ninja -C "$BUILD" -t commands deadband)
compile=$(grep -- '-c .*tools/deadband.cpp' <<<"$commands" | sed -E 's/ -MD .*//; s|-I[^ ]*/libcore|-I'"$PWD"'/libcore|')
link=$(grep -- '-o bin/deadband' <<<"$commands" | sed -E 's/^: && //; s/ && :$//; s| [^ ]*deadband.cpp.o | OBJECTS |; s|-o bin/deadband|-o TARGET|')
mkdir -p build/bin build/man objects
for source in libcore/kernel/even_out tools/even-out tests/unit/even_out; do
  (cd "$BUILD" && $compile -I"$OLDPWD/tests" -o "$OLDPWD/objects/${source//\//.}.o" -c "$OLDPWD/$source.cpp") || fail "$source.cpp does not compile"
done
build() {  # TARGET OBJECT…
  local target=$1 line=${link/TARGET/"$PWD/$1"}
  shift
  (cd "$BUILD" && ${line/OBJECTS/"$*"}) || fail "$target does not link"
}
build build/bin/even-out "$PWD/objects/tools.even-out.o" "$PWD/objects/libcore.kernel.even_out.o"
build unit "$PWD/objects/tests.unit.even_out.o" "$PWD/objects/libcore.kernel.even_out.o" "$BUILD/tests/CMakeFiles/catch_main.dir/main.cpp.o"
ln -s "$BUILD/bin/fcat" "$BUILD/bin/plant-sim" build/bin/
ln -s "$BUILD/tests" build/tests
scripts/man-page build/bin/even-out man/even-out.1 build/man/even-out.1

./unit >said || fail "unit: $(cat said)"
PATH="$PWD/build/bin:$PATH" scripts/golden even-out >/dev/null
[ -s tests/golden/even-out/passes/stdout ] || fail "the golden case printed nothing"
tests/run-golden build/bin tests/golden/even-out/passes || fail "the golden case does not repeat"
for check in "fault/run-table even-out" "check-tool even-out" "run-man-examples $PWD/man/even-out.1"; do
  # shellcheck disable=SC2086 # a program and its arguments
  (set -- $check && program=$1 && shift && tests/run-script build/bin "tests/$program" "$@") >said 2>&1 || fail "$check: $(cat said)"
done
scripts/check-layers || fail "the layers do not hold"
! command -v clang-format >/dev/null ||
  clang-format --dry-run --Werror tools/even-out.cpp libcore/kernel/even_out.* tests/unit/even_out.cpp || fail "not formatted"
