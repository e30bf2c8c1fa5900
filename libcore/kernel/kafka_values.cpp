// SPDX-License-Identifier: Apache-2.0
// Frames in, Kafka records out.
#include "kernel/kafka_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "kernel/murmur2.hpp"
#include "kernel/select_rows.hpp"
#include "kernel/waveform_split.hpp"
#include "wire/names.hpp"
#include "wire/output.hpp"

namespace twinpipe {
namespace {

std::string open_frame(std::string_view producer) {
  Output out;
  out.open(producer, false);
  return std::string(out.pending());
}

constexpr std::size_t kRoomForOpen = 64;

}  // namespace

KafkaValues::KafkaValues(const SeriesTable& table, const Routes& routes, std::vector<std::int32_t> partitions, ValueLimits limits,
                         std::string_view producer, RecordSink& sink)
    : Stage(table),
      routes_(&routes),
      partitions_(std::move(partitions)),
      limits_(limits),
      open_(open_frame(producer)),
      sink_(&sink),
      nodes_(partitions_, open_, limits.max_value) {}

// ---- declarations ---------------------------------------------------------------------------------------------------

AssetBatch& KafkaValues::batch_of(std::uint32_t topic, const std::string& asset) {
  AssetBatch*& batch = batch_index_[fmt::format("{} {}", topic, asset)];
  if (batch == nullptr) {
    batch = &batches_.emplace_back(pool_, topic, partition_of_key(asset, partitions_[topic]), asset);
    asset_batches_[asset].push_back(batch);
  }
  return *batch;
}

bool KafkaValues::has_batch(std::uint32_t topic, const std::string& asset) const {
  const auto batches = asset_batches_.find(asset);
  return batches != asset_batches_.end() &&
         std::ranges::any_of(batches->second, [topic](const AssetBatch* batch) { return batch->topic() == topic; });
}

/// The batch's partition holds the node's series from now on.
void KafkaValues::publish_from(AssetBatch& batch, std::uint32_t node) {
  if (batch.node() == node) return;
  batch.set_node(node);
  if (node >= node_batches_.size()) node_batches_.resize(node + std::size_t{1});
  node_batches_[node].batches.push_back(&batch);
  nodes_.hold(node, batch.key(), batch.topic(), batch.partition());
}

Status KafkaValues::on_series(const std::vector<Declared>& declared, const FrameView&, Output&) {
  if (Status status = put_packed(); !status.ok() || declared.empty()) return status;
  const Asset& asset = table().asset_of(declared[0].slot);
  v1::Series frame = table().declaration(declared[0].slot, 0);
  frame.clear_sensor();
  const std::string header = frame.SerializeAsString();
  const std::string key = asset_key(asset.site, asset.line, asset.asset);
  const std::uint32_t node = nodes_.node(table().node_name(asset.node));
  if (Status status = apply_to(table().node_name(asset.node)); !status.ok()) return status;
  for (const Declared& one : declared)
    if (Status status = place_series(one.slot, header, key, node); !status.ok()) return status;
  return {};
}

/// Gives a new series its batch, and brings the declaration up to date: what waits was declared otherwise, so it leaves first.
Status KafkaValues::place_series(std::uint32_t slot, const std::string& header, const std::string& key, std::uint32_t node) {
  if (slot >= slots_.size()) slots_.resize(slot + std::size_t{1});
  Slot& at = slots_[slot];
  v1::Sensor sensor = table().series(slot).sensor;
  bool is_new = false;
  if (at.batch == nullptr) {
    const Asset& asset = table().asset_of(slot);
    const std::uint32_t topic = routes_->topic_of(asset.site, asset.line, asset.asset, sensor.name());
    is_new = !has_batch(topic, key);
    at.batch = &batch_of(topic, key);
    at.local = at.batch->add_series();
  }
  sensor.clear_alias();
  std::string body = sensor.SerializeAsString();
  AssetBatch& batch = *at.batch;
  if (batch.header_differs(header)) {
    if (Status status = put(batch); !status.ok()) return status;
    batch.set_header(header);
    publish_from(batch, node);
    if (Status status = put_packed(); !status.ok()) return status;
  }
  if (!batch.differs(at.local, body)) return {};
  // Series announced for the first time wait together; a changed one must not declare what came before it.
  if (batch.rows() > 0 || batch.header_size() + batch.size() + body.size() + kRoomForOpen + open_.size() > limits_.max_value)
    if (Status status = put(batch); !status.ok()) return status;
  if (batch.header_size() + body.size() + kRoomForOpen + open_.size() > limits_.max_value)
    return too_long(fmt::format("the declaration of {}", table().name(slot)), body.size());
  const std::size_t before = batch.size();
  batch.declare(at.local, std::move(body));
  waiting_ += batch.size() - before;
  return is_new ? append_known_facts(batch) : Status{};
}

// ---- data -----------------------------------------------------------------------------------------------------------

/// The value that waits has room for one more reading of the series, and declares it.
Status KafkaValues::make_room(AssetBatch& batch, std::uint32_t number, std::size_t text) {
  Slot& slot = slots_[number];
  const std::size_t room = limits_.max_value - open_.size() - kRoomForOpen;
  if (batch.size() + batch.header_size() + batch.cost(slot.local, text) + kRoomForOpen > room) {
    if (Status status = put(batch); !status.ok()) return status;
    if (batch.header_size() + batch.cost(slot.local, text) + kRoomForOpen > room)
      return too_long(fmt::format("a reading of {}", table().name(number)), text);
  }
  const std::size_t before = batch.size();
  batch.use(slot.local);
  waiting_ += batch.size() - before;
  slot.used_in = batch.value();
  return {};
}

template <class Value>
Status KafkaValues::append_rows(const Columns& columns, const Value& value) {
  // Far enough ahead for the line to have come, near enough for it to be there still.
  constexpr std::size_t kHeadAhead = 16, kRowAhead = 6;
  const RowKind kind = kind_of(columns);
  const std::size_t n = columns.rows(), room = limits_.max_value - open_.size() - 4 * kRoomForOpen;
  const bool text = is_text(kind.type);
  for (std::size_t i = 0; i < n; ++i) {
    if (i + kHeadAhead < n) slots_[columns.slot[i + kHeadAhead]].batch->prefetch_head();
    if (i + kRowAhead < n) slots_[columns.slot[i + kRowAhead]].batch->prefetch_row();
    Slot& slot = slots_[columns.slot[i]];
    AssetBatch& batch = *slot.batch;
    Row row;
    row.time = columns.time[i];
    row.local = slot.local;
    row.quality = columns.quality_at(i);
    if (kind.has_seq) {
      row.seq = columns.seq[i];
      row.index = columns.index.empty() ? 0 : columns.index[i];
    }
    const std::string_view words = text ? columns.texts[i] : std::string_view();
    if (slot.used_in != batch.value() || batch.size() + AssetBatch::kRowCost + words.size() > room)
      if (Status status = make_room(batch, columns.slot[i], words.size()); !status.ok()) return status;
    const std::size_t before = batch.size();
    if (text) {
      batch.append_text(kind, row, words);
    } else {
      row.value = value(i);
      batch.append(kind, row);
    }
    waiting_ += batch.size() - before;
    if (batch.topic() == routes_->dead_letter()) ++dead_letters_;
    if (batch.rows() >= limits_.batch)
      if (Status status = put(batch); !status.ok()) return status;
  }
  return waiting_ > limits_.buffer ? put_all() : Status{};
}

Status KafkaValues::on_readings(const Columns& columns, const FrameView&, Output&) {
  if (Status status = put_packed(); !status.ok()) return status;
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64:
      return append_rows(columns, [&](std::size_t i) { return static_cast<std::uint64_t>(columns.ints[i]); });
    case v1::VALUE_TYPE_UINT64: return append_rows(columns, [&](std::size_t i) { return columns.uints[i]; });
    case v1::VALUE_TYPE_BOOL: return append_rows(columns, [&](std::size_t i) { return std::uint64_t{columns.bools[i]}; });
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: return append_rows(columns, [](std::size_t) { return std::uint64_t{0}; });
    default: return append_rows(columns, [&](std::size_t i) { return std::bit_cast<std::uint64_t>(columns.doubles[i]); });
  }
}

