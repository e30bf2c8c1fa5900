// SPDX-License-Identifier: Apache-2.0
// Features under test: readings with a time of arrival become a stream with Arrivals and Watermarks, rows become a table.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "drive.hpp"
#include "kernel/features.hpp"

namespace twinpipe::testing {

/// Aliases 0 x, 1 y and 2 state (text) of asset a; 3 x of asset b. The state's value is 0 STOP or 1 RUN; not a number: bad.
struct FeatureEvent {
  std::uint32_t alias = 0;
  Nanos time = 0, arrives = 0;
  double value = 0;
};

/// Definitions point into the policy that they were made of.
class FeatureRun {
 public:
  FeatureRun(const std::string& settings, const std::string& rules) {
    policy_ = *Policy::parse(R"({"name":"p","version":"1","owner":"o","features":[{"match":"+/+/+/+",)" + settings + "}," +
                             rules + "]}");
    Result<FeatureDefinitions> definitions = FeatureDefinitions::make(policy_);
    INFO((definitions.ok() ? std::string() : definitions.status().message));
    REQUIRE(definitions.ok());
    definitions_ = std::move(*definitions);
  }
  FeatureRun(const FeatureRun&) = delete;
  FeatureRun& operator=(const FeatureRun&) = delete;

  std::unique_ptr<Features> stage(const SeriesTable& table, FeaturesOptions options = {}) const {
    return std::make_unique<Features>(table, policy_, definitions_, options);
  }
  std::string run(std::string_view stream, FeaturesOptions options = {}) const {
    SeriesTable table;
    const auto made = stage(table, options);
    Output out;
    const Status status = drive(stream, *made, table, out);
    INFO(status.message);
    RC_ASSERT(status.ok());
    return std::string(out.pending());
  }

 private:
  Policy policy_ = *Policy::parse(R"({"name":"p","version":"1","owner":"o"})");
  FeatureDefinitions definitions_;
};

/// A tick each second of arrival, with a watermark `delay` behind it; the last one passes `end`. Frames of up to `columns`
/// readings.
inline std::string stream_of(std::vector<FeatureEvent> events, Nanos delay, Nanos end, std::size_t columns,
                             const std::string& applied = {}) {
  std::ranges::stable_sort(events, {}, &FeatureEvent::arrives);
  StreamWriter writer;
  writer.out().text() += applied;
  writer.series("n", "a", {"x", "y"}, 0);
  writer.series("n", "a", {"state"}, 2, 1, v1::VALUE_TYPE_STRING);
  writer.series("n", "b", {"x"}, 3);
  ReadingsBuilder numbers, texts(v1::VALUE_TYPE_STRING);
  const auto flush = [&] {
    writer.out().readings(numbers.columns());
    writer.out().readings(texts.columns());
    numbers.clear();
    texts.clear();
  };
  Nanos clock = 0;
  const auto tick = [&](Nanos to) {
    for (; clock <= to; clock += kSecond) {
      flush();
      v1::Frame arrival, watermark;
      watermark.mutable_watermark()->set_node("n");
      watermark.mutable_watermark()->set_time(std::max<Nanos>(clock - delay, 0));
      watermark.mutable_watermark()->set_clock(clock);
      arrival.mutable_arrival()->set_time(clock + 1);
      writer.out().frame(watermark);
      writer.out().frame(arrival);
    }
  };
  for (const FeatureEvent& event : events) {
    if (event.arrives >= clock) tick(event.arrives);
    const std::uint32_t quality = std::isnan(event.value) ? static_cast<std::uint32_t>(v1::QUALITY_BAD) : kGood;
    if (event.alias == 2) texts.add(2, event.time, event.value > 0 ? "RUN" : "STOP", quality);
    else numbers.add(event.alias, event.time, event.value, quality);
    if (numbers.rows() + texts.rows() >= columns) flush();
  }
  tick(end + delay + kSecond);
  return writer.take();
}

struct FeatureRow {
  std::uint32_t revision = 0;
  Nanos known_at = 0;
  double completeness = 0;
  std::map<std::string, double> value;

  bool same(const FeatureRow& other) const {
    const auto equal = [](double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; };
    return equal(completeness, other.completeness) && std::ranges::equal(value, other.value, [&](const auto& a, const auto& b) {
             return a.first == b.first && equal(a.second, b.second);
           });
  }
};
using FeatureTable = std::map<std::pair<std::string, Nanos>, FeatureRow>;  // by entity and as_of

/// The newest revision of each row. Revisions rise by one, and rows come in the order in which they were known.
inline FeatureTable rows_of(std::string_view stream) {
  FeatureTable table;
  Nanos known = kBeginning;
  for (const v1::Frame& frame : frames_of(stream, FrameKind::features)) {
    const v1::Features& rows = frame.features();
    RC_ASSERT(!rows.definition_digest().empty());
    for (int i = 0; i < rows.entity_size(); ++i) {
      FeatureRow row{rows.revision(i), rows.known_at(i), rows.completeness(i), {}};
      for (const v1::FeatureColumn& column : rows.column()) row.value[column.name()] = column.value(i);
      RC_ASSERT(row.known_at >= known);
      RC_ASSERT(row.completeness >= 0 && row.completeness <= 1);
      known = row.known_at;
      const auto [at, is_new] = table.try_emplace({rows.entity(i), rows.as_of(i)}, row);
      RC_ASSERT(row.revision == (is_new ? 0 : at->second.revision + 1));
      at->second = row;
    }
  }
  return table;
}

}  // namespace twinpipe::testing
