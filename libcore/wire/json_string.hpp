// SPDX-License-Identifier: Apache-2.0
// Text as a JSON string. Below kernel, because a policy's digest depends on it.
#pragma once

#include <string>
#include <string_view>

namespace twinpipe {

/// In quotes, escaped (RFC 8259 §7). `value` must be UTF-8.
void append_json_string(std::string_view value, std::string& text);

}  // namespace twinpipe
