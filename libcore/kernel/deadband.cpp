// SPDX-License-Identifier: Apache-2.0
// Deadband: one pass over the columns, one cache line of state per series.
#include "kernel/deadband.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "state.pb.h"

namespace twinpipe {
namespace {

constexpr Nanos kForever = std::numeric_limits<Nanos>::max();
constexpr Nanos kBeginning = std::numeric_limits<Nanos>::min();
constexpr std::string_view kSection = "deadband";

enum Flag : std::uint8_t {
  kHeld = 1,        // something was sent since the last birth
  kSuppressed = 2,  // the shortest interval holds a value back
};

/// State of one series in one lane. 64 bytes: readings come in any order of series, so a reading costs one cache miss.
struct alignas(64) Held {
  std::uint64_t value = 0;  // bits of the value that was sent last
  Nanos sent = 0;           // its time
  Nanos seen = kBeginning;  // time of the newest reading, sent or not
  Nanos until = kBeginning; // the rule below applies before this event time
  Nanos heartbeat = kForever;
  Nanos shortest = 0;
  double bound = -1;        // in the value's unit; negative: no rule, everything passes
  std::uint32_t quality = kGood;
  std::uint8_t flags = 0;
  std::uint8_t type = 0;    // v1::ValueType of `value`
};

/// What the shortest interval suppressed last.
struct Suppressed {
  std::uint64_t value = 0;
  std::string text;
  Nanos time = 0;
  std::uint32_t quality = kGood;
};

double distance(double a, double b) { return std::fabs(a - b); }

// One adapter per column type: the value as bits to hold, and whether it may be suppressed against what is held.

struct DoubleValues {
  std::span<const double> column;
  std::uint64_t bits(std::size_t row) const { return std::bit_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const Held& held, const std::string*) const {
    const double value = column[row];
    const auto before = std::bit_cast<double>(held.value);
    // Equality covers infinities, whose distance is not a number; two not-a-numbers are no change.
    return distance(value, before) <= held.bound || value == before || (std::isnan(value) && std::isnan(before));
  }
};

template <class T>
struct IntegerValues {
  std::span<const T> column;
  std::uint64_t bits(std::size_t row) const { return static_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const Held& held, const std::string*) const {
    const T value = column[row];
    const T before = static_cast<T>(held.value);
    // Exact in the integers: a double cannot tell 2^53 from 2^53 + 1.
    const std::uint64_t difference = value >= before ? static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(before)
                                                     : static_cast<std::uint64_t>(before) - static_cast<std::uint64_t>(value);
    return held.bound >= 0x1p64 || difference <= static_cast<std::uint64_t>(held.bound);
  }
};

struct BoolValues {
  std::span<const std::uint8_t> column;
  std::uint64_t bits(std::size_t row) const { return column[row]; }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const Held& held, const std::string*) const { return column[row] == held.value; }
};

struct TextValues {
  std::span<const std::string_view> column;
  std::uint64_t bits(std::size_t) const { return 0; }
  std::string_view text(std::size_t row) const { return column[row]; }
  bool within(std::size_t row, const Held&, const std::string* held) const { return held != nullptr && *held == column[row]; }
};

}  // namespace

struct Deadband::Lane {
  std::vector<Held> held;                      // by slot
  std::map<std::uint32_t, std::string> text;   // of the string series among them
  std::map<std::uint32_t, Suppressed> suppressed;

  const std::string* text_of(std::uint32_t slot) const {
    const auto at = text.find(slot);
    return at == text.end() ? nullptr : &at->second;
  }
  template <class Values>
  void hold(std::uint32_t slot, const Values& values, std::size_t row, Nanos time, std::uint32_t quality, ValueType type) {
    Held& state = held[slot];
    state.value = values.bits(row);
    state.sent = time;
    state.quality = quality;
    state.type = static_cast<std::uint8_t>(type);
    if constexpr (std::is_same_v<Values, TextValues>) text[slot] = values.text(row);
    if (state.flags & kSuppressed) suppressed.erase(slot);
    state.flags = kHeld;
  }
};

Deadband::Deadband(const SeriesTable& table, const Policy& policy)
    : Stage(table), policy_(&policy), lanes_{std::make_unique<Lane>(), std::make_unique<Lane>()} {}

