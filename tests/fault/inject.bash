# SPDX-License-Identifier: Apache-2.0
# For tests of disks that fail; after assert.bash.
preload=$(dirname "$(dirname "$(command -v rawbuf)")")/tests/inject.so
[ -e "$preload" ] || fail "no $preload"

# inject CALL:N:ERROR COMMAND…: runs it, and its n-th such call fails: see inject.c.
inject() { env LD_PRELOAD="$preload" TWINPIPE_INJECT="$1" ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" "${@:2}"; }
