// SPDX-License-Identifier: Apache-2.0
// FFTW behind owning types. Its functions exist once a precision, under two names.
#include "kernel/fftw.hpp"

#include <fftw3.h>

#include <cstdlib>
#include <new>

namespace twinpipe::fftw {
namespace {

template <class Real>
struct Functions;

template <>
struct Functions<float> {
  using Complex = fftwf_complex;
  using Plan = fftwf_plan;
  static constexpr auto* kComplex = fftwf_plan_dft_1d;
  static constexpr auto* kReal = fftwf_plan_dft_r2c_1d;
  static constexpr auto* kExecute = fftwf_execute;
  static constexpr auto* kDestroy = fftwf_destroy_plan;
};

template <>
struct Functions<double> {
  using Complex = fftw_complex;
  using Plan = fftw_plan;
  static constexpr auto* kComplex = fftw_plan_dft_1d;
  static constexpr auto* kReal = fftw_plan_dft_r2c_1d;
  static constexpr auto* kExecute = fftw_execute;
  static constexpr auto* kDestroy = fftw_destroy_plan;
};

std::string taken(char* text) {
  std::string copy = text == nullptr ? "" : text;
  std::free(text);  // NOLINT: FFTW's own malloc
  return copy;
}

/// The float wisdom begins here; in front of it is the double one. Neither has a blank line in it.
constexpr std::string_view kBetween = "\n\n";

}  // namespace

void* allocate(std::size_t bytes) {
  void* const memory = fftwf_malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) { fftwf_free(memory); }

template <class Real>
Plan<Real>::Plan(Transform transform, std::size_t length, Real* in, Real* out, Planning planning) {
  using F = Functions<Real>;
  using Complex = typename F::Complex;
  const unsigned flags = (planning == Planning::measure ? FFTW_MEASURE : FFTW_ESTIMATE) | FFTW_DESTROY_INPUT;
  const int n = static_cast<int>(length);
  auto* const complex_out = reinterpret_cast<Complex*>(out);
  if (transform == Transform::real_forward) {
    plan_.reset(F::kReal(n, in, complex_out, flags));
  } else {
    const int sign = transform == Transform::complex_forward ? FFTW_FORWARD : FFTW_BACKWARD;
    plan_.reset(F::kComplex(n, reinterpret_cast<Complex*>(in), complex_out, sign, flags));
  }
  if (!plan_) throw std::bad_alloc();  // the only way in which FFTW has no plan for a length
}

template <class Real>
void Plan<Real>::execute() const {
  Functions<Real>::kExecute(static_cast<typename Functions<Real>::Plan>(plan_.get()));
}

template <class Real>
void Plan<Real>::Destroy::operator()(void* plan) const {
  Functions<Real>::kDestroy(static_cast<typename Functions<Real>::Plan>(plan));
}

template class Plan<float>;
template class Plan<double>;

std::string wisdom() {
  std::string text = taken(fftw_export_wisdom_to_string());
  while (text.ends_with('\n')) text.pop_back();
  return text.append(kBetween).append(taken(fftwf_export_wisdom_to_string()));
}

bool learn(std::string_view wisdom) {
  const std::size_t between = wisdom.find(kBetween);
  if (between == std::string_view::npos) return false;
  return fftw_import_wisdom_from_string(std::string(wisdom.substr(0, between)).c_str()) != 0 &&
         fftwf_import_wisdom_from_string(std::string(wisdom.substr(between)).c_str()) != 0;
}

}  // namespace twinpipe::fftw
