// SPDX-License-Identifier: Apache-2.0
// A progress bar.
#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "io/fd.hpp"
#include "io/waiter.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

constexpr Nanos kDrawEvery = 200 * kMillisecond;
constexpr std::size_t kWidth = 30;

std::string short_number(double value) {
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string progress_line(std::uint64_t done, std::uint64_t total, const std::string& unit, Nanos elapsed) {
  const double seconds = std::max(static_cast<double>(elapsed) / 1e9, 1e-3), rate = static_cast<double>(done) / seconds;
  std::string line;
  if (total > 0) {
    const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(part * kWidth);
    line = fmt::format("[{}{}{}] {:3.0f} %  ", std::string(filled, '='), filled < kWidth ? ">" : "",
                       std::string(kWidth - filled - (filled < kWidth ? 1 : 0), ' '), 100 * part);
  }
  line += fmt::format("{} {}/s", short_number(rate), unit);
  if (total > done && done > 0) {
    const auto left = static_cast<Nanos>(static_cast<double>(total - done) / rate);
    line += fmt::format("  {} left", format_duration(left * kSecond));
  }
  return line;
}

Progress::Progress(std::uint64_t total, std::string unit)
    : shown_(isatty(STDERR_FILENO) == 1),
      total_(total),
      unit_(std::move(unit)),
      started_(monotonic_now()),
      next_(started_ + kDrawEvery) {}

Progress::~Progress() { clear(); }

void Progress::update(std::uint64_t done) {
  if (!shown_) return;
  const Nanos now = monotonic_now();
  if (now < next_) return;
  next_ = now + kDrawEvery;
  drawn_ = true;
  (void)write_all(STDERR_FILENO, "\r\033[K" + progress_line(done, total_, unit_, now - started_));
}

void Progress::clear() {
  if (std::exchange(drawn_, false)) (void)write_all(STDERR_FILENO, "\r\033[K");
}

}  // namespace twinpipe::cli
