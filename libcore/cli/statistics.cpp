// SPDX-License-Identifier: Apache-2.0
// Counters for people and for Prometheus.
#include "cli/statistics.hpp"

#include <fmt/format.h>

#include "io/fd.hpp"
#include "io/waiter.hpp"

namespace twinpipe::cli {
namespace {

constexpr Nanos kMetricsEvery = 10 * kSecond;

}  // namespace

Statistics::Statistics(const Tool& tool) : tool_(&tool) {
  const CommonOptions& options = tool.common();
  if (options.statistics_every > 0) every_ = static_cast<Nanos>(options.statistics_every * static_cast<double>(kSecond));
  else if (!options.metrics_file.empty()) every_ = kMetricsEvery;
  next_ = monotonic_now() + every_;
}

bool Statistics::due(Nanos now) const { return every_ > 0 && now >= next_; }

Nanos Statistics::until_due(Nanos now) const { return every_ > 0 ? std::max<Nanos>(0, next_ - now) : -1; }

Status Statistics::publish(const std::vector<Counter>& counters, Nanos now, bool asked) {
  next_ = now + every_;
  const CommonOptions& options = tool_->common();
  if (asked || options.statistics_every > 0) tool_->say(counters_as_line(counters));
  if (options.metrics_file.empty()) return {};
  return replace_file(options.metrics_file, counters_as_prometheus(tool_->name(), counters));
}

std::string counters_as_line(const std::vector<Counter>& counters) {
  std::string line;
  for (const Counter& counter : counters) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", counter.name, counter.value);
  return line;
}

std::string counters_as_prometheus(const std::string& tool, const std::vector<Counter>& counters) {
  std::string text;
  for (const Counter& counter : counters)
    text += fmt::format("# TYPE twinpipe_{0}_total counter\ntwinpipe_{0}_total{{tool=\"{1}\"}} {2}\n", counter.name, tool,
                        counter.value);
  return text;
}

}  // namespace twinpipe::cli
