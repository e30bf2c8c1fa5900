// SPDX-License-Identifier: Apache-2.0
// FFTW behind owning types: aligned arrays, plans, wisdom. The only user of its header's functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace twinpipe {

/// How much FFTW tries before it decides for a plan: `estimate` takes none of it and gives the same plan, and so the same
/// bits, every time; `measure` takes tenths of a second a length.
enum class Planning : std::uint8_t { estimate, measure };

namespace fftw {

void* allocate(std::size_t bytes);
void release(void* memory);

struct Release {
  void operator()(void* memory) const { release(memory); }
};

/// Numbers aligned for SIMD; Real is float or double.
template <class Real>
class Array {
 public:
  Array() = default;
  explicit Array(std::size_t size) : data_(static_cast<Real*>(allocate(size * sizeof(Real)))) {}
  Real* data() { return data_.get(); }
  const Real* data() const { return data_.get(); }
  Real& operator[](std::size_t i) { return data_.get()[i]; }
  const Real& operator[](std::size_t i) const { return data_.get()[i]; }

 private:
  std::unique_ptr<Real, Release> data_;
};

enum class Transform : std::uint8_t {
  complex_forward,   // `length` complex numbers to as many; real and imaginary parts take turns
  complex_backward,  // the inverse, not divided by the length
  real_forward,      // `length` real numbers to length / 2 + 1 complex ones
};

/// One transform from `in` to `out`, which must live as long as the plan. Planning overwrites both. `in` is scratch: execute()
/// may destroy it.
template <class Real>
class Plan {
 public:
  Plan() = default;
  Plan(Transform transform, std::size_t length, Real* in, Real* out, Planning planning);
  void execute() const;

 private:
  struct Destroy {
    void operator()(void* plan) const;
  };
  std::unique_ptr<void, Destroy> plan_;
};

/// What FFTW has learned by measuring, in both precisions, as text.
std::string wisdom();
/// Takes such a text. False: FFTW cannot use all of it: it is damaged, or from another version of FFTW.
bool learn(std::string_view wisdom);

}  // namespace fftw
}  // namespace twinpipe
