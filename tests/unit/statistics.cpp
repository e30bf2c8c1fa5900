// SPDX-License-Identifier: Apache-2.0
// Counters as text for people and for Prometheus.
#include "cli/statistics.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

TEST_CASE("counters as one line and in the exposition format") {
  const std::vector<Counter> counters{{"readings_in", 10}, {"dropped", 0}};
  CHECK(cli::counters_as_line(counters) == "readings_in 10, dropped 0");
  CHECK(cli::counters_as_prometheus("deadband", counters) ==
        "# TYPE twinpipe_readings_in_total counter\ntwinpipe_readings_in_total{tool=\"deadband\"} 10\n"
        "# TYPE twinpipe_dropped_total counter\ntwinpipe_dropped_total{tool=\"deadband\"} 0\n");
  CHECK(cli::counters_as_line({}).empty());
}

TEST_CASE("without an option nothing is ever due") {
  const cli::Tool tool("probe", "Count", cli::Role::filter);
  const cli::Statistics statistics(tool);
  CHECK_FALSE(statistics.due(kForever));
  CHECK(statistics.until_due(0) < 0);
}