Deadband::~Deadband() = default;

bool Deadband::reads(FrameKind kind) const {
  return kind == FrameKind::series || kind == FrameKind::readings || kind == FrameKind::watermark || kind == FrameKind::lifecycle;
}

v1::Frame Deadband::applied() const {
  v1::Frame frame;
  v1::Applied& applied = *frame.mutable_applied();
  applied.set_tool("deadband");
  applied.set_policy(policy_->name());
  applied.set_version(policy_->version());
  applied.set_owner(policy_->owner());
  applied.set_digest(policy_->digest());
  for (const Rule& rule : policy_->rules(kSection)) {
    v1::AppliedRule& to = *applied.add_rule();
    to.set_name(rule.name);
    to.set_pattern(rule.pattern.text());
    to.set_interpolation(v1::WEIGHTING_STEP);
    to.set_percent(rule.number("percent").has_value());
    to.set_bound(rule.number("percent").value_or(rule.number("absolute").value_or(0)));
    to.set_heartbeat(rule.duration("heartbeat").value_or(0));
    to.set_shortest(rule.duration("shortest").value_or(0));
    to.set_expires(rule.expires.value_or(0));
    to.set_reason(rule.reason);
    to.set_expired(std::ranges::find(expired_, &rule) != expired_.end());
  }
  return frame;
}

void Deadband::on_open(Output& out) { out.frame(applied()); }

void Deadband::grow() {
  for (const auto& lane : lanes_) lane->held.resize(table().size());
}

/// Finds the rule that applies to a series from event time `at` on, and until when.
Status Deadband::configure(std::uint32_t slot, Nanos at, Lane& lane) {
  const Asset& asset = table().asset_of(slot);
  const v1::Sensor& sensor = table().series(slot).sensor;
  Held& held = lane.held[slot];
  held.until = kForever;
  held.bound = -1;
  held.heartbeat = kForever;
  held.shortest = 0;
  for (const Rule& rule : policy_->rules(kSection)) {
    if (!rule.pattern.matches(asset.site, asset.line, asset.asset, sensor.name())) continue;
    if (rule.expires && at >= *rule.expires) {
      if (std::ranges::find(expired_, &rule) == expired_.end()) newly_expired_.push_back(&rule), expired_.push_back(&rule);
      continue;
    }
    held.until = rule.expires.value_or(kForever);
    held.bound = rule.number("absolute").value_or(0);
    held.heartbeat = rule.duration("heartbeat").value_or(kForever);
    held.shortest = rule.duration("shortest").value_or(0);
    if (const auto percent = rule.number("percent")) {
      const double range = sensor.has_low() && sensor.has_high() ? sensor.high() - sensor.low() : 0;
      if (!(range > 0))
        return Status::error(Code::bad_config, fmt::format("{}: rule '{}' wants per cent of the engineering range, and the series declares none",
                                                           table().name(slot), rule.name));
      held.bound = range * *percent / 100;
    }
    return {};
  }
  return {};
}

Status Deadband::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  grow();
  for (const Declared& series : declared) {
    if (!series.born && !series.changed) continue;
    for (const auto& lane : lanes_) {
      // What was suppressed before a birth is older than the birth's own values, which follow and pass.
      if (lane->held[series.slot].flags & kSuppressed) lane->suppressed.erase(series.slot);
      lane->held[series.slot] = Held{};
      if (Status status = configure(series.slot, kBeginning, *lane); !status.ok()) return status;
      lane->held[series.slot].until = kBeginning;  // asked again with the first reading's time
    }
  }
  return pass(frame, out);
}

