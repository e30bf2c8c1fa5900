// SPDX-License-Identifier: Apache-2.0
// Patterns over series names, one glob a level: plant-*/line-*/+/vibration-*.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "wire/status.hpp"

namespace twinpipe {

class Pattern {
 public:
  /// Four levels, site/line/asset/sensor. In a level '*' stands for any run of characters, '?' for one; '+' alone is any
  /// level. Levels are percent-decoded (wire/names.hpp), and a '*' or '?' written as %2A or %3F still is a wildcard;
  /// %2B is the character '+'.
  /// Errors (usage): not four levels, an empty level.
  static Result<Pattern> parse(std::string_view text);

  bool matches(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const;
  const std::string& text() const { return text_; }
  /// A glob a level, decoded.
  const std::array<std::string, 4>& levels() const { return levels_; }

 private:
  std::string text_;
  std::array<std::string, 4> levels_;
};

/// Glob of one level.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace twinpipe
