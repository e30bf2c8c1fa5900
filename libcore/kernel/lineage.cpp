// SPDX-License-Identifier: Apache-2.0
// Which policies shaped the values of a stream.
#include "kernel/lineage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/text_values.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// What each kind is called, and the tool that makes it; readings and waveforms come from sensors.
struct KindNames {
  std::string_view one, many, tool;
};
constexpr std::array<KindNames, 6> kKinds{{{"reading", "readings", ""},
                                           {"waveform", "waveforms", ""},
                                           {"aggregate", "aggregates", "winagg"},
                                           {"spectrum", "spectra", "fft-bands"},
                                           {"exception", "exceptions", "exc-pass"},
                                           {"twin metric", "twin metrics", "twin-fold"}}};

/// Makers of windows, spectra and twins take readings in and let through what they let through whole. A tool that this version
/// does not know may have shaped them.
bool shapes_readings(std::string_view tool) { return tool != "winagg" && tool != "fft-bands" && tool != "twin-fold"; }
/// Whoever reduces leaves alone what was pinned.
bool shapes_pinned(std::string_view tool) { return shapes_readings(tool) && tool != "deadband"; }

void append_member(std::string_view key, std::string_view value, std::string& json) {
  if (json.back() != '{') json += ',';
  append_json_string(key, json);
  json += ':';
  append_json_string(value, json);
}

}  // namespace

bool Lineage::needs(FrameKind kind) const { return kind == FrameKind::open || kind == FrameKind::applied; }

bool Lineage::decodes(FrameKind kind) const {
  switch (kind) {
    case FrameKind::open:
    case FrameKind::applied:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::exception:
    case FrameKind::twin: return true;
    default: return false;
  }
}

Status Lineage::on_frame(const v1::Frame& frame, bool, const FrameView&, Output&) {
  switch (frame.kind_case()) {
    case v1::Frame::kOpen:
      // Who writes a sealed segment says behind its Open what is in force there; values of a log leave it to their neighbours.
      if (frame.open().sealed()) in_force_.clear(), ++generation_;
      return {};
    case v1::Frame::kApplied: return apply(frame.applied());
    case v1::Frame::kWaveform: {
      const v1::Waveform& waveform = frame.waveform();
      count_reading(Kind::waveform, table().slots()[waveform.series()], waveform.pinned(), waveform.time());
      return {};
    }
    case v1::Frame::kAggregates: count_rows(Kind::aggregate, frame.aggregates()); return {};
    case v1::Frame::kSpectra: count_rows(Kind::spectrum, frame.spectra()); return {};
    case v1::Frame::kException: {
      const v1::Exception& exception = frame.exception();
      const std::uint32_t slot = table().slots()[exception.series()];
      count(Kind::exception, table().name(slot),
            shapers_of_derived(Kind::exception, exception.policy_digest(), levels_of(slot), exception.time()), exception.time());
      return {};
    }
    case v1::Frame::kTwin: count_twin(frame.twin()); return {};
    default: return {};
  }
}

Status Lineage::apply(const v1::Applied& applied) {
  if (Status status = AppliedPolicy(applied).status(); !status.ok()) return status;
  if (in_force_.take(applied)) ++generation_;
  return {};
}

Lineage::Levels Lineage::levels_of(std::uint32_t slot) const {
  const Asset& asset = table().asset_of(slot);
  return {asset.site, asset.line, asset.asset, table().series(slot).sensor.name(), table().node_name(asset.node)};
}

const v1::AppliedRule* Lineage::rule_of(const AppliedPolicy& policy, const Levels& levels, Nanos at) {
  return policy.rule_of(levels.site, levels.line, levels.asset, levels.sensor, at, [](const v1::AppliedRule&) { return true; });
}

/// Who shaped a reading on its way past the policies from number `first` on.
Lineage::Shapers Lineage::shapers_of_readings(std::size_t first, const Levels& levels, bool pinned, Nanos at) const {
  Shapers shapers;
  const PoliciesInForce::Policies& in_force = in_force_.of(levels.node);
  for (std::size_t i = first; i < in_force.size(); ++i) {
    const v1::Applied& applied = in_force[i]->words();
    if (!(pinned ? shapes_pinned : shapes_readings)(applied.tool())) continue;
    const v1::AppliedRule* rule = rule_of(*in_force[i], levels, at);
    if (rule == nullptr) continue;
    shapers.push_back(
        {applied.tool(), applied.policy(), applied.version(), applied.owner(), applied.digest(), rule->name(), rule->settings()});
  }
  return shapers;
}

