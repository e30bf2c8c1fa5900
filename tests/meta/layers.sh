#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The layers of libcore hold, and the check that says so finds what breaks them.
set -euo pipefail
. "$TESTS/assert.bash"
check=$TESTS/../scripts/check-layers

"$check" || fail "an include points upwards, or a pure layer is not pure"

# breaks NAME FILE LINE: a tree with that one line is refused.
breaks() {
  rm -rf tree && mkdir -p tree/libcore/{wire,kernel,policy,io,client,cli} tree/tools
  echo "#include \"wire/frame.hpp\"" >tree/libcore/kernel/fine.hpp
  "$check" tree >/dev/null || fail "a good tree was refused"
  echo "$3" >"tree/$2"
  code_of "$check" tree >said
  equal "$1" 1 $code
  like "$1" "^$2:1: " "$(cat said)"
}
breaks "wire includes kernel" libcore/wire/a.hpp '#include "kernel/stage.hpp"'
breaks "kernel includes io" libcore/kernel/a.cpp '#include "io/fd.hpp"'
breaks "io includes cli" libcore/io/a.cpp '#include "cli/tool.hpp"'
breaks "a kernel with descriptors" libcore/kernel/a.cpp '#include <unistd.h>'
breaks "a kernel with a clock" libcore/kernel/a.cpp 'auto now = std::chrono::steady_clock::now();'
breaks "a policy with the environment" libcore/policy/a.cpp 'const char* home = getenv("HOME");'
breaks "the command line below cli" libcore/io/a.cpp '#include <CLI/CLI.hpp>'
breaks "MQTT outside of client" libcore/cli/a.cpp '#include <mosquitto.h>'
