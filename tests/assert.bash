# SPDX-License-Identifier: Apache-2.0
# Sourced by test scripts: checks that say what was wrong, and waiting that has a deadline.

# fail MESSAGE: says so and ends the script.
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# equal WHAT EXPECTED ACTUAL
equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }

# like WHAT PATTERN ACTUAL: an extended regular expression.
like() { [[ $3 =~ $2 ]] || fail "$1: expected something like '$2', got '$3'"; }

# same_bytes WHAT EXPECTED_FILE ACTUAL_FILE
same_bytes() { cmp "$2" "$3" || fail "$1: the bytes differ"; }

# silent FILE…: the files are empty.
silent() {
  local file
  for file in "$@"; do [ ! -s "$file" ] || fail "$file is not empty: $(head -c 500 "$file")"; done
}

# code_of COMMAND…: sets $code to its exit code; never ends the script.
code_of() {
  code=0
  "$@" || code=$?
}

# until_true SECONDS COMMAND…: polls until the command succeeds.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -le $deadline ] || fail "timed out waiting for: $*"
    sleep 0.02
  done
}

# free_port: of 127.0.0.1. None that the kernel gives to clients: one of them could have it when the server starts, or starts again.
free_port() {
  python3 -c '
import random, socket
while True:
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", random.SystemRandom().randrange(10000, 32000)))
        except OSError:
            continue
        print(s.getsockname()[1])
        break'
}

# decode <STREAM: as text, by protoc and not by the toolkit.
decode() { protoc --decode=twinpipe.v1.Stream -I "$TESTS/../libcore/proto" frames.proto; }

# skip MESSAGE: what is missing.
skip() {
  echo "skipped: $*" >&2
  exit 77
}