Status KafkaValues::append(AssetBatch& batch, Piece piece) {
  const std::size_t room = limits_.max_value - open_.size() - kRoomForOpen;
  if (batch.size() + batch.header_size() + batch.cost(piece) > room) {
    if (Status status = put(batch); !status.ok()) return status;
    if (batch.header_size() + batch.cost(piece) > room) return too_long("a frame of " + batch.key(), piece.rest.size());
  }
  const std::size_t before = batch.size();
  batch.append(std::move(piece));
  waiting_ += batch.size() - before;
  if (batch.topic() == routes_->dead_letter()) ++dead_letters_;
  return waiting_ > limits_.buffer ? put_all() : Status{};
}

Status KafkaValues::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output&) {
  if (Status status = put_packed(); !status.ok()) return status;
  AssetBatch& batch = *slots_[slot].batch;
  const std::uint32_t local = slots_[slot].local;
  if (open_.size() + batch.header_size() + batch.declaration_size(local) + frame.payload.size() + 256 > limits_.max_value)
    return append_split(waveform, batch, local);
  Piece piece{FrameKind::waveform, {local}, {}};
  piece.rest.reserve(frame.payload.size());
  without_field(frame.payload, v1::Waveform::kSeriesFieldNumber, piece.rest);
  return append(batch, std::move(piece));
}

