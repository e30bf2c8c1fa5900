// SPDX-License-Identifier: Apache-2.0
// Window functions (tapers) for spectra, in their periodic form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace twinpipe {

enum class WindowFunction : std::uint8_t { rectangular, hann, hamming, blackman, flattop };

/// By the names that policies use.
std::optional<WindowFunction> window_function(std::string_view name);
std::string_view window_function_name(WindowFunction function);

/// `length` coefficients of the periodic form (the symmetric one of length + 1 without its last coefficient), which is the
/// one for spectra: F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform",
/// Proc. IEEE 66 (1978) 51–83; flat top: G. D'Antona, A. Ferrero, "Digital signal processing for measurement systems" (2006),
/// p. 72. The same numbers as scipy.signal.get_window(name, length).
std::vector<double> window_coefficients(WindowFunction function, std::size_t length);

/// a₀, a₁, …: the coefficient of sample i of n is a₀ − a₁·cos(2πi/n) + a₂·cos(4πi/n) − …
std::span<const double> window_terms(WindowFunction function);

}  // namespace twinpipe
