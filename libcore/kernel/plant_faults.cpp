// SPDX-License-Identifier: Apache-2.0
// Faults to inject into the simulated plant.
#include "kernel/plant_faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr double kBearingDefault = 5;  // g
constexpr std::array<std::string_view, 9> kNames{"spike",  "drift", "stuck", "silence", "bearing",
                                                 "outage", "kill",  "skew",  "step"};

template <class... Args>
Status bad(std::string_view fault, fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::usage, fmt::format("fault '{}': {}", fault, fmt::format(format, std::forward<Args>(args)...)));
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Up to the next ':', which is taken too.
std::string_view take_part(std::string_view& rest) {
  const std::size_t end = rest.find(':');
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

Status read_pattern(std::string_view text, Fault& fault) {
  const std::string padded = fault.on_node() ? std::string(text) + "/*/*" : std::string(text);
  Result<Pattern> pattern = Pattern::parse(padded);
  if (!pattern.ok())
    return bad(fault.text, "'{}' is not a pattern {}", text, fault.on_node() ? "site/line" : "site/line/asset/sensor");
  fault.pattern = *pattern;
  return {};
}

Status read_bearing(std::string_view value, Fault& fault) {
  const std::size_t at = value.find('@');
  const auto kind = bearing_fault(value.substr(0, at));
  const auto height = at == std::string_view::npos ? std::optional(kBearingDefault) : number(value.substr(at + 1));
  if (!kind || !height || *height < 0)
    return bad(fault.text, "'{}' is not outer, inner, ball or cage, or one of them with @G", value);
  fault.bearing = *kind;
  fault.value = *height;
  return {};
}

Status read_value(std::string_view value, Fault& fault) {
  switch (fault.kind) {
    case FaultKind::spike:
    case FaultKind::drift: {
      const auto amount = number(value);
      if (!amount)
        return bad(fault.text, "'{}' is not a number: what to add{}", value, fault.kind == FaultKind::drift ? " an hour" : "");
      fault.value = *amount;
      return {};
    }
    case FaultKind::bearing: return read_bearing(value, fault);
    case FaultKind::outage:
      if (!value.empty() && value != "historical" && value != "delayed")
        return bad(fault.text, "'{}' is neither historical nor delayed", value);
      fault.backlog = value == "delayed" ? Backlog::delayed : Backlog::historical;
      return {};
    case FaultKind::skew:
    case FaultKind::step: {
      const bool behind = value.starts_with('-');
      const Result<Nanos> offset = parse_duration(behind ? value.substr(1) : value);
      if (!offset.ok()) return bad(fault.text, "{}", offset.status().message);
      fault.offset = behind != (fault.kind == FaultKind::step) ? -*offset : *offset;
      return {};
    }
    default: return value.empty() ? Status{} : bad(fault.text, "takes no value, and '{}' is one", value);
  }
}

}  // namespace

Result<Fault> Fault::parse(std::string_view text) {
  Fault fault;
  fault.text = text;
  if (std::ranges::count(text, ':') < 3) return bad(text, "write KIND:PATTERN:START:DURATION[:VALUE]");
  std::string_view rest = text;
  const std::string_view kind = take_part(rest);
  const auto at = std::ranges::find(kNames, kind);
  if (at == kNames.end()) return bad(text, "'{}' is none of {}", kind, fmt::join(kNames, ", "));
  fault.kind = static_cast<FaultKind>(at - kNames.begin());
  if (Status status = read_pattern(take_part(rest), fault); !status.ok()) return status;
  const Result<Nanos> from = parse_duration(take_part(rest));
  const Result<Nanos> duration = parse_duration(take_part(rest));
  if (!from.ok()) return bad(text, "start: {}", from.status().message);
  if (!duration.ok()) return bad(text, "duration: {}", duration.status().message);
  fault.from = *from;
  fault.until = *duration == 0 || *duration > kForever - *from ? kForever : *from + *duration;
  if (Status status = read_value(rest, fault); !status.ok()) return status;
  return fault;
}

bool Fault::matches_node(std::string_view site, std::string_view line) const {
  return on_node() && pattern.matches(site, line, "", "");
}

bool Fault::matches_series(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const {
  return !on_node() && pattern.matches(site, line, asset, sensor);
}

double Fault::growth(Nanos since_start) const {
  if (since_start < from) return 0;
  if (until == kForever || since_start >= until) return 1;
  // Damage feeds itself: a twentieth of the way at half time.
  constexpr double kRate = 6;
  const double part = static_cast<double>(since_start - from) / static_cast<double>(until - from);
  return std::expm1(kRate * part) / std::expm1(kRate);
}

Result<std::vector<NodeEvent>> node_events(const std::vector<Fault>& faults, std::string_view site, std::string_view line) {
  using Kind = NodeEvent::Kind;
  std::vector<const Fault*> cuts, clocks;
  for (const Fault& fault : faults)
    if (fault.matches_node(site, line))
      (fault.kind == FaultKind::outage || fault.kind == FaultKind::kill ? cuts : clocks).push_back(&fault);

  std::vector<NodeEvent> events;
  std::ranges::sort(cuts, {}, &Fault::from);
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const Fault& cut = *cuts[i];
    if (i > 0 && cut.from < cuts[i - 1]->until) return bad(cut.text, "overlaps '{}' on {}/{}", cuts[i - 1]->text, site, line);
    const bool outage = cut.kind == FaultKind::outage;
    events.push_back({cut.from, outage ? Kind::link_down : Kind::die, cut.backlog, 0});
    if (cut.until != kForever) events.push_back({cut.until, outage ? Kind::link_up : Kind::revive, cut.backlog, 0});
  }
  // One event at each moment at which the sum of all clock faults changes.
  std::vector<Nanos> changes;
  for (const Fault* clock : clocks) {
    changes.push_back(clock->from);
    if (clock->until != kForever) changes.push_back(clock->until);
  }
  std::ranges::sort(changes);
  changes.erase(std::unique(changes.begin(), changes.end()), changes.end());
  for (const Nanos at : changes) {
    Nanos offset = 0;
    for (const Fault* clock : clocks)
      if (clock->active(at)) offset += clock->offset;
    events.push_back({at, Kind::clock, Backlog::historical, offset});
  }
  // At the same moment the end of a cut comes before the start of the next, and a clock change before both.
  const auto rank = [](const NodeEvent& event) {
    return event.kind == Kind::clock ? 0 : event.kind == Kind::link_up || event.kind == Kind::revive ? 1 : 2;
  };
  std::ranges::stable_sort(
      events, [&](const NodeEvent& a, const NodeEvent& b) { return a.at != b.at ? a.at < b.at : rank(a) < rank(b); });
  return events;
}

}  // namespace twinpipe