/// The maker of a derived value. One policy file may be in force in several tools: the one of that name, or else what the
/// digest alone says.
void Lineage::add_derived(std::string_view tool, const std::string& digest, const Levels& levels, Nanos at,
                          Shapers& shapers) const {
  if (digest.empty()) return;
  Shaper shaper{std::string(tool), {}, {}, {}, digest, {}, {}};
  for (const auto& policy : in_force_.of(levels.node)) {
    const v1::Applied& applied = policy->words();
    if (applied.digest() != digest) continue;
    shaper.policy = applied.policy();
    shaper.version = applied.version();
    shaper.owner = applied.owner();
    if (applied.tool() != tool) continue;
    const v1::AppliedRule* rule = rule_of(*policy, levels, at);
    if (rule != nullptr) shaper.rule = rule->name(), shaper.settings = rule->settings();
    break;
  }
  shapers.push_back(std::move(shaper));
}

Lineage::Shapers Lineage::shapers_of_derived(Kind kind, const std::string& digest, const Levels& levels, Nanos at) const {
  const std::string_view tool = kKinds[static_cast<std::size_t>(kind)].tool;
  Shapers shapers;
  add_derived(tool, digest, levels, at, shapers);
  const PoliciesInForce::Policies& in_force = in_force_.of(levels.node);
  const auto maker = std::ranges::find_if(
      in_force, [&](const auto& policy) { return policy->words().tool() == tool && policy->words().digest() == digest; });
  if (maker == in_force.end()) return shapers;
  const auto upstream = static_cast<std::size_t>(maker - in_force.begin()) + 1;
  std::ranges::move(shapers_of_readings(upstream, levels, false, at), std::back_inserter(shapers));
  return shapers;
}

/// The event times around `at` between which no temporary rule ends.
void Lineage::narrow(const Levels& levels, Nanos at, Current& current) const {
  current.from = kBeginning;
  current.until = kForever;
  for (const auto& policy : in_force_.of(levels.node))
    for (int i = 0; i < policy->words().rule_size(); ++i) {
      const Nanos expires = policy->words().rule(i).expires();
      if (expires == 0 || !policy->matches(i, levels.site, levels.line, levels.asset, levels.sensor)) continue;
      if (expires <= at) current.from = std::max(current.from, expires);
      else current.until = std::min(current.until, expires);
    }
}

void Lineage::count_reading(Kind kind, std::uint32_t slot, bool pinned, Nanos time) {
  std::vector<Current>& all = current_[(kind == Kind::waveform ? 2U : 0U) + (pinned ? 1U : 0U)];
  if (all.size() < table().size()) all.resize(table().size());
  Current& current = all[slot];
  if (current.generation != generation_ || time < current.from || time >= current.until) {
    const Levels levels = levels_of(slot);
    narrow(levels, time, current);
    Count& count = groups_[{table().name(slot), kind}][shapers_of_readings(0, levels, pinned, time)];
    if (count.values == 0) count.first = count.last = time;
    current.generation = generation_;
    current.count = &count;
  }
  Count& count = *current.count;
  ++count.values;
  count.first = std::min(count.first, time);
  count.last = std::max(count.last, time);
}

void Lineage::count(Kind kind, const std::string& series, Shapers shapers, Nanos time) {
  Count& count = groups_[{series, kind}][std::move(shapers)];
  if (count.values++ == 0) count.first = count.last = time;
  count.first = std::min(count.first, time);
  count.last = std::max(count.last, time);
}

Status Lineage::on_readings(const Columns& columns, Rows rows, const FrameView&, Output&) {
  for (const std::uint32_t row : rows) count_reading(Kind::reading, columns.slot[row], columns.pinned, columns.time[row]);
  return {};
}

