// SPDX-License-Identifier: Apache-2.0
// WorkOrders: predictions become work orders, one an episode of an asset and failure mode, with their evidence.
//
// The stage makes orders, and knows which of them have no answer yet; whoever runs it delivers them and tells the answers. All of
// it depends on frames alone, so a replay makes the same orders under the same keys.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/feature_rows.hpp"
#include "kernel/stage.hpp"
#include "kernel/work_order_episode.hpp"
#include "kernel/work_order_message.hpp"
#include "kernel/work_order_shape.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

struct WorkOrderOptions {
  Nanos past_after = 3600 * kSecond;  // of a row: between its event time and when it became known
  bool keep = false;                  // predictions go on
  std::uint32_t max_assets = 4'000'000;
};

/// The external reference of an order, and its idempotency key: the same whoever makes it.
std::string work_order_key(std::string_view asset, std::string_view failure_mode, std::string_view episode);

class WorkOrders final : public Stage {
 public:
  /// The rules are those of the policy's section "work-order"; `shapes` was checked against them. Table and policy must outlive
  /// the stage.
  WorkOrders(const SeriesTable& table, const Policy& policy, std::vector<WorkOrderRule> rules, WorkOrderShapes shapes,
             WorkOrderOptions options);
  static Status check(const Policy& policy) {
    const auto rules = work_order_rules(policy);
    return rules.ok() ? Status{} : rules.status();
  }

  bool reads(FrameKind kind) const override { return kind == FrameKind::predictions || kind == FrameKind::work_order; }
  void on_open(Output& out) override { out.frame(rules_.applied()); }
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;

  /// Orders made since the last call, in order.
  std::vector<WorkOrderRequest> take_orders() { return std::exchange(orders_, {}); }
  bool has_orders() const { return !orders_.empty(); }
  /// Orders made whose answer was not told yet, by their key. Of those that have waited, `state` says so (spooled).
  const std::map<std::string, v1::WorkOrder>& unanswered() const { return unanswered_; }
  /// It waits, and that was told.
  void spooled(const std::string& key);
  /// Its answer was told. False: nobody waits for it.
  bool answered(const std::string& key) { return unanswered_.erase(key) > 0; }

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  /// One failure mode of an asset.
  struct Track {
    std::uint32_t mode = 0;
    std::uint32_t rule = 0;         // kNone: none applies
    Nanos rule_until = kBeginning;  // then another may
    WorkOrderEpisode episode;
    std::string key;  // of its last order
  };
  struct Asset {
    std::vector<Track> tracks;
    Nanos serviced = kBeginning;  // by work that named no failure mode
  };
  static constexpr std::uint32_t kNone = ~0U;

  Status take_predictions(const v1::Predictions& predictions, Output& out);
  void take_completed(const v1::WorkOrder& order);
  Result<std::uint32_t> asset_number(const std::string& entity);
  std::uint32_t mode_number(const std::string& name);
  Track& track_of(std::uint32_t asset, std::uint32_t mode);
  void follow_rule(std::string_view entity, Track& track, Nanos at, Output& out);
  void make_order(const v1::Predictions& predictions, int row, Track& track);

  RuleBook rules_;
  std::vector<WorkOrderRule> made_;  // in the order of the policy's
  const WorkOrderShapes shapes_;
  const WorkOrderOptions options_;
  EntityTable entities_;
  std::vector<Asset> assets_;  // by number
  std::vector<std::string> modes_;
  std::vector<WorkOrderRequest> orders_;
  std::map<std::string, v1::WorkOrder> unanswered_;
  std::uint64_t fired_ = 0, stale_ = 0, past_ = 0, ordered_ = 0, completed_ = 0;
};

}  // namespace twinpipe
