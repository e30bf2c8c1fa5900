// SPDX-License-Identifier: Apache-2.0
// Why a work order was made: the row that fired, its features, their contributions and trends, and the digests of all that had a
// say. Nothing in it is of a clock or of a process, so whoever replays the same predictions under the same policy gets the same
// evidence, and the same digest.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/work_order_rules.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

/// A row of a Predictions frame, in an episode.
struct FiredRow {
  const v1::Predictions* predictions = nullptr;
  int row = 0;
  std::string episode;
  const WorkOrderRule* rule = nullptr;
  const Policy* policy = nullptr;

  const std::string& asset() const { return predictions->entity(row); }
};

struct FeatureEvidence {
  std::string_view name;
  double value = 0;         // NaN: missing
  double contribution = 0;  // NaN: none was told
  const v1::Trend* trend = nullptr;
};

struct Evidence {
  std::string json;    // one object
  std::string digest;  // SHA-256 of its bytes, hex
  std::string chart;   // the features that matter most, drawn in text; some lines, each with its end
  Nanos since = 0;     // the oldest row in a trend; as_of where there is none
};

/// Features in the order of what they contributed, the greatest first, then by name; those without a contribution last.
std::vector<FeatureEvidence> ranked_features(const FiredRow& row);

Evidence work_order_evidence(const FiredRow& row);

/// Numbers as a line of blocks, "▁▂▅█", each a number, or the mean of neighbours where there are more than `width`. The lowest
/// block is the least of them, the highest the greatest; a missing one is a blank.
std::string spark_line(std::span<const double> values, std::size_t width = 48);

}  // namespace twinpipe
