# SPDX-License-Identifier: Apache-2.0
# Sourced by tests and benchmarks that need Python packages which Debian has not, or not new enough.

# python_with PACKAGE==VERSION…: an environment of their own, made once and kept; sets $python. Says what is missing, and fails.
python_with() {
  local name=$* venv
  name=${name//==/-} # env takes a path with a '=' for a variable
  venv=${TWINPIPE_CACHE:-$HOME/.cache/twinpipe}/${name// /+}
  python=$venv/bin/python
  [ ! -e "$venv/complete" ] || return 0
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  if python3 -m venv "$venv" && "$venv/bin/pip" -q --disable-pip-version-check install "$@"; then
    touch "$venv/complete"
  else
    echo "not installed: $*"
    return 1
  fi >pip.log 2>&1 || {
    tail -n 2 pip.log
    return 1
  }
}
