#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fft-bands against scipy.signal.welch(scaling="density") on 500 random configurations: within 1e-10 in double and 1e-5 in float.
# SEED=N makes others of them.
set -euo pipefail
. "$TESTS/assert.bash"
python=/usr/bin/python3  # Debian's own, for its scipy
$python -c 'import scipy.signal, google.protobuf' 2>/dev/null || skip "no scipy or no protobuf for Debian's Python"
protoc -I "$TESTS/../libcore/proto" --python_out=. frames.proto
export PYTHONPATH=$PWD
$python "$TESTS/interop/fft_bands_scipy.py" write "${SEED-1}" policy.json waves.frames expected.json
fft-bands --policy policy.json <waves.frames >spectra.frames
$python "$TESTS/interop/fft_bands_scipy.py" compare expected.json spectra.frames
