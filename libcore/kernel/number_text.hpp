// SPDX-License-Identifier: Apache-2.0
// Numbers as people write them in text.
#pragma once

#include <charconv>

#include "kernel/text_values.hpp"

namespace twinpipe {

/// A whole text as a number, with digits or one of the three names of numbers that have none.
inline bool parse_number(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return (error == std::errc{} && end == text.data() + text.size()) || parse_nonfinite(text, value);
}

}  // namespace twinpipe
