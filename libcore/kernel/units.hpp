// SPDX-License-Identifier: Apache-2.0
// Conversions between units as plants spell them: UDUNITS-2's grammar and database, with the industry's spellings before them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "wire/status.hpp"

namespace twinpipe {

/// value' = (value + before) · multiplier / divisor + after, with constants that are the decimal ones of the units' definitions
/// where there are such: 212 °F are exactly 100 °C. One of `before` and `after` is 0, one of `multiplier` and `divisor` is 1.
/// Law: converting back gives the value within 2 ulp of the greatest number on the way.
struct Conversion {
  double before = 0, multiplier = 1, divisor = 1, after = 0;

  double operator()(double value) const { return (value + before) * multiplier / divisor + after; }
  double slope() const { return multiplier / divisor; }
  /// What 0 becomes.
  double offset() const { return before * multiplier / divisor + after; }
  bool is_identity() const { return before == 0 && multiplier == 1 && divisor == 1 && after == 0; }
  bool operator==(const Conversion&) const = default;
};

/// One meaning of a spelling.
struct UnitMeaning {
  std::string_view spelling;
  std::string_view definition;  // in UDUNITS' grammar
  std::string_view scale = {};  // a scale of its own ("gauge", "pH"): converts only to units of the same scale
};

/// What the spelling means in industry, the likeliest first; nothing when UDUNITS' own reading is the only one.
/// Sources: UNECE Recommendation 20 (codes), UCUM, ISO 80000, and what devices write.
std::span<const UnitMeaning> industry_meanings(std::string_view spelling);

class Units {
 public:
  /// Reads UDUNITS' database. Errors: bad_config, when it is not installed.
  static Result<Units> load();
  Units(Units&&) noexcept;
  Units& operator=(Units&&) noexcept;
  ~Units();

  /// Errors (bad_data): a spelling that nobody knows, units of different dimensions, an angle for a number of cycles.
  /// A spelling with several meanings (`C`, `g`) has the one that converts.
  Result<Conversion> conversion(std::string_view from, std::string_view to) const;
  /// Errors (bad_data): a spelling that nobody knows.
  Status check(std::string_view spelling) const;

 private:
  struct Database;
  explicit Units(std::unique_ptr<Database> database);

  std::unique_ptr<Database> database_;
};

}  // namespace twinpipe
