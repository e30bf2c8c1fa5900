// SPDX-License-Identifier: Apache-2.0
// The window aggregates' rules: which one applies to a series, and how its readings are to be weighed.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/thinned_by.hpp"
#include "kernel/winagg_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr Nanos kMostSlides = 10'000;

}  // namespace

Status WinAgg::check(const Policy& policy) {
  for (const Rule& rule : policy.rules(kWinAggSection)) {
    const auto wrong = [&rule](std::string what) {
      return Status::error(Code::bad_config, fmt::format("policy: {} '{}': {}", kWinAggSection, rule.name, what));
    };
    const auto window = rule.duration("window");
    if (!window) return wrong("'window' is missing");
    if (*window <= 0) return wrong("a window of length zero");
    const Nanos slide = rule.duration("slide").value_or(*window);
    if (slide <= 0) return wrong("a slide of length zero");
    if (*window % slide != 0)
      return wrong(
          fmt::format("the slide, {}, does not divide the window, {}", format_duration(slide), format_duration(*window)));
    if (*window / slide > kMostSlides) return wrong(fmt::format("more than {} slides in a window", kMostSlides));
    constexpr Nanos kLongest = kFarthest / 4;
    for (const char* name : {"window", "lateness", "period", "heartbeat"})
      if (rule.duration(name).value_or(0) > kLongest) return wrong(fmt::format("'{}' is longer than 18 years", name));
  }
  return {};
}

/// Has the time come to ask for the rule? Not for a reading whose time is not believed: it would end temporary rules.
bool WinAgg::is_over(std::size_t lane, std::uint32_t slot, Nanos time) const {
  return time >= settings_[slot].until && !nodes_[node_of(slot)].clock[lane].data.doubts(time);
}

/// The next reading of a series asks for its rule, whatever its time.
void WinAgg::ask_again(std::uint32_t slot) {
  settings_[slot].until = kBeginning;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    park(lane, slot);
    lanes_[lane]->heads[slot].ruled = true;
  }
}

void WinAgg::set_rule(Setting& setting, const Rule& rule) {
  setting.rule = &rule;
  setting.window = *rule.duration("window");
  setting.slide = rule.duration("slide").value_or(setting.window);
  setting.lateness = rule.duration("lateness").value_or(0);
  setting.period = rule.duration("period").value_or(0);
}

/// Finds the rule that applies to a series from event time `at` on, and until when. Other windows than before: those that are
/// open leave, marked as cut.
void WinAgg::configure(std::uint32_t slot, Nanos at) {
  const RuleBook::Match match = rules_.find(table(), slot, at);
  Setting setting;
  setting.until = match.until;
  if (match.rule != nullptr) {
    set_rule(setting, *match.rule);
    const Thinning thinning = thinned_by(*match.rule, upstream_, table(), slot, at);
    setting.weighting = thinning.weighting;
    // Samples are equidistant and none was left out: a deadband leaves waveforms alone.
    if (table().series(slot).sensor.type() == v1::VALUE_TYPE_WAVEFORM) setting.weighting = v1::WEIGHTING_COUNT;
    // Without bound a jump of the clock would make rows without end.
    const auto most_panes = static_cast<Nanos>(options_.max_open);
    const Nanos most = setting.slide > kFarthest / most_panes ? kFarthest : setting.slide * most_panes;
    setting.hold = std::min(most, thinning.hold(setting.period));
  }
  Setting& old = settings_[slot];
  const bool same_windows = old.window == setting.window && old.slide == setting.slide;
  if (old.rule != nullptr && !(same_windows && old.weighting == setting.weighting)) {
    restart(slot, at);
    if (!same_windows) sent_[slot] = {};
  }
  setting.segment = old.segment;
  setting.told = old.told;
  setting.declared = old.declared;
  old = setting;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    park(lane, slot);
    lanes_[lane]->heads[slot].ruled = setting.rule != nullptr;
  }
}

void WinAgg::on_open(Output& out) {
  out.frame(rules_.applied());
  upstream_.open_segment();
}

/// What a deadband upstream does from here on.
void WinAgg::take_applied(const v1::Applied& applied) {
  if (applied.tool() != "deadband") return;
  if (!upstream_.take(applied)) return;
  for (std::uint32_t slot = 0; slot < settings_.size(); ++slot)
    if (twinpipe::concerns(applied, table().node_name(node_of(slot)))) ask_again(slot);
}

}  // namespace twinpipe
