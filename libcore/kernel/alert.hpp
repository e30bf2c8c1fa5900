// SPDX-License-Identifier: Apache-2.0
// Alert: which conditions of a stream somebody must be told of, once when they begin and once when they are over.
//
// A condition of a subject (a sensor's alarm, an asset's death) is active or not, as the frames say, and told or not. Where the
// two differ long enough, on event time, there is news. So an episode is one message and one recovery, however often the frames
// repeat themselves, and the messages of a subject alternate.
//
// The past is quiet. A node is in the past while its own event time lies further behind the time at which it became known than
// `past_after`. Nothing is told of it until it has caught up; what began and ended on the way never is, and what still holds is
// told once. A node that comes no nearer for `past_after` has nothing to catch up with: it is dead or away now, or its clock is
// slow.
//
// News waits for company until the next Watermark of any node, then what one rule says of one node (or site) is one message.
// Everything depends on frames alone, so a replay makes the same messages under the same ids.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/alert_message.hpp"
#include "kernel/event_clock.hpp"
#include "kernel/stage.hpp"

namespace twinpipe::v1 {
class AlertState;
}

namespace twinpipe {

struct AlertOptions {
  Nanos past_after = 900 * kSecond;
  Nanos remind = 0;  // while it holds, on the source's clock; 0: never
};

class Alert final : public Stage {
 public:
  /// The rules are those of the policy's section "alert". Table and policy must outlive the stage.
  Alert(const SeriesTable& table, const Policy& policy, std::vector<AlertRule> rules, AlertOptions options);
  ~Alert() override;
  static Status check(const Policy& policy) {
    const auto rules = alert_rules(policy);
    return rules.ok() ? Status{} : rules.status();
  }

  bool reads(FrameKind kind) const override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// Arrival, Exception, Reject, Twin.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output& out) override;

  enum class Flush {
    due,  // what has waited as long as its rule says
    all,
  };
  /// For streams without Watermarks: news leaves at Positions too, and when the input stays quiet.
  void flush(Flush which);
  /// Messages since the last call, in order.
  std::vector<AlertMessage> take_messages() { return std::exchange(messages_, {}); }
  bool has_messages() const { return !messages_.empty(); }

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~0U;
  struct Node;
  struct AssetState;
  struct Sensor;
  struct Watch;
  struct Pending;

  // alert_subjects.cpp: who is who, and which rules apply
  Index node_index(const std::string& name);
  Index asset_index(const std::string& site, const std::string& line, const std::string& asset, const std::string& node);
  Index sensor_index(Index asset, const std::string& name);
  void configure_asset(Index asset);
  void configure_sensor(Index sensor);
  void follow_rules(Index node);
  Nanos next_expiry(Nanos at) const;
  bool begin_session(Index node, const v1::Session& session);
  Index rule_of(Condition on, Index subject) const;

  // alert.cpp: frames
  template <class Text>
  void see_values(const Columns& columns, const Text& text);
  void see_value(Index sensor, Nanos time, std::string_view value);
  Status see_twin(const v1::Twin& twin);
  void see_twin_metric(const v1::Twin& twin, const v1::TwinMetric& metric, Index sensor);
  void see_reject(const v1::Reject& reject);
  void see_exception(const v1::Exception& exception);

  // alert_episodes.cpp: from conditions to news
  Nanos known() const { return known_ != kBeginning ? known_ : newest_tick_; }
  void hear(Index node);
  bool in_past(const Node& node) const;
  void observe(Condition on, Index subject, const std::string& detail, bool active, Nanos time, std::string_view value = {});
  void change(Index watch, bool active, Nanos time, std::string_view value);
  bool settle(Index watch);
  void settle_or_attend(Index watch);
  void settle_node(Index node);
  void settle_all();
  bool lasted(const Watch& watch, Nanos until, Nanos delay) const;
  Index make_watch(Condition on, Index subject, const std::string& detail);
  void release(Index watch);
  std::vector<Index>& watches_of(Condition on, Index subject);
  Index asset_of(const Watch& watch) const;

  // alert_news.cpp: from news to messages
  void queue(AlertPhase phase, Index watch);
  void remind();
  void send(const std::function<bool(const Pending&)>& which);
  AlertMember member(AlertPhase phase, const Watch& watch) const;

  // alert_state.cpp
  bool load_subjects(const v1::AlertState& state);
  bool load_watches(const v1::AlertState& state);
  Index rule_named(const std::string& name) const;

  const Policy* policy_;
  const std::vector<AlertRule> rules_;
  const AlertOptions options_;
  std::vector<Nanos> expiries_;  // of temporary rules, sorted
  std::set<Index> expired_;      // rules that were said to be

  std::vector<Node> nodes_;
  std::vector<AssetState> assets_;
  std::vector<Sensor> sensors_;
  std::vector<Watch> watches_;  // conditions that are active or told; others have none
  std::vector<Index> free_;     // unused places in it
  std::unordered_map<std::string, Index> node_index_, asset_index_;
  std::vector<Index> slot_sensor_;     // by slot
  std::vector<std::uint8_t> watched_;  // by slot: an alarm rule looks at its readings
  std::set<Index> restless_;           // nodes with watches to look at
  std::set<std::pair<Nanos, Index>> reminders_;
  std::vector<Pending> pending_;
  std::vector<AlertMessage> messages_;
  Nanos known_ = kBeginning;  // the source's clock
  Nanos newest_tick_ = kBeginning;
  Nanos settled_at_ = kBeginning;
  std::string text_;  // reused
  std::uint64_t raised_ = 0, recovered_ = 0, reminded_ = 0, sent_ = 0, late_ = 0;
};

}  // namespace twinpipe
