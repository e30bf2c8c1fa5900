// SPDX-License-Identifier: Apache-2.0
// Text as a JSON string.
#include "wire/json_string.hpp"

#include <fmt/compile.h>

#include <iterator>

namespace twinpipe {

void append_json_string(std::string_view value, std::string& text) {
  text += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte >= 0x20) {
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else {
      fmt::format_to(std::back_inserter(text), FMT_COMPILE("\\u{:04x}"), byte);
    }
  }
  text += '"';
}

}  // namespace twinpipe
