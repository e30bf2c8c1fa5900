// SPDX-License-Identifier: Apache-2.0
// Single values as text and back: numbers, times, strings, bytes. Written for the inner loop of fcat: nothing allocates
// but the string that is appended to.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "wire/frame.hpp"
#include "wire/json_string.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// The shortest decimal text that gives the same number back; NaN, Infinity, -Infinity without quotes.
void append_number(double value, std::string& text);
void append_number(float value, std::string& text);
void append_number(std::int64_t value, std::string& text);
void append_number(std::uint64_t value, std::string& text);

/// The same as JSON: not-a-number and the infinities are strings.
template <class Float>
void append_json_float(Float value, std::string& text) {
  const bool finite = value - value == 0;
  if (!finite) text += '"';
  append_number(value, text);
  if (!finite) text += '"';
}

/// The three names of numbers that have no digits.
bool parse_nonfinite(std::string_view text, double& value);

bool is_utf8(std::string_view text);
/// As a CSV field (RFC 4180): in quotes when it holds a comma, a quote, a line's end, or nothing at all.
void append_csv_field(std::string_view value, std::string& text);

/// RFC 4648 §4, with padding.
void append_base64(std::string_view bytes, std::string& text);
/// False when `text` is not base64 with padding.
bool decode_base64(std::string_view text, std::string& bytes);

/// Times as format_time() writes them, remembering the day. A time that parse_time() would refuse (before 1678, after 2261) is
/// its plain number of nanoseconds.
class TimeText {
 public:
  void append(Nanos time, std::string& text);

 private:
  Nanos day_ = 0;                  // since 1970
  std::array<char, 11> prefix_{};  // "2026-01-31T"
  bool known_ = false;
};

/// The way back, as parse_time() reads them, remembering the minute.
class TimeParser {
 public:
  /// Errors: usage.
  Result<Nanos> parse(std::string_view text);

 private:
  Nanos minute_ = 0;
  std::string prefix_;  // "2026-01-31T23:59:"
};

}  // namespace twinpipe