Status KafkaValues::append_split(const v1::Waveform& waveform, AssetBatch& batch, std::uint32_t local) {
  const std::size_t taken = open_.size() + batch.header_size() + batch.declaration_size(local) + 256;
  const std::size_t width = waveform.float_sample_size() > 0 ? sizeof(float) : sizeof(double);
  if (taken + width > limits_.max_value) return too_long("a waveform of " + batch.key(), taken);
  const std::size_t most = (limits_.max_value - taken) / width;
  for (WaveformSplit split(waveform, most); !split.done();) {
    v1::Waveform part = split.next();
    part.clear_series();
    if (Status status = append(batch, Piece{FrameKind::waveform, {local}, part.SerializeAsString()}); !status.ok()) return status;
  }
  return {};
}

/// Aggregates, Spectra: the rows of each asset and topic go their own way, in the frame's order.
Status KafkaValues::append_selected(const v1::Frame& frame) {
  const bool spectra = frame.has_spectra();
  const google::protobuf::Message& whole =
      spectra ? static_cast<const google::protobuf::Message&>(frame.spectra()) : frame.aggregates();
  const auto& series = spectra ? frame.spectra().series() : frame.aggregates().series();
  std::vector<std::pair<AssetBatch*, std::vector<std::uint32_t>>> parts;
  std::map<AssetBatch*, std::size_t> part_of;
  for (int row = 0; row < series.size(); ++row) {
    AssetBatch* batch = slots_[table().slots()[series.Get(row)]].batch;
    const auto [at, is_new] = part_of.try_emplace(batch, parts.size());
    if (is_new) parts.push_back({batch, {}});
    parts[at->second].second.push_back(static_cast<std::uint32_t>(row));
  }
  for (auto& [batch, rows] : parts) {
    Piece piece{spectra ? FrameKind::spectra : FrameKind::aggregates, {}, {}};
    for (const std::uint32_t row : rows) piece.locals.push_back(slots_[table().slots()[series.Get(static_cast<int>(row))]].local);
    const std::unique_ptr<google::protobuf::Message> part(whole.New());
    if (Status status = select_rows(whole, static_cast<std::size_t>(series.size()), rows, *part); !status.ok()) return status;
    without_field(part->SerializeAsString(), v1::Aggregates::kSeriesFieldNumber, piece.rest);
    if (Status status = append(*batch, std::move(piece)); !status.ok()) return status;
  }
  return {};
}

/// Frames that speak of an asset by its name. Those about the whole asset have an empty sensor: '+' and '*' match it.
Status KafkaValues::append_of_asset(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor,
                                    const FrameView& frame) {
  AssetBatch& batch = batch_of(routes_->topic_of(site, line, asset, sensor), asset_key(site, line, asset));
  return append(batch, Piece{frame.kind, {}, std::string(frame.payload)});
}

/// What is known of an asset is known in every topic that holds series of it, and in those that get their first one later.
Status KafkaValues::append_facts(const v1::AssetFacts& facts, const FrameView& frame) {
  const std::string key = asset_key(facts.site(), facts.line(), facts.asset());
  facts_[key][facts.from()] = frame.payload;
  for (AssetBatch* batch : asset_batches_[key])
    if (batch->topic() != routes_->dead_letter())
      if (Status status = append(*batch, Piece{frame.kind, {}, std::string(frame.payload)}); !status.ok()) return status;
  return {};
}

Status KafkaValues::append_known_facts(AssetBatch& batch) {
  const auto known = facts_.find(batch.key());
  if (known == facts_.end() || batch.topic() == routes_->dead_letter()) return {};
  for (const auto& [from, payload] : known->second)
    if (Status status = append(batch, Piece{FrameKind::asset_facts, {}, payload}); !status.ok()) return status;
  return {};
}

// ---- records ----------------------------------------------------------------------------------------------------------

Status KafkaValues::put(AssetBatch& batch) {
  if (batch.empty()) return {};
  waiting_ -= batch.size();
  value_ = open_;
  const auto [earliest, latest] = batch.take(value_);
  ++records_;
  bytes_ += value_.size();
  return sink_->put(
      {batch.topic(), batch.partition(), batch.key(), value_, earliest, latest, KafkaRecord::Order::data, batch.node(), 0});
}

Status KafkaValues::put_packed(KafkaRecord::Order order, std::uint32_t node) {
  return nodes_.packed() ? nodes_.put(*sink_, order, node) : Status{};
}

Status KafkaValues::put_all() {
  for (AssetBatch& batch : batches_)
    if (Status status = put(batch); !status.ok()) return status;
  nodes_.release_all();
  return put_packed();
}

Status KafkaValues::too_long(const std::string& what, std::size_t size) const {
  return Status::error(Code::bad_data,
                       fmt::format("{} of {} bytes does not fit in a value of {} (--max-value)", what, size, limits_.max_value));
}

std::vector<Counter> KafkaValues::counters() const {
  return {{"records", records_ + nodes_.records() + unrouted_},
          {"value_bytes", bytes_},
          {"node_records", nodes_.records()},
          {"dead_letters", dead_letters_},
          {"unrouted_frames", unrouted_}};
}

}  // namespace twinpipe
