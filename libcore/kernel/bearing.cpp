// SPDX-License-Identifier: Apache-2.0
// Fault frequencies of a rolling element bearing.
#include "kernel/bearing.hpp"

#include <cmath>

namespace twinpipe {

double Bearing::ftf() const { return 0.5 * (1 - element_diameter / pitch_diameter * std::cos(contact_angle)); }
double Bearing::bpfo() const { return elements * ftf(); }
double Bearing::bpfi() const { return elements * (1 - ftf()); }
double Bearing::bsf() const {
  const double ratio = element_diameter / pitch_diameter * std::cos(contact_angle);
  return pitch_diameter / (2 * element_diameter) * (1 - ratio * ratio);
}

}  // namespace twinpipe
