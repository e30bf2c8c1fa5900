// SPDX-License-Identifier: Apache-2.0
// Quantities with units as people write them.
#include "wire/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <limits>

namespace twinpipe {
namespace {

struct Unit {
  std::string_view name;
  Nanos size;
};

// Greatest first: format_duration takes them in this order.
constexpr std::array<Unit, 7> kUnits{{{"d", 86'400 * kSecond},
                                      {"h", 3'600 * kSecond},
                                      {"m", 60 * kSecond},
                                      {"s", kSecond},
                                      {"ms", kMillisecond},
                                      {"us", 1'000},
                                      {"ns", 1}}};

bool digit(char c) { return c >= '0' && c <= '9'; }

Status not_a(std::string_view what, std::string_view text, std::string_view example) {
  return Status::error(Code::usage, fmt::format("'{}' is not a {}: write it like {}", text, what, example));
}

/// Takes exactly `count` digits off the front; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<Nanos> parse_duration(std::string_view text) {
  const auto bad = [text] { return not_a("duration", text, "250ms, 30s, 5m, 1h30m or 7d"); };
  if (text == "0") return Nanos{0};
  if (text.empty()) return bad();
  Nanos total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc{} || number < 0 || rest[0] == '-') return bad();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    std::size_t length = 0;
    while (length < rest.size() && !digit(rest[length])) ++length;
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits)
      if (candidate.name == rest.substr(0, length)) unit = &candidate;
    Nanos part = 0;
    if (unit == nullptr || __builtin_mul_overflow(number, unit->size, &part) || __builtin_add_overflow(total, part, &total))
      return bad();
    rest.remove_prefix(length);
  }
  return total;
}

std::string format_duration(Nanos duration) {
  if (duration == 0) return "0s";
  std::string text = duration < 0 ? "-" : "";
  auto rest = duration < 0 ? 0 - static_cast<std::uint64_t>(duration) : static_cast<std::uint64_t>(duration);
  for (const Unit& unit : kUnits) {
    const auto size = static_cast<std::uint64_t>(unit.size);
    if (rest >= size) text += fmt::format("{}{}", rest / size, unit.name);
    rest %= size;
  }
  return text;
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::size_t power = suffix.empty() ? 0 : std::string_view("kMGT").find(suffix[0]) + 1;
  std::uint64_t bytes = 0;
  if (error != std::errc{} || suffix.size() > 1 || power > 4 || (!suffix.empty() && power == 0) ||
      __builtin_mul_overflow(number, std::uint64_t{1} << (10 * power), &bytes))
    return not_a("number of bytes", text, "65536, 64k, 16M or 1G");
  return bytes;
}

Result<double> parse_speed(std::string_view text) {
  double speed = 0;
  if (text == "max") return speed;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error == std::errc{} && (suffix.empty() || suffix == "x") && speed > 0 && speed <= 1e9) return speed;
  return Status::error(Code::usage, fmt::format("'{}' is not a speed: write max, 1x or 60x", text));
}

Result<Nanos> parse_time(std::string_view text) {
  const auto bad = [text] { return not_a("time", text, "2026-01-31T23:59:59.5Z, or nanoseconds since 1970"); };
  std::int64_t plain = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), plain);
  if (error == std::errc{} && end == text.data() + text.size()) return plain;

  std::string_view rest = text;
  const int year = take_digits(rest, 4);
  const int month = take(rest, '-') ? take_digits(rest, 2) : -1;
  const int day = take(rest, '-') ? take_digits(rest, 2) : -1;
  const bool separated = take(rest, 'T') || take(rest, ' ');
  const int hour = separated ? take_digits(rest, 2) : -1;
  const int minute = take(rest, ':') ? take_digits(rest, 2) : -1;
  const int second = take(rest, ':') ? take_digits(rest, 2) : -1;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1678 || year > 2261 || month < 1 || day < 1 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59)
    return bad();
  Nanos fraction = 0;
  if (take(rest, '.')) {
    Nanos scale = kSecond;
    if (rest.empty() || !digit(rest[0])) return bad();
    for (; !rest.empty() && digit(rest[0]) && scale > 1; rest.remove_prefix(1)) fraction += (scale /= 10) * (rest[0] - '0');
  }
  (void)take(rest, 'Z');
  if (!rest.empty()) return bad();
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60 * kSecond + second * kSecond + fraction;
}

std::string format_time(Nanos time) {
  // In whole seconds first: the day that the least of all times falls into begins before it, out of range in nanoseconds.
  const Nanos fraction = ((time % kSecond) + kSecond) % kSecond;
  const std::chrono::sys_seconds point{std::chrono::seconds(time / kSecond - (time % kSecond < 0 ? 1 : 0))};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (fraction % kMillisecond == 0 && fraction != 0) text += fmt::format(".{:03}", fraction / kMillisecond);
  else if (fraction % 1'000 == 0 && fraction != 0) text += fmt::format(".{:06}", fraction / 1'000);
  else if (fraction != 0) text += fmt::format(".{:09}", fraction);
  return text + "Z";
}

}  // namespace twinpipe
