// SPDX-License-Identifier: Apache-2.0
// Conversions between units, by UDUNITS-2.
#include "kernel/units.hpp"

#include <fmt/format.h>
#include <udunits2.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

namespace twinpipe {
namespace {

struct FreeSystem {
  void operator()(ut_system* system) const { ut_free_system(system); }
};
struct FreeUnit {
  void operator()(ut_unit* unit) const { ut_free(unit); }
};
struct FreeConverter {
  void operator()(cv_converter* converter) const { cv_free(converter); }
};
using Unit = std::unique_ptr<ut_unit, FreeUnit>;
using Converter = std::unique_ptr<cv_converter, FreeConverter>;

struct Candidate {
  Unit unit;
  std::string_view scale;
  std::string angle;  // power of the radian, as text
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// UDUNITS takes radians for plain numbers, and would make 1 rad/s of 1 Hz: the angle is compared here.
std::string angle_of(const ut_unit* unit) {
  std::array<char, 512> text{};
  if (ut_format(unit, text.data(), text.size() - 1, UT_ASCII | UT_DEFINITION) < 0) return "?";
  const std::string_view definition = text.data();
  const auto at = definition.find("rad");
  if (at == definition.npos) return "";
  return std::string(definition.substr(at, definition.find_first_of(". ", at) - at));
}

/// A decimal of at most thirteen digits in the place of its own rounding errors.
double decimal(double value, double ulps) {
  const double shortest = std::strtod(fmt::format("{:.13g}", value).c_str(), nullptr);
  return std::abs(shortest - value) <= ulps * std::numeric_limits<double>::epsilon() * std::abs(value) ? shortest : value;
}

/// Slope and offset of what UDUNITS evaluates as a chain of steps. Far out the offset is below the last bit of the result.
struct Line {
  double slope, offset;
  explicit Line(const cv_converter* converter) {
    constexpr double kFar = 0x1p90;
    slope = decimal(cv_convert_double(converter, kFar) / kFar, 4);
    offset = decimal(cv_convert_double(converter, 0), 64);  // the difference of larger numbers
  }
};

Conversion conversion_of(const Line& there, const Line& back) {
  Conversion made;
  if (there.slope > 1) made.multiplier = there.slope;
  else if (there.slope < 1) made.divisor = back.slope;
  if (there.offset == 0) return made;
  // Whichever is the constant of the definition: 32 for °F to °C, and not 17.77…
  const auto digits = [](double value) { return fmt::format("{}", std::abs(value)).size(); };
  if (digits(back.offset) < digits(there.offset)) made.before = -back.offset;
  else made.after = there.offset;
  return made;
}

bool agrees(const Conversion& made, const cv_converter* converter) {
  for (const double value : {-273.15, -40.0, 0.5, 1.0, 1000.0, 1e9}) {
    const double expected = cv_convert_double(converter, value);
    const double scale = std::abs(expected) + std::abs(made.offset()) + std::abs(made.slope() * value);
    if (!(std::abs(made(value) - expected) <= 1e-12 * scale)) return false;
  }
  return true;
}

}  // namespace

struct Units::Database {
  std::unique_ptr<ut_system, FreeSystem> system;

  Unit parse(std::string_view definition) const {
    return Unit(ut_parse(system.get(), std::string(trimmed(definition)).c_str(), UT_UTF8));
  }
  std::vector<Candidate> candidates(std::string_view spelling) const {
    std::vector<Candidate> found;
    const auto add = [&](std::string_view definition, std::string_view scale) {
      if (Unit unit = parse(definition)) {
        std::string angle = angle_of(unit.get());
        found.push_back({std::move(unit), scale, std::move(angle)});
      }
    };
    bool own_scale = false;
    for (const UnitMeaning& meaning : industry_meanings(trimmed(spelling))) {
      add(meaning.definition, meaning.scale);
      own_scale = own_scale || !meaning.scale.empty();
    }
    if (!own_scale && !trimmed(spelling).empty()) add(spelling, {});
    return found;
  }
};

Units::Units(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Units::Units(Units&&) noexcept = default;
Units& Units::operator=(Units&&) noexcept = default;
Units::~Units() = default;

Result<Units> Units::load() {
  ut_set_error_message_handler(ut_ignore);
  auto database = std::make_unique<Database>();
  database->system.reset(ut_read_xml(nullptr));
  if (database->system == nullptr)
    return Status::error(Code::bad_config, "UDUNITS' database of units cannot be read: install libudunits2-data");
  return Units(std::move(database));
}

Status Units::check(std::string_view spelling) const {
  if (trimmed(spelling).empty()) return Status::error(Code::bad_data, "no unit is declared");
  if (!database_->candidates(spelling).empty()) return {};
  return Status::error(Code::bad_data, fmt::format("the unit \"{}\" is not known", spelling));
}

Result<Conversion> Units::conversion(std::string_view from, std::string_view to) const {
  for (const std::string_view spelling : {from, to})
    if (Status status = check(spelling); !status.ok()) return status;
  if (trimmed(from) == trimmed(to)) return Conversion{};
  const std::vector<Candidate> targets = database_->candidates(to);
  for (const Candidate& source : database_->candidates(from))
    for (const Candidate& target : targets) {
      if (source.scale != target.scale || source.angle != target.angle) continue;
      const Converter there(ut_get_converter(source.unit.get(), target.unit.get()));
      const Converter back(ut_get_converter(target.unit.get(), source.unit.get()));
      if (there == nullptr || back == nullptr) continue;
      const Conversion made = conversion_of(Line(there.get()), Line(back.get()));
      if (agrees(made, there.get())) return made;
    }
  return Status::error(Code::bad_data, fmt::format("\"{}\" does not convert to \"{}\"", from, to));
}

}  // namespace twinpipe