template <class Values>
Status Deadband::select(Lane& lane, const Columns& columns, const Values& values) {
  const std::size_t rows = columns.rows();
  const auto type = static_cast<std::uint8_t>(columns.type);
  kept_.resize(rows);
  std::size_t kept = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t slot = columns.slot[row];
    Held& held = lane.held[slot];
    const Nanos time = columns.time[row];
    if (time >= held.until) [[unlikely]]
      if (Status status = configure(slot, time, lane); !status.ok()) return status;
    kept_[kept] = static_cast<std::uint32_t>(row);
    if (time < held.seen || held.bound < 0) [[unlikely]] {
      // A late reading passes and changes nothing: what is held is newer. So does one that no rule owns.
      ++kept;
      continue;
    }
    held.seen = time;
    const std::uint32_t quality = columns.quality_at(row);
    const std::string* text = std::is_same_v<Values, TextValues> ? lane.text_of(slot) : nullptr;
    const bool comparable = (held.flags & kHeld) && held.type == type && held.quality == quality;
    if (comparable && values.within(row, held, text)) {
      if (held.flags & kSuppressed) lane.suppressed.erase(slot), held.flags &= static_cast<std::uint8_t>(~kSuppressed);
      if (saturating_sub(time, held.sent) < held.heartbeat) continue;
    } else if (comparable && saturating_sub(time, held.sent) < held.shortest) {
      lane.suppressed[slot] = Suppressed{values.bits(row), std::string(values.text(row)), time, quality};
      held.flags |= kSuppressed;
      ++blacked_out_;
      continue;
    }
    lane.hold(slot, values, row, time, quality, columns.type);
    ++kept;
  }
  kept_.resize(kept);
  return {};
}

void Deadband::hold_pinned(Lane& lane, const Columns& columns) {
  const auto hold_all = [&](const auto& values) {
    for (std::size_t row = 0; row < columns.rows(); ++row) {
      Held& held = lane.held[columns.slot[row]];
      if (columns.time[row] < held.seen) continue;
      held.seen = columns.time[row];
      lane.hold(columns.slot[row], values, row, columns.time[row], columns.quality_at(row), columns.type);
    }
  };
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: return hold_all(IntegerValues<std::int64_t>{columns.ints});
    case v1::VALUE_TYPE_UINT64: return hold_all(IntegerValues<std::uint64_t>{columns.uints});
    case v1::VALUE_TYPE_BOOL: return hold_all(BoolValues{columns.bools});
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: return hold_all(TextValues{columns.texts});
    default: return hold_all(DoubleValues{columns.doubles});
  }
}

Status Deadband::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  Lane& lane = *lanes_[columns.historical ? 1 : 0];
  if (columns.pinned) {
    hold_pinned(lane, columns);
    return pass(frame, out);
  }
  Status status;
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: status = select(lane, columns, IntegerValues<std::int64_t>{columns.ints}); break;
    case v1::VALUE_TYPE_UINT64: status = select(lane, columns, IntegerValues<std::uint64_t>{columns.uints}); break;
    case v1::VALUE_TYPE_BOOL: status = select(lane, columns, BoolValues{columns.bools}); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: status = select(lane, columns, TextValues{columns.texts}); break;
    default: status = select(lane, columns, DoubleValues{columns.doubles}); break;
  }
  if (!status.ok()) return status;
  for (const Rule* rule : std::exchange(newly_expired_, {})) {
    notice(fmt::format("temporary rule '{}' has expired ({}): its series fall back to the next match", rule->name, rule->reason));
    out.frame(applied());
  }
  dropped_ += columns.rows() - kept_.size();
  if (kept_.size() == columns.rows()) return pass(frame, out);
  out.readings(columns, kept_);
  return {};
}

/// Sends what was suppressed on `node` (all nodes: the table's count of them) and whose interval ended by `until`.
void Deadband::release(bool historical, std::uint32_t node, Nanos until, Output& out) {
  Lane& lane = *lanes_[historical ? 1 : 0];
  std::map<ValueType, ReadingsBuilder> builders;
  for (auto at = lane.suppressed.begin(); at != lane.suppressed.end();) {
    const auto& [slot, suppressed] = *at;
    Held& held = lane.held[slot];
    const std::optional<std::uint32_t> alias = table().alias_of(slot);
    const bool wanted = (node == table().nodes() || table().node_of(slot) == node) && alias &&
                        (until == kForever || saturating_add(held.sent, held.shortest) <= until);
    if (!wanted) {
      ++at;
      continue;
    }
    const auto type = static_cast<ValueType>(held.type);
    ReadingsBuilder& rows = builders.try_emplace(type, type).first->second;
    switch (type) {
      case v1::VALUE_TYPE_INT64: rows.add(*alias, suppressed.time, static_cast<std::int64_t>(suppressed.value), suppressed.quality); break;
      case v1::VALUE_TYPE_UINT64: rows.add(*alias, suppressed.time, suppressed.value, suppressed.quality); break;
      case v1::VALUE_TYPE_BOOL: rows.add(*alias, suppressed.time, suppressed.value != 0, suppressed.quality); break;
      case v1::VALUE_TYPE_STRING:
      case v1::VALUE_TYPE_BYTES:
        rows.add(*alias, suppressed.time, std::string_view(suppressed.text), suppressed.quality);
        lane.text[slot] = suppressed.text;
        break;
      default: rows.add(*alias, suppressed.time, std::bit_cast<double>(suppressed.value), suppressed.quality); break;
    }
    held.value = suppressed.value;
    held.sent = suppressed.time;
    held.flags = kHeld;
    --dropped_;
    at = lane.suppressed.erase(at);
  }
  for (auto& [type, rows] : builders) {
    rows.set_historical(historical);
    out.readings(rows.columns());
  }
}

