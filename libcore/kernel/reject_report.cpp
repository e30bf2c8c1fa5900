// SPDX-License-Identifier: Apache-2.0
// What is in quarantine, for people.
#include "kernel/reject_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernel/block_heights.hpp"
#include "kernel/reject_facts.hpp"
#include "policy/pattern.hpp"
#include "wire/json_string.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using Fate = RejectLedger::Fate;

std::string action_name(const v1::Reject& reject) {
  const auto* action = v1::Reject::Action_descriptor()->FindValueByNumber(reject.action());
  return action == nullptr ? fmt::format("action {}", static_cast<int>(reject.action())) : enum_value_name(*action);
}

/// What was done, and what became of it since.
std::string action_text(const v1::Reject& reject, Fate fate) {
  switch (reject.action()) {
    case v1::Reject::ACTION_DROP: return "drop: it is gone";
    case v1::Reject::ACTION_WARN: return "warn: it passed";
    case v1::Reject::ACTION_QUARANTINE:
    case v1::Reject::ACTION_FAIL: break;
    default: return action_name(reject);
  }
  return fmt::format("{}: {}", action_name(reject),
                     fate == Fate::released    ? "released since"
                     : fate == Fate::discarded ? "discarded since"
                                               : "it waits");
}

/// Far from where the sensor works.
double distance_of(const v1::Reject& reject, double number) {
  const v1::Sensor& sensor = reject.series().sensor(0);
  const double middle = sensor.has_low() && sensor.has_high() ? (sensor.low() + sensor.high()) / 2 : 0;
  return std::isnan(number) ? std::numeric_limits<double>::infinity() : std::fabs(number - middle);
}

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(text, json);
  return json;
}

/// Counts as bars of eight heights; a dot where there is nothing.
template <class Counts>
std::string bars(const Counts& counts) {
  const std::uint64_t most = *std::ranges::max_element(counts);
  std::string text;
  for (const std::uint64_t count : counts) text += count == 0 ? std::string_view("·") : kBlockHeights[(count * 8 - 1) / most];
  return text;
}

template <class Counts>
std::string_view trend_of(const Counts& counts) {
  const auto half = static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::uint64_t before = 0, after = 0;
  std::for_each(counts.begin(), counts.begin() + half, [&before](std::uint64_t count) { before += count; });
  std::for_each(counts.begin() + half, counts.end(), [&after](std::uint64_t count) { after += count; });
  if (before + after == 1) return "once";
  if (after == 0) return "over";
  if (2 * after > 3 * before) return "more often";
  return 2 * before > 3 * after ? "less often" : "steady";
}

std::string lineage_text(const v1::Lineage& lineage, bool origin) {
  std::string text = lineage.node().empty() ? "an unknown node" : "node " + lineage.node();
  if (lineage.has_session()) text += ", session of " + format_time(lineage.session().birth());
  if (origin) text += fmt::format(", message {} [{}]", lineage.seq(), lineage.index());
  if (!lineage.mqtt_topic().empty()) text += ", topic " + lineage.mqtt_topic();
  if (!lineage.kafka_topic().empty())
    text += fmt::format(", {}/{} at {}", lineage.kafka_topic(), lineage.kafka_partition(), lineage.kafka_offset());
  if (lineage.has_position()) text += ", behind " + lineage.position().source();
  for (const v1::Offset& offset : lineage.position().offset())
    text += fmt::format(" {}/{}@{}", offset.name(), offset.partition(), offset.next());
  return text;
}

}  // namespace

Status RejectReader::on_frame(const v1::Frame& frame, bool, const FrameView&, Output& out) {
  if (!frame.has_reject() || frame.reject().series().sensor_size() == 0) return {};
  if (rule_.empty() || glob_matches(rule_, frame.reject().rule())) take(frame.reject(), out);
  return {};
}

// ---- ls ---------------------------------------------------------------------------------------------------------------

void RejectList::take(const v1::Reject& reject, Output&) {
  Line& line = lines_[{series_of(reject), reject.rule()}];
  const Nanos time = event_time(reject);
  line.first = std::min(line.first, time);
  line.last = std::max(line.last, time);
  ++line.count;
  line.times.push_back(time);
  const Fate fate = fate_(reject);
  const bool waits = reject.action() == v1::Reject::ACTION_QUARANTINE || reject.action() == v1::Reject::ACTION_FAIL;
  line.open += fate == Fate::open && waits;
  line.released += fate == Fate::released || reject.action() == v1::Reject::ACTION_RELEASED;  // a ledger says so itself
  line.discarded += fate == Fate::discarded || reject.action() == v1::Reject::ACTION_DISCARDED;
  const auto number = number_of(reject);
  const double distance = number ? distance_of(reject, *number) : 0;
  if (distance <= line.distance) return;
  line.distance = distance;
  line.worst = value_of(reject);
}