template <class Windows>
void Lineage::count_rows(Kind kind, const Windows& windows) {
  for (int row = 0; row < windows.series_size(); ++row) {
    const std::uint32_t slot = table().slots()[windows.series(row)];
    const Nanos start = windows.start(row);
    count(kind, table().name(slot), shapers_of_derived(kind, windows.policy_digest(), levels_of(slot), start), start);
  }
}

void Lineage::count_twin(const v1::Twin& twin) {
  for (const v1::TwinMetric& metric : twin.metric()) {
    const Levels levels{twin.site(), twin.line(), twin.asset(), metric.sensor(), twin.node()};
    const auto asked = [&](const Pattern& p) { return p.matches(levels.site, levels.line, levels.asset, levels.sensor); };
    if (metric.freshness() == v1::FRESHNESS_NEVER || (!patterns_.empty() && std::ranges::none_of(patterns_, asked))) continue;
    Shapers shapers;
    add_derived("twin-fold", metric.policy_digest().empty() ? twin.policy_digest() : metric.policy_digest(), levels,
                metric.time(), shapers);
    const Shapers in_force = shapers_of_readings(0, levels, false, metric.time());
    const auto add = [&shapers](Shaper shaper) {
      if (std::ranges::find(shapers, shaper) == shapers.end()) shapers.push_back(std::move(shaper));
    };
    for (const std::string& digest : metric.shaped_by_size() > 0 ? metric.shaped_by() : twin.shaped_by()) {
      const auto named = [&](const auto& policy) { return policy->words().digest() == digest; };
      for (const Shaper& shaper : in_force)
        if (shaper.digest == digest) add(shaper);
      if (std::ranges::none_of(in_force_.of(levels.node), named)) add({{}, {}, {}, {}, digest, {}, {}});
    }
    count(Kind::twin_metric, series_name(levels.site, levels.line, levels.asset, levels.sensor), std::move(shapers),
          metric.time());
  }
}

Status Lineage::finish(Ending, Output& out) {
  for (const auto& [key, groups] : groups_)
    for (const auto& [shapers, count] : groups)
      (this->*(json_ ? &Lineage::write_json : &Lineage::write_text))(key.first, key.second, shapers, count, out.text());
  return {};
}

void Lineage::write_text(const std::string& series, Kind kind, const Shapers& shapers, const Count& count,
                         std::string& text) const {
  const KindNames& names = kKinds[static_cast<std::size_t>(kind)];
  text += fmt::format("{}: {} {} from {} to {}\n", series, count.values, count.values == 1 ? names.one : names.many,
                      format_time(count.first), format_time(count.last));
  if (shapers.empty()) text += "  no policy\n";
  for (const Shaper& shaper : shapers) {
    text += fmt::format("  {}: ", shaper.tool.empty() ? "some tool" : shaper.tool);
    if (shaper.policy.empty()) text += "a policy that the stream does not name,";
    else text += fmt::format("policy {} version {} owner {}", shaper.policy, shaper.version, shaper.owner);
    text += fmt::format(" digest {}", shaper.digest);
    if (!shaper.rule.empty()) text += fmt::format(", rule {}", shaper.rule);
    if (!shaper.settings.empty()) text += fmt::format(" ({})", shaper.settings);
    text += '\n';
  }
}

void Lineage::write_json(const std::string& series, Kind kind, const Shapers& shapers, const Count& count,
                         std::string& text) const {
  text += '{';
  append_member("series", series, text);
  append_member("kind", kKinds[static_cast<std::size_t>(kind)].one, text);
  text += fmt::format(R"(,"count":{})", count.values);
  append_member("first", format_time(count.first), text);
  append_member("last", format_time(count.last), text);
  text += R"(,"shaped_by":[)";
  for (const Shaper& shaper : shapers) {
    if (text.back() != '[') text += ',';
    text += '{';
    for (const auto& [key, value] : {std::pair<std::string_view, const std::string&>{"tool", shaper.tool},
                                     {"policy", shaper.policy},
                                     {"version", shaper.version},
                                     {"owner", shaper.owner},
                                     {"digest", shaper.digest},
                                     {"rule", shaper.rule},
                                     {"settings", shaper.settings}})
      if (!value.empty()) append_member(key, value, text);
    text += '}';
  }
  text += "]}\n";
}

}  // namespace twinpipe