Status Deadband::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  const bool historical = watermark.lane() == v1::LANE_HISTORICAL;
  if (!lanes_[historical ? 1 : 0]->suppressed.empty())
    if (const auto node = table().find_node(watermark.node())) release(historical, *node, watermark.time(), out);
  return pass(frame, out);
}

Status Deadband::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  if (!lifecycle.online())
    if (const auto node = table().find_node(lifecycle.node()))
      for (const bool historical : {false, true}) release(historical, *node, kForever, out);
  return pass(frame, out);
}

Status Deadband::finish(Output& out) {
  for (const bool historical : {false, true}) release(historical, static_cast<std::uint32_t>(table().nodes()), kForever, out);
  return {};
}

std::vector<Counter> Deadband::counters() const {
  return {{"dropped", dropped_}, {"suppressed_by_shortest", blacked_out_}, {"rules_expired", expired_.size()}};
}

std::string Deadband::save() const {
  v1::DeadbandState state;
  state.set_policy_digest(policy_->digest());
  for (const auto& lane : lanes_) {
    v1::DeadbandLane& to = *state.add_lane();
    for (const Held& held : lane->held) {
      to.add_held(held.value);
      to.add_sent(held.sent);
      to.add_seen(held.seen);
      to.add_quality(held.quality);
      to.add_flags(held.flags);
      to.add_type(held.type);
    }
    for (const auto& [slot, text] : lane->text) (*to.mutable_text())[slot] = text;
    for (const auto& [slot, suppressed] : lane->suppressed) {
      v1::DeadbandPending& pending = (*to.mutable_pending())[slot];
      pending.set_value(suppressed.value);
      pending.set_text(suppressed.text);
      pending.set_time(suppressed.time);
      pending.set_quality(suppressed.quality);
    }
  }
  return state.SerializeAsString();
}

Status Deadband::load(std::string_view bytes) {
  v1::DeadbandState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.lane_size() != static_cast<int>(lanes_.size()))
    return Status::error(Code::bad_config, "the saved state is not a deadband's");
  if (state.policy_digest() != policy_->digest())
    notice("the state was saved under another policy: what is held stays, the new rules apply from here on");
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const v1::DeadbandLane& from = state.lane(static_cast<int>(i));
    *lanes_[i] = Lane{};
    Lane& lane = *lanes_[i];
    lane.held.resize(table().size());
    if (from.held_size() != static_cast<int>(lane.held.size()) || from.sent_size() != from.held_size() ||
        from.seen_size() != from.held_size() || from.quality_size() != from.held_size() || from.flags_size() != from.held_size() ||
        from.type_size() != from.held_size())
      return Status::error(Code::bad_config, "the saved state does not fit its series table");
    for (int slot = 0; slot < from.held_size(); ++slot) {
      Held& held = lane.held[static_cast<std::size_t>(slot)];
      held.value = from.held(slot);
      held.sent = from.sent(slot);
      held.seen = from.seen(slot);
      held.quality = from.quality(slot);
      held.flags = static_cast<std::uint8_t>(from.flags(slot));
      held.type = static_cast<std::uint8_t>(from.type(slot));
    }
    for (const auto& [slot, text] : from.text()) lane.text[slot] = text;
    for (const auto& [slot, pending] : from.pending())
      lane.suppressed[slot] = Suppressed{pending.value(), pending.text(), pending.time(), pending.quality()};
  }
  return {};
}

}  // namespace twinpipe
