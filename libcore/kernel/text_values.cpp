// SPDX-License-Identifier: Apache-2.0
// Single values as text and back.
#include "kernel/text_values.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr Nanos kFirstTime = -9'214'560'000 * kSecond;  // 1678-01-01
constexpr Nanos kLastTime = 9'214'646'400 * kSecond;    // 2262-01-01, exclusive

template <class Float>
void append_float(Float value, std::string& text) {
  if (std::isnan(value)) text += "NaN";
  else if (std::isinf(value)) text += value > 0 ? "Infinity" : "-Infinity";
  else if (value == 0 && std::signbit(value)) text += "-0.0";  // "-0" would be read as the integer 0
  else {
    char digits[32];
    char* const end = fmt::format_to(digits, FMT_COMPILE("{}"), value);
    text.append(digits, static_cast<std::size_t>(end - digits));
  }
}

bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void append_number(double value, std::string& text) { append_float(value, text); }
void append_number(float value, std::string& text) { append_float(value, text); }

void append_number(std::int64_t value, std::string& text) {
  const fmt::format_int digits(value);
  text.append(digits.data(), digits.size());
}

void append_number(std::uint64_t value, std::string& text) {
  const fmt::format_int digits(value);
  text.append(digits.data(), digits.size());
}

bool parse_nonfinite(std::string_view text, double& value) {
  if (text == "NaN") value = std::numeric_limits<double>::quiet_NaN();
  else if (text == "Infinity") value = std::numeric_limits<double>::infinity();
  else if (text == "-Infinity") value = -std::numeric_limits<double>::infinity();
  else return false;
  return true;
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void append_csv_field(std::string_view value, std::string& text) {
  if (!value.empty() && value.find_first_of(",\"\r\n") == std::string_view::npos) {
    text += value;
    return;
  }
  text += '"';
  for (const char c : value) {
    if (c == '"') text += '"';
    text += c;
  }
  text += '"';
}

void append_base64(std::string_view bytes, std::string& text) {
  const std::size_t start = text.size();
  text.resize(start + (bytes.size() + 2) / 3 * 4 + 1);  // EVP_EncodeBlock ends with a zero byte
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data() + start),
                                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(start + static_cast<std::size_t>(written));
}

bool decode_base64(std::string_view text, std::string& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t end = text.find_last_not_of('=') + 1;  // 0 when there is none
  const std::size_t padding = text.size() - end;
  // EVP_DecodeBlock skips white space and takes '=' anywhere: refused here.
  if (text.size() % 4 != 0 || padding > 2 || text.substr(0, end).find_first_not_of(kDigits) != std::string_view::npos)
    return false;
  bytes.resize(text.size() / 4 * 3);
  if (text.empty()) return true;
  const int written = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (written < 0) return false;
  bytes.resize(static_cast<std::size_t>(written) - padding);
  return true;
}

void TimeText::append(Nanos time, std::string& text) {
  if (time < kFirstTime || time >= kLastTime) {
    append_number(time, text);
    return;
  }
  constexpr Nanos kDay = 24 * 3600 * kSecond;
  const Nanos day = time >= 0 ? time / kDay : -((kDay - 1 - time) / kDay);
  if (!known_ || day != day_) {
    const std::string midnight = format_time(day * kDay);
    std::copy_n(midnight.begin(), prefix_.size(), prefix_.begin());
    day_ = day;
    known_ = true;
  }
  text.append(prefix_.data(), prefix_.size());
  const auto second = static_cast<int>((time - day * kDay) / kSecond);
  const auto fraction = static_cast<int>((time - day * kDay) % kSecond);
  char clock[] = "00:00:00.000000000";
  const auto put = [&clock](int last, int length, int number) {
    for (int i = last; i > last - length; --i, number /= 10) clock[i] = static_cast<char>('0' + number % 10);
  };
  put(1, 2, second / 3600);
  put(4, 2, second / 60 % 60);
  put(7, 2, second % 60);
  if (fraction != 0) put(17, 9, fraction);
  const std::size_t digits = fraction == 0 ? 0 : fraction % kMillisecond == 0 ? 4 : fraction % 1'000 == 0 ? 7 : 10;
  text.append(clock, 8 + digits);
  text += 'Z';
}

Result<Nanos> TimeParser::parse(std::string_view text) {
  constexpr std::size_t kPrefix = 17;
  const bool known = text.size() >= kPrefix + 2 && prefix_.size() == kPrefix && text.substr(0, kPrefix) == prefix_;
  if (known && digit(text[17]) && digit(text[18]) && text[17] < '6') {
    Nanos time = minute_ + ((text[17] - '0') * 10 + (text[18] - '0')) * kSecond;
    std::size_t at = kPrefix + 2;
    bool fine = true;
    if (at < text.size() && text[at] == '.') {
      Nanos scale = kSecond;
      const std::size_t first = ++at;
      for (; at < text.size() && digit(text[at]) && scale > 1; ++at) time += (scale /= 10) * (text[at] - '0');
      fine = at > first;
    }
    if (at < text.size() && text[at] == 'Z') ++at;
    if (fine && at == text.size()) return time;
  }
  Result<Nanos> time = parse_time(text);
  if (!known && time.ok() && text.size() >= kPrefix + 2 && text[16] == ':' && text[4] == '-') {
    // The minute of the text itself: the time less its seconds.
    const Result<Nanos> minute = parse_time(std::string(text.substr(0, kPrefix)) + "00Z");
    if (minute.ok()) {
      prefix_ = text.substr(0, kPrefix);
      minute_ = *minute;
    }
  }
  return time;
}

}  // namespace twinpipe
