// SPDX-License-Identifier: Apache-2.0
// What a point-in-time join has done.
#include "kernel/pit_summary.hpp"

#include <fmt/format.h>

#include <set>

namespace twinpipe {

void PitCounts::add(const PitJoin::Answer& answer) {
  ++labels;
  for (const Chosen& chosen : answer.chosen) {
    ++values;
    ++(chosen.missing == Missing::no ? joined : chosen.missing == Missing::too_old ? too_old : never_known);
  }
}

std::vector<std::string> pit_summary(const PitCounts& counts, const PitJoin& join, const PitOptions& options,
                                     const FeatureLayouts& layouts) {
  const std::string_view things = options.each ? "values" : "labels";
  std::string line = fmt::format("{} labels", counts.labels);
  if (options.each) line += fmt::format(", {} values", counts.values);
  line += fmt::format(": {} joined, {} missing", counts.joined, counts.missing());
  if (counts.never_known > 0) line += fmt::format(", {} with no row known by then", counts.never_known);
  if (counts.too_old > 0) line += fmt::format(", {} with none within the tolerance", counts.too_old);
  std::vector<std::string> lines{std::move(line)};
  if (options.event_time)
    lines.push_back(
        fmt::format("{} of {} {} leak: their row was known only after them (--event-time)", join.leaks(), counts.values, things));
  else
    lines.push_back(fmt::format("{}{} of {} {} would have leaked in an event-time join", join.forgotten() > 0 ? "at least " : "",
                                join.leaks(), counts.values, things));
  if (join.mixed())
    lines.emplace_back(
        "an entity has rows of different columns: each label got the newest row alone (--each joins feature by feature)");
  std::set<std::string_view> digests;
  for (std::uint32_t i = 0; i < layouts.size(); ++i) digests.insert(layouts.layout(i).digest);
  if (digests.size() > 1) lines.push_back(fmt::format("the feature rows come from {} definitions", digests.size()));
  return lines;
}

}  // namespace twinpipe
