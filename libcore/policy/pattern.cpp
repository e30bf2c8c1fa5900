// SPDX-License-Identifier: Apache-2.0
// Patterns over series names.
#include "policy/pattern.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/names.hpp"

namespace twinpipe {

Result<Pattern> Pattern::parse(std::string_view text) {
  std::optional<std::array<std::string, 4>> levels = split_series_name(text);
  if (!levels || std::ranges::any_of(*levels, &std::string::empty))
    return Status::error(Code::usage, fmt::format("pattern '{}' has not the four levels site/line/asset/sensor", text));
  Pattern pattern;
  pattern.text_ = text;
  pattern.levels_ = std::move(*levels);
  // In the text as written: a level that is the character '+' is written %2B, as in every series name.
  std::size_t start = 0;
  for (std::string& level : pattern.levels_) {
    const std::size_t end = text.find('/', start);
    if (text.substr(start, end - start) == "+") level = "*";
    start = end + 1;
  }
  return pattern;
}

bool Pattern::matches(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const {
  return glob_matches(levels_[0], site) && glob_matches(levels_[1], line) && glob_matches(levels_[2], asset) &&
         glob_matches(levels_[3], sensor);
}

/// Greedy with one point to come back to: linear in practice, never exponential.
bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace twinpipe
