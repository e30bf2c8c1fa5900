// SPDX-License-Identifier: Apache-2.0
// The digital twin: the last value of every metric on event time, and whether it can be believed.
//
// Order. Within a session the greatest event time wins; a newer session wins over an older one whatever their clocks say,
// so a node whose clock stepped back is right at once. Same time: the greater (seq, index) wins, without those columns the
// later row. So any permutation or duplication of a session's readings gives the same twin.
//
// Freshness. A sensor is stale when its node's watermark has passed its last reading by more than the SLO, dead when its
// node or device died, blind when our own link is lost, never seen before its first reading. On-change sensors are as
// fresh as their node. Deaths are told at once, everything else at the node's next tick. A node that sends no Watermarks
// gets ticks from its own readings, the allowed lateness behind the newest.
//
// Registry. Facts are those in force at the twin's as_of. An asset is retired when it left the registry and is silent, or when
// it was gone for as long as the options say: a last twin says so, a tombstone, and snapshots leave it out. If it comes back, it
// is told again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/fact_spans.hpp"
#include "kernel/stage.hpp"
#include "kernel/twin_encoder.hpp"
#include "policy/in_force.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

/// Which Twin frames go out.
enum class TwinChanges { all, state, none };

struct TwinOptions {
  TwinChanges changes = TwinChanges::all;
  Nanos default_slo = 0;  // of series that no freshness rule matches; 0: none
  Nanos lateness = 600 * kSecond;
  Nanos retire_after = 0;  // on the clock of the stream's ticks; 0: never
};

class TwinFold final : public Stage {
 public:
  /// `policy`: its section "freshness" has the SLOs. Table and policy must outlive the stage.
  TwinFold(const SeriesTable& table, const Policy& policy, TwinOptions options);
  ~TwinFold() override;

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// Applied: which policies shaped what follows. Aggregates and Spectra of waveforms: they count as sightings. AssetFacts and
  /// Rejects.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

  /// The twin of every asset that is not retired, in order of their names; the message is only valid during the call.
  void snapshot(const std::function<void(const v1::Twin&)>& take);

 private:
  struct Metric;
  struct Node;
  struct AssetState;
  struct RejectLog;
  struct Rejected;
  struct Retirement;

  // twin_fold.cpp: readings
  template <class Values>
  void fold(const Columns& columns, const Values& values, Output& out);
  void accepted(std::uint32_t slot);
  void sight(std::uint32_t slot, Nanos time, std::uint32_t quality, bool historical, Output& out);
  template <class Rows>
  Status sight_all(const Rows& rows, const google::protobuf::RepeatedField<Nanos>& times, Output& out);
  void touch(std::uint32_t asset, bool state_changed);

  // twin_liveness.cpp: sessions, freshness
  std::uint32_t node_index(const std::string& name);
  std::uint32_t session_ordinal(Node& node, bool has_session, const v1::Session& session);
  void begin_session(Node& node, std::uint32_t ordinal);
  v1::Freshness freshness_of(const Metric& metric) const;
  void refresh(std::uint32_t slot);
  void refresh_asset(std::uint32_t asset);
  void configure(std::uint32_t slot, Nanos at);
  void expire(Node& node);
  void tick_by_reading(std::uint32_t slot, Nanos time, Output& out);
  void tick(Node& node, Nanos watermark, Output& out);
  void tell_expired(Output& out);
  const AssetState* find_asset(const v1::Lifecycle& lifecycle, std::uint32_t& asset) const;

  // twin_registry.cpp: facts, retirement, rejects
  void take_facts(const v1::AssetFacts& facts, Output& out);
  void renew_facts(std::uint32_t asset);
  void renew_facts(Node& node);
  Nanos as_of(std::uint32_t asset);
  bool is_gone(const AssetState& asset) const;
  void notice_gone(std::uint32_t asset);
  void retire(std::uint32_t asset, bool retired);
  void schedule_retirement(std::uint32_t asset);
  bool is_retired(std::uint32_t asset);
  bool is_silent_since(const AssetState& asset, Nanos time) const;
  void raise_clock(const v1::Watermark& watermark, Output& out);
  void take_reject(const v1::Reject& reject);
  Rejected rejected(const Metric& metric) const;

  // twin_state.cpp: frames, state
  void rank(Node& node);
  bool is_told(std::uint32_t asset);
  void emit(Node& node, Output& out);
  void emit_asset(std::uint32_t asset, Output& out);
  void sort_by_name(std::vector<std::uint32_t>& assets) const;
  const TwinLayout& layout_of(std::uint32_t asset);
  FrameView encode(std::uint32_t asset, bool retired);

  RuleBook rules_;
  TwinOptions options_;
  std::vector<Metric> metrics_;      // by slot
  std::vector<std::string> texts_;   // values of string series, by Metric::value
  std::vector<AssetState> assets_;   // by the table's asset number
  std::vector<std::uint8_t> dirty_;  // by asset, apart because every reading looks at it: 1 value, 2 state changed
  std::vector<bool> watched_;        // by asset: facts to come or retirement may change its state without more ado
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::uint32_t> node_index_;
  std::unordered_map<std::string, std::uint32_t> asset_index_;  // by asset key
  PoliciesInForce applied_;
  std::unordered_map<std::string, FactSpans> early_facts_;  // by asset key: of assets that are not declared yet
  std::vector<RejectLog> rejects_;                          // by Metric::rejects − 1
  std::vector<Retirement> retirements_;                     // a heap; entries may be out of date
  Nanos clock_ = kBeginning;                                // greatest of all ticks, on the clock of their sources
  TwinEncoder encoder_;
  std::uint64_t late_ = 0, past_ = 0, duplicates_ = 0, conflicts_ = 0, stale_ = 0, foreign_deaths_ = 0, rejected_ = 0,
                retired_ = 0;
};

}  // namespace twinpipe
