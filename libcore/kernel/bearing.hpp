// SPDX-License-Identifier: Apache-2.0
// The geometry of a rolling element bearing, and how often a defect on each of its parts is struck.
//
// R. B. Randall, J. Antoni, "Rolling element bearing diagnostics — a tutorial", Mechanical Systems and Signal Processing
// 25 (2011) 485–520, equations 1 to 4; the outer race stands still.
#pragma once

namespace twinpipe {

/// Diameters in one unit, contact angle in radians.
struct Bearing {
  int elements;
  double element_diameter;
  double pitch_diameter;
  double contact_angle = 0;

  // Multiples of the shaft's speed.
  double bpfo() const;  // outer race
  double bpfi() const;  // inner race
  double ftf() const;   // cage
  double bsf() const;   // rolling element's spin; a defect on it strikes both races, so twice a turn
};
inline constexpr Bearing kBearing6205{9, 7.94, 39.04};  // millimetres
inline constexpr Bearing kBearing6203{8, 6.746, 28.4988};

}  // namespace twinpipe
