// SPDX-License-Identifier: Apache-2.0
// The loops around the transform: what is done to each sample before it and to each bin behind it. They take a fifth of the
// time of a spectrum, so they are written for SIMD. Real is float or double.
#pragma once

#include <cstddef>

namespace twinpipe::spectral {

/// Sum in double precision, to about a unit in Real's last place of the largest block's sum. Not finite when a sample is not.
template <class Real>
double sum(const Real* x, std::size_t n);

/// Place of the greatest number, the first of equal ones; `n` is not 0 and no number is a NaN.
std::size_t greatest(const double* x, std::size_t n);

/// The greatest |x|. NaN does not count.
template <class Real>
Real greatest_magnitude(const Real* x, std::size_t n);

/// Σ x·ramp, in the same way.
template <class Real>
double dot(const Real* x, const Real* ramp, std::size_t n);

/// out = (x − mean)·window. The mean comes as a double: what a Real cannot hold of it is taken off as well.
template <class Real>
void taper(const Real* x, const Real* window, double mean, Real* out, std::size_t n);

/// out = (x − mean − slope·ramp)·window.
template <class Real>
void taper_sloped(const Real* x, const Real* window, double mean, const Real* ramp, double slope, Real* out, std::size_t n);

/// z holds the transform of `half` complex numbers whose real and imaginary parts were the even and odd samples of a real
/// segment of 2·half. Adds 4·|X|², X being the segment's own transform: bin k ≤ half/2 to rising[k], bin half − k to
/// falling[k]; of bins that are their own mirror (k = half/2) rising has it all. `cosine`, `sine`: of 2πk / (2·half). The first
/// segment is not added to what stands there, but replaces it.
///
/// X[k] = E + W·O and X[half − k] = conj(E − W·O), W = exp(−2πik/(2·half)), E and O the transforms of the even and the odd
/// samples: E = (Z[k] + conj Z[half−k])/2, O = (Z[k] − conj Z[half−k])/2i. One pass instead of FFTW's own untangling, a
/// store and a second look at every bin.
template <class Real>
void add_power(const Real* z, const Real* cosine, const Real* sine, std::size_t half, bool first, double* rising,
               double* falling);

/// The same transform, untangled: re[k] and im[k] become those of 2·X[k], for each bin 0..half.
template <class Real>
void untangle(const Real* z, const Real* cosine, const Real* sine, std::size_t half, Real* re, Real* im);

/// Adds |middle·X[k] − beside·(X[k − 1] + X[k + 1])|² of `n` bins to `power`, or puts it there. X has a bin more at either end.
/// This is what a window of two cosines does to a transform (Harris 1978, sec. V.C), without another transform.
template <class Real>
void add_tapered(const Real* re, const Real* im, Real middle, Real beside, std::size_t n, bool first, double* power);

/// out = factor·X·(turn_re + i·turn_im), n complex numbers in turn.
template <class Real>
void turn(const Real* re, const Real* im, const Real* turn_re, const Real* turn_im, Real factor, Real* out, std::size_t n);

/// out takes one number of each of `parts` (1, 2, 4 or 8) runs of n numbers in turn.
template <class Real>
void interleave(const Real* in, std::size_t parts, std::size_t n, Real* out);

/// The bins that add_power() sums, in their order and times `scale`: half + 1 of them.
void unfold(const double* rising, const double* falling, std::size_t half, double scale, double* bins);

/// |z|² of n complex numbers, added to `power`, or in place of what stands there when it is the first.
template <class Real>
void add_square(const Real* z, std::size_t n, bool first, double* power);

/// |z| of n complex numbers.
template <class Real>
void magnitude(const Real* z, std::size_t n, Real* out);

}  // namespace twinpipe::spectral
