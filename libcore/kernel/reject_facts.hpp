// SPDX-License-Identifier: Apache-2.0
// What one Reject frame says, whatever was rejected: its series, its event time, its value.
#pragma once

#include <optional>
#include <string>

#include "wire/frame.hpp"

namespace twinpipe {

/// Of the reading, of the first sample, or the start of the window; 0 where nothing was rejected.
Nanos event_time(const v1::Reject& reject);
/// "site/line/asset/sensor".
std::string series_of(const v1::Reject& reject);
/// Canonical, else as declared.
std::string unit_of(const v1::Reject& reject);

/// The value that broke the rule, as a number: of the reading, of the sample, or of a window the one that is farthest from
/// zero. Nothing for null, texts, and what has none.
std::optional<double> number_of(const v1::Reject& reject);
/// The same for people, texts and null too: "600 degC", "null", "'???'".
std::string value_of(const v1::Reject& reject);

/// Which original this is, by its content: equal for two rejects of one reading, whichever rules and policies rejected it and
/// whether it was live or historical. Two readings of one series, time and value are one and the same to every fold.
std::string identity_of(const v1::Reject& reject);

}  // namespace twinpipe
