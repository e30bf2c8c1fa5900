#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spectra.py scipy|numpy WAVES SAMPLES BANDS: the same spectra by Python: float32 waveforms of SAMPLES each as they lie in a
file, segments of 8192 with half overlap, Hann, mean taken off, energies of bands."""
import sys

import numpy as np

peer, file, samples, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
LENGTH, RATE = 8192, 8000.0
edges = np.linspace(0, RATE / 2 / (RATE / LENGTH), count + 1).astype(int)
waves = np.fromfile(file, dtype=np.float32).reshape(-1, samples)
total = 0.0

if peer == "scipy":
    import scipy.signal
    for wave in waves:
        frequency, density = scipy.signal.welch(wave, RATE, "hann", LENGTH, LENGTH // 2, detrend="constant", scaling="density")
        total += np.add.reduceat(density, edges[:-1])[0]
else:
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(LENGTH) / LENGTH)).astype(np.float32)
    for wave in waves:
        segments = np.lib.stride_tricks.sliding_window_view(wave, LENGTH)[::LENGTH // 2]
        segments = (segments - segments.mean(axis=1, keepdims=True)) * window
        bins = np.fft.rfft(segments)
        power = (bins.real ** 2 + bins.imag ** 2).mean(axis=0)
        total += np.add.reduceat(power, edges[:-1])[0]
print(total)
