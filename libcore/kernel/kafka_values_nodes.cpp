// SPDX-License-Identifier: Apache-2.0
// Kafka values: frames about nodes, and what no series owns.
#include "kernel/kafka_values.hpp"
#include "wire/names.hpp"

namespace twinpipe {

Status KafkaValues::barrier(std::uint32_t node) {
  return put_packed(KafkaRecord::Order::barrier, node == nodes_.node({}) ? KafkaRecord::kEveryNode : node);
}

Status KafkaValues::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output&) {
  const std::uint32_t node = nodes_.node(lifecycle.node());
  const std::string asset =
      lifecycle.asset().empty() ? std::string() : asset_key(lifecycle.site(), lifecycle.line(), lifecycle.asset());
  if (asset.empty()) {
    if (Status status = put_node(node); !status.ok()) return status;
  } else if (const auto at = asset_batches_.find(asset); at != asset_batches_.end()) {
    for (AssetBatch* batch : at->second)
      if (Status status = put(*batch); !status.ok()) return status;
  }
  if (Status status = put_packed(); !status.ok()) return status;
  nodes_.lifecycle(node, asset, frame.bytes);
  return barrier(node);
}

Status KafkaValues::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output&) {
  const std::uint32_t node = nodes_.node(watermark.node());
  nodes_.watermark(node, watermark.lane(), frame.bytes);
  if (node >= node_batches_.size()) node_batches_.resize(node + std::size_t{1});
  NodeBatches& at = node_batches_[node];
  // Both lanes tick at one time of the clock: the second is no cut of its own.
  const Nanos clock = watermark.clock() != 0 ? watermark.clock() : watermark.time();
  if (at.cut && clock >= at.cut_at && clock - at.cut_at < limits_.linger) return {};
  at.cut = true;
  at.cut_at = clock;
  return put_node(node);
}

void KafkaValues::on_open(Output&) {
  segment_policies_.clear();
  segment_nodes_.clear();
  facts_.clear();
  nodes_.open_segment();
}

/// From here on a policy is another one: what was made under the one before it leaves first.
Status KafkaValues::take_applied(const v1::Applied& applied) {
  if (Status status = put_all(); !status.ok()) return status;
  segment_policies_.take(applied);
  v1::Applied named = applied;
  named.clear_node();
  for (const std::string& node : segment_nodes_)
    if (concerns(applied, node)) named.add_node(node);
  if (named.node().empty()) return {};  // its series follow
  nodes_.applied(named);
  return barrier(nodes_.node({}));
}

/// The segment declares series of the node: its policies are about this node too.
Status KafkaValues::apply_to(const std::string& name) {
  if (!segment_nodes_.insert(name).second || segment_policies_.of(name).empty()) return {};
  const std::uint32_t node = nodes_.node(name);
  if (Status status = put_node(node); !status.ok()) return status;
  if (Status status = put_packed(); !status.ok()) return status;
  for (const auto& policy : segment_policies_.of(name)) {
    v1::Applied applied = policy->words();
    applied.add_node(name);
    nodes_.applied(applied);
  }
  return barrier(node);
}

/// What waits of the node, then its watermarks, which wait for the other nodes' that tick with it.
Status KafkaValues::put_node(std::uint32_t node) {
  if (node == nodes_.node({})) return put_all();
  if (node < node_batches_.size())
    for (AssetBatch* batch : node_batches_[node].batches)
      if (batch->node() == node)
        if (Status status = put(*batch); !status.ok()) return status;
  nodes_.release(node);
  return {};
}

Status KafkaValues::on_frame(const v1::Frame& frame, const FrameView& view, Output&) {
  if (view.kind == FrameKind::arrival) return {};  // the record's timestamp takes its place
  if (Status status = put_packed(); !status.ok()) return status;
  switch (view.kind) {
    case FrameKind::gap: {
      const std::uint32_t node = nodes_.node(frame.gap().node());
      if (Status status = put_node(node); !status.ok()) return status;
      if (Status status = put_packed(); !status.ok()) return status;
      return nodes_.gap(node, view.bytes) ? barrier(node) : put_unrouted(view);
    }
    case FrameKind::applied: return take_applied(frame.applied());
    case FrameKind::position: return put_all();
    case FrameKind::resume: return {};
    case FrameKind::aggregates:
    case FrameKind::spectra: return append_selected(frame);
    case FrameKind::exception: {
      const Slot& slot = slots_[table().slots()[frame.exception().series()]];
      Piece piece{view.kind, {slot.local}, {}};
      without_field(view.payload, v1::Exception::kSeriesFieldNumber, piece.rest);
      return append(*slot.batch, std::move(piece));
    }
    case FrameKind::twin: return append_of_asset(frame.twin().site(), frame.twin().line(), frame.twin().asset(), {}, view);
    case FrameKind::asset_facts: return append_facts(frame.asset_facts(), view);
    case FrameKind::reject: {
      const v1::Series& series = frame.reject().series();
      return append_of_asset(series.site(), series.line(), series.asset(),
                             series.sensor_size() > 0 ? series.sensor(0).name() : "", view);
    }
    case FrameKind::work_order:
      if (const auto levels = split_asset_key(frame.work_order().asset()))
        return append_of_asset((*levels)[0], (*levels)[1], (*levels)[2], {}, view);
      return put_unrouted(view);
    default: return put_unrouted(view);
  }
}

/// Frames of no single asset, and those of later versions, which name nothing that we can read: whole, to the dead letters.
Status KafkaValues::put_unrouted(const FrameView& frame) {
  if (open_.size() + frame.bytes.size() > limits_.max_value) return too_long("a frame", frame.bytes.size());
  value_ = open_;
  value_ += frame.bytes;
  ++unrouted_;
  return sink_->put({routes_->dead_letter(), 0, {}, value_, 0, 0, KafkaRecord::Order::data, nodes_.node({}), 0});
}

}  // namespace twinpipe
