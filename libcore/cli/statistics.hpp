// SPDX-License-Identifier: Apache-2.0
// Counters for people (--stats, SIGUSR1) and for Prometheus (--metrics).
#pragma once

#include <string>
#include <vector>

#include "cli/tool.hpp"
#include "kernel/stage.hpp"

namespace twinpipe::cli {

/// Publishes counters at the pace that the options ask for.
class Statistics {
 public:
  explicit Statistics(const Tool& tool);

  /// True when it is time to publish(); `now` is monotonic.
  bool due(Nanos now) const;
  /// How long the loop may sleep until then; negative: for ever.
  Nanos until_due(Nanos now) const;
  /// Prints one line and replaces the metrics file, as far as the options ask for it; `asked`: by SIGUSR1.
  Status publish(const std::vector<Counter>& counters, Nanos now, bool asked);

 private:
  const Tool* tool_;
  Nanos every_ = 0, next_ = 0;
};

/// "tool: readings_in 10, …".
std::string counters_as_line(const std::vector<Counter>& counters);
/// Prometheus text exposition format 0.0.4: twinpipe_<name>_total{tool="…"} …
std::string counters_as_prometheus(const std::string& tool, const std::vector<Counter>& counters);

}  // namespace twinpipe::cli
