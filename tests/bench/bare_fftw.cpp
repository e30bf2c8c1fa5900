// SPDX-License-Identifier: Apache-2.0
// bare_fftw LENGTH COUNT [measure]: as many float transforms of real segments as a spectrum needs, and nothing else: no input,
// no window, no power. What FFTW alone costs.
#include <fftw3.h>

#include <cmath>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const int length = std::atoi(argv[1]);
  const long count = std::atol(argv[2]);
  const bool measure = argc > 3 && std::string_view(argv[3]) == "measure";
  const auto size = static_cast<std::size_t>(length);
  float* const in = fftwf_alloc_real(size);
  fftwf_complex* const out = fftwf_alloc_complex(size / 2 + 1);
  // A plan that keeps its input, so that each transform has numbers of the same size.
  const unsigned flags = (measure ? FFTW_MEASURE : FFTW_ESTIMATE) | FFTW_PRESERVE_INPUT;
  if (measure) fftwf_import_wisdom_from_filename("bare.wisdom");
  fftwf_plan plan = fftwf_plan_dft_r2c_1d(length, in, out, flags);
  if (measure) fftwf_export_wisdom_to_filename("bare.wisdom");
  for (int i = 0; i < length; ++i) in[i] = std::sin(0.1F * static_cast<float>(i));
  for (long i = 0; i < count; ++i) fftwf_execute(plan);
  return std::isfinite(out[1][0]) ? 0 : 1;
}
