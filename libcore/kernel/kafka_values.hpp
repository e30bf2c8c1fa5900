// SPDX-License-Identifier: Apache-2.0
// Frames in, Kafka records out: what goes to which topic-partition, under which key, cut where.
//
// A record's key is its asset, its value one unsealed segment that can be read alone (asset_batch.hpp), its partition the one
// that Java's producers choose. Readings of an asset wait for company until there are `batch` of them, until the value is full,
// until a tick of their node (Watermark) at least `linger` after the one before on the tick's own clock, or until a Position, a
// Lifecycle, a Gap, a new policy or a new birth comes. Every cut is thus made by what stands in the input, and the same frames
// give the same values however they were cut into reads. Node frames: node_frames.hpp. Where many hosts
// write one topic, a policy is in force for the nodes of its own host: Applied frames leave with their names.
//
// Laws: records of one key have its readings in the order of the input; every reading is in exactly one record; no value is
// longer than `max_value`.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/asset_batch.hpp"
#include "kernel/kafka_record.hpp"
#include "kernel/node_frames.hpp"
#include "kernel/routes.hpp"
#include "kernel/stage.hpp"

namespace twinpipe {

struct ValueLimits {
  std::uint32_t batch = 500;                       // readings in a value
  std::size_t max_value = std::size_t{900} << 10;  // bytes
  std::size_t buffer = std::size_t{64} << 20;      // bytes waiting in all assets: more than that leaves at once
  Nanos linger = 0;
};

class KafkaValues final : public Stage {
 public:
  /// `partitions`: of each of the routes' topics. `producer` goes into each value's Open. References must outlive the stage.
  KafkaValues(const SeriesTable& table, const Routes& routes, std::vector<std::int32_t> partitions, ValueLimits limits,
              std::string_view producer, RecordSink& sink);

  bool reads(FrameKind) const override { return true; }
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  /// Waveforms longer than a value are split where the first sample's time is a whole number of nanoseconds, if there is such a
  /// place.
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output&) override { return put_all(); }
  std::vector<Counter> counters() const override;

  /// Puts everything that waits.
  Status put_all();
  /// True while something waits.
  bool waiting() const { return waiting_ > 0 || nodes_.packed(); }

 private:
  struct Slot {
    AssetBatch* batch = nullptr;
    std::uint32_t local = 0;
    std::uint32_t used_in = 0;  // the batch's value that declares it already
  };
  struct NodeBatches {
    std::vector<AssetBatch*> batches;
    Nanos cut_at = 0;  // the tick's clock at the last cut
    bool cut = false;
  };

  AssetBatch& batch_of(std::uint32_t topic, const std::string& asset);
  bool has_batch(std::uint32_t topic, const std::string& asset) const;
  void publish_from(AssetBatch& batch, std::uint32_t node);
  Status place_series(std::uint32_t slot, const std::string& header, const std::string& asset, std::uint32_t node);
  template <class Value>
  Status append_rows(const Columns& columns, const Value& value);
  Status make_room(AssetBatch& batch, std::uint32_t slot, std::size_t text);
  Status append(AssetBatch& batch, Piece piece);
  Status append_selected(const v1::Frame& frame);
  Status append_split(const v1::Waveform& waveform, AssetBatch& batch, std::uint32_t local);
  Status append_of_asset(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor,
                         const FrameView& frame);
  Status append_facts(const v1::AssetFacts& facts, const FrameView& frame);
  Status append_known_facts(AssetBatch& batch);
  Status put_unrouted(const FrameView& frame);
  Status take_applied(const v1::Applied& applied);
  Status apply_to(const std::string& node);
  Status put(AssetBatch& batch);
  Status put_node(std::uint32_t node);
  Status put_packed(KafkaRecord::Order order = KafkaRecord::Order::tick, std::uint32_t node = KafkaRecord::kEveryNode);
  Status barrier(std::uint32_t node);
  Status too_long(const std::string& what, std::size_t size) const;

  const Routes* routes_;
  std::vector<std::int32_t> partitions_;
  ValueLimits limits_;
  std::string open_;
  RecordSink* sink_;
  NodeFrames nodes_;
  PoliciesInForce segment_policies_;     // as the segment has them
  std::set<std::string> segment_nodes_;  // that it declares
  RowPool pool_;
  std::deque<AssetBatch> batches_;
  std::unordered_map<std::string, AssetBatch*> batch_index_;
  std::unordered_map<std::string, std::vector<AssetBatch*>> asset_batches_;
  std::unordered_map<std::string, std::map<Nanos, std::string>> facts_;  // AssetFacts by asset and from when, of the segment
  std::vector<NodeBatches> node_batches_;
  std::vector<Slot> slots_;
  std::size_t waiting_ = 0;
  std::string value_;
  std::uint64_t records_ = 0, bytes_ = 0, dead_letters_ = 0, unrouted_ = 0;
};

}  // namespace twinpipe
