// SPDX-License-Identifier: Apache-2.0
// Rows of features: functions of an asset's series over windows of event time, one row an asset at each multiple of a step.
//
// A row as of T says what happened in [T − window, T): an event exactly at T belongs to the next row; aggregates and spectra
// belong to the row as of their end. It leaves when the live watermark of the asset's node has passed T, and is known at the
// source's clock of that moment, the greatest Arrival or clock of a Watermark so far. Late inputs raise the revision of the rows
// that they change, as far back as the lateness reaches; those leave with the next step.
//
// Inputs lie in panes of one step, kept as they came until the lateness is over. Panes become sums that merge (feature_sums), and
// windows are merged from blocks of panes (sliding_panes). So a row is a pure function of the inputs within its windows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/feature_definitions.hpp"
#include "kernel/feature_sums.hpp"
#include "kernel/stage.hpp"
#include "policy/in_force.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

namespace v1 {
class FeaturesAsset;
class FeaturesSource;
}  // namespace v1

struct FeaturesOptions {
  bool keep = false;            // forward the data, too
  bool known_at_as_of = false;  // for streams that do not say when anything arrived
  std::size_t max_open = 4096;  // steps of one series with data that wait for their watermark
};

class Features final : public Stage {
 public:
  /// Table, policy and definitions must outlive the stage; `definitions` are those of the policy.
  Features(const SeriesTable& table, const Policy& policy, const FeatureDefinitions& definitions, FeaturesOptions options);
  ~Features() override;

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  /// Errors (bad_data): more open steps than the options allow.
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  /// Errors (bad_data): rows are due and nothing has said when anything arrived.
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// Arrival, Aggregates, Spectra, Exception, Gap, AssetFacts, WorkOrder, Applied, Resume.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  using Id = std::uint32_t;
  struct RawPane;
  struct Source;
  struct Track;
  struct PairTrack;
  struct Cell;
  struct AssetState;
  struct Node;
  struct Head;
  struct Feed;
  enum class Kind : std::uint8_t { number, state, presence, row };

  // features.cpp: what comes in
  Status keep(const FrameView& frame, Output& out) const;
  template <class Value>
  Status take(const Columns& columns, const Value& value);
  Status take_slowly(const Columns& columns, std::size_t row, double number);
  template <class Rows>
  Status take_rows(const Rows& rows);
  Status insert(AssetState& asset, Source& source, const FeaturePoint& point, bool replaces);
  RawPane& raw_pane(Source& source, std::int64_t pane);
  void open_head(const AssetState& asset, const Source& source, RawPane& raw);

  // features_bind.cpp: which features an asset has, and what they need
  Id node_named(const std::string& name);
  Id asset_named(const std::string& key);
  void bind(Id asset);
  void bind_cell(AssetState& asset, Id slot, const FeatureDefinition& definition, Nanos at);
  Id source_for(AssetState& asset, Id slot, const FeatureDefinition& definition);
  template <class Panes>
  bool fit(Panes& panes, std::int64_t reach) const;
  Id track_for(AssetState& asset, Id source, v1::Weighting weighting, Nanos hold, Nanos period);
  void carry_over(AssetState& asset, std::vector<Source>& sources, std::vector<Track>& tracks, std::vector<PairTrack>& pairs);
  void bind_cells(AssetState& asset, Nanos at);
  void bind_correlation(AssetState& asset, Id slot, const FeatureDefinition& definition, Nanos at, Cell& cell);
  void connect(Id asset);
  void bind_all(Node& node);
  void renew(Node& node, Output& out);
  std::string class_of(const AssetState& asset, Nanos at) const;

  // features_source.cpp: what the source says of itself
  void begin_session(Node& node, const v1::Session& session);
  void settle_session(Node& node, Nanos watermark);
  void restart(AssetState& asset, Nanos now);
  static void remember(Nanos time, std::vector<Nanos>& times);
  void break_off(AssetState& asset, Nanos at);
  void take_gap(const v1::Gap& gap);
  void take_facts(const v1::AssetFacts& facts);
  void service(AssetState& asset, Nanos at);
  void begin_empty();

  // features_steps.cpp: panes close
  SeriesSums fold(const Source& source, Track& track, std::int64_t pane, std::int64_t closed);
  void fold_state(const Source& source, Track& track, std::int64_t pane, SeriesSums& sums);
  PairSums fold(const AssetState& asset, const PairTrack& pair, std::int64_t pane) const;
  void close(AssetState& asset, std::int64_t pane);
  void draw_line(AssetState& asset, Track& track, std::int64_t pane);
  void trim(AssetState& asset, Source& source);
  void refold(AssetState& asset);
  static void changed(AssetState& asset, std::int64_t from, std::int64_t to);
  FeaturePoint before(const Source& source, std::int64_t pane) const;
  FeaturePoint known_before(const Source& source, std::int64_t pane) const;

  // features_rows.cpp: rows leave
  Status advance(Node& node, Output& out);
  void correct(Node& node, Output& out);
  void step(Node& node, std::int64_t pane, Output& out);
  std::int64_t next_pane(const Node& node, std::int64_t last) const;
  bool begun(const AssetState& asset, std::int64_t last) const;
  void add_row(AssetState& asset, std::int64_t pane, Output& out);
  double value_of(const AssetState& asset, const Cell& cell, std::int64_t pane, double& known);
  double series_value(const AssetState& asset, const Cell& cell, std::int64_t pane, double& known);
  double cycles(const AssetState& asset, const Track& track, const Source& source, Nanos as_of, double& known) const;
  void write_rows(Output& out);

  // features_state.cpp
  static void save_source(const Source& source, v1::FeaturesSource& to);
  static void save_asset(const AssetState& asset, v1::FeaturesAsset& to);
  bool load_source(const v1::FeaturesSource& from, Source& source);
  bool load_asset(const v1::FeaturesAsset& from, AssetState& asset);
  bool load_panes_of(const v1::FeaturesAsset& from, AssetState& asset);

  std::int64_t pane_of(Nanos time) const { return time / definitions_->step; }
  Nanos start_of(std::int64_t pane) const { return pane * definitions_->step; }

  RuleBook rules_;
  const FeatureDefinitions* definitions_;
  FeaturesOptions options_;
  double step_seconds_;
  std::vector<AssetState> assets_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, Id> asset_index_, node_index_;
  std::vector<Id> asset_of_;              // by the table's asset number
  std::vector<Head> heads_;               // by slot: where the next reading goes
  std::vector<std::vector<Feed>> feeds_;  // by slot
  PoliciesInForce upstream_;              // of deadbands
  Nanos known_at_ = kBeginning;           // the newest Arrival, or clock of a Watermark
  v1::Frame frame_;                       // rows, until the end of the handler
  std::vector<double> values_;            // of a row
  std::vector<std::unique_ptr<RawPane>> spare_;
  struct {
    const Track* track = nullptr;
    std::int64_t panes = 0;
    SeriesSums sums;
  } window_;  // the last one that was merged for the row at hand
  bool loaded_ = false, told_late_ = false, told_deltas_ = false;

  std::uint64_t rows_ = 0, corrections_ = 0, late_ = 0, excluded_ = 0, deltas_ignored_ = 0, steps_skipped_ = 0, ambiguous_ = 0;
};

}  // namespace twinpipe