RejectList::Slices RejectList::slices_of(const Line& line, Nanos from, Nanos to) const {
  Slices slices{};
  const double span = static_cast<double>(to) - static_cast<double>(from) + 1;
  for (const Nanos time : line.times) {
    const double at = (static_cast<double>(time) - static_cast<double>(from)) / span * kSlices;
    ++slices[std::min(static_cast<std::size_t>(at), kSlices - 1)];
  }
  return slices;
}

void RejectList::write_text(Nanos from, Nanos to, std::string& text) const {
  std::size_t name = 6, rule = 4, worst = 5;
  std::uint64_t open = 0, all = 0;
  std::map<std::string_view, int> sensors;
  for (const auto& [key, line] : lines_) {
    name = std::max(name, key.first.size());
    rule = std::max(rule, key.second.size());
    worst = std::max(worst, line.worst.size());
    open += line.open;
    all += line.count;
    sensors[key.first] = 1;
  }
  const auto row = [&](auto&&... cells) {
    text += fmt::format("{:<{}}  {:<{}}  {:<20}  {:<20}  {:>6}  {:>6}  {:>{}}  {}\n", cells...);
  };
  row("SENSOR", name, "RULE", rule, "SINCE", "LAST", "COUNT", "OPEN", "WORST", worst, "TREND");
  const auto seconds = [](Nanos time) { return format_time(time - (time % kSecond + kSecond) % kSecond); };
  for (const auto& [key, line] : lines_) {
    const Slices slices = slices_of(line, from, to);
    row(key.first, name, key.second, rule, seconds(line.first), seconds(line.last), line.count, line.open, line.worst, worst,
        fmt::format("{} {}", bars(slices), trend_of(slices)));
  }
  text += fmt::format("{} sensors, {} rejects, {} open; from {} to {}\n", sensors.size(), all, open, seconds(from), seconds(to));
}

void RejectList::write_json(Nanos from, Nanos to, std::string& text) const {
  for (const auto& [key, line] : lines_) {
    const Slices slices = slices_of(line, from, to);
    text += fmt::format(
        R"({{"series":{},"rule":{},"since":"{}","last":"{}","count":{},"open":{},"released":{},"discarded":{},"worst":{},"trend":"{}","slices":[{}]}})",
        quoted(key.first), quoted(key.second), format_time(line.first), format_time(line.last), line.count, line.open,
        line.released, line.discarded, quoted(line.worst), trend_of(slices), fmt::join(slices, ","));
    text += '\n';
  }
}

Status RejectList::finish(Ending, Output& out) {
  Nanos from = kForever, to = kBeginning;
  for (const auto& [key, line] : lines_) {
    from = std::min(from, line.first);
    to = std::max(to, line.last);
  }
  if (json_) write_json(from, to, out.text());
  else if (lines_.empty()) out.text() += "no rejects\n";
  else write_text(from, to, out.text());
  return {};
}

// ---- show, stats --------------------------------------------------------------------------------------------------------

void RejectShow::take(const v1::Reject& reject, Output& out) {
  if (any_) out.text() += '\n';
  any_ = true;
  const bool historical = reject.reading().historical() || reject.waveform().historical() || reject.aggregates().historical() ||
                          reject.spectra().historical();
  const bool origin = reject.reading().seq_size() > 0 || (reject.has_waveform() && reject.lineage().seq() != 0);
  out.text() +=
      fmt::format("{}  {}  {}{}\n  rule    {}: {}\n  action  {}\n  policy  {} version {}, digest {}\n  from    {}\n",
                  series_of(reject), format_time(event_time(reject)), value_of(reject), historical ? "  historical" : "",
                  reject.rule(), reject.reason(), action_text(reject, fate_(reject)), reject.policy(), reject.policy_version(),
                  reject.policy_digest(), lineage_text(reject.lineage(), origin));
}

void RejectStatistics::take(const v1::Reject& reject, Output&) {
  ++counts_[{format_time(event_time(reject)).substr(0, 10), reject.rule(), action_name(reject)}];
}

Status RejectStatistics::finish(Ending, Output& out) {
  std::size_t width = 4;
  for (const auto& [key, count] : counts_) width = std::max(width, key[1].size());
  if (!json_) out.text() += fmt::format("{:<10}  {:<{}}  {:<10}  {:>9}\n", "DAY", "RULE", width, "ACTION", "COUNT");
  for (const auto& [key, count] : counts_) {
    if (json_)
      out.text() +=
          fmt::format("{{\"day\":\"{}\",\"rule\":{},\"action\":\"{}\",\"count\":{}}}\n", key[0], quoted(key[1]), key[2], count);
    else out.text() += fmt::format("{:<10}  {:<{}}  {:<10}  {:>9}\n", key[0], key[1], width, key[2], count);
  }
  return {};
}

}  // namespace twinpipe
