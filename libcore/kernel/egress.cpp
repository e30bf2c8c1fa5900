// SPDX-License-Identifier: Apache-2.0
// What a stream costs to send, by class and by mechanism.
#include "kernel/egress.hpp"

#include "kernel/waveform_split.hpp"

namespace twinpipe {

EgressCount& EgressCount::operator+=(const EgressCount& other) {
  readings += other.readings;
  samples += other.samples;
  frame_bytes += other.frame_bytes;
  wire_bytes += other.wire_bytes;
  return *this;
}

EgressSide::EgressSide(const SeriesTable& table, const Routes& routes, ValueLimits limits, Role role,
                       Reconstruction& reconstruction)
    : Stage(table),
      routes_(&routes),
      batches_(routes.topics().size()),
      values_(table, routes, std::vector<std::int32_t>(routes.topics().size(), 1), limits, "kbridge", batches_),
      role_(role),
      reconstruction_(&reconstruction),
      counts_(routes.topics().size() + 1) {}

/// A frame's bytes, in equal parts to the rows' classes.
template <class Aliases>
void EgressSide::share(const Aliases& aliases, Mechanism mechanism, std::size_t bytes) {
  if (aliases.empty()) return;
  const double part = static_cast<double>(bytes) / static_cast<double>(aliases.size());
  for (const std::uint32_t alias : aliases) count(topics_[table().slots()[alias]], mechanism).frame_bytes += part;
}

void EgressSide::on_open(Output&) {
  if (role_ == Role::kept) reconstruction_->take_open();
}

Status EgressSide::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  topics_.resize(table().size());
  for (const Declared& series : declared) {
    const Asset& asset = table().asset_of(series.slot);
    const std::string& sensor = table().series(series.slot).sensor.name();
    topics_[series.slot] = routes_->topic_of(asset.site, asset.line, asset.asset, sensor);
    count(topics_[series.slot], Mechanism::declarations).frame_bytes +=
        static_cast<double>(frame.bytes.size()) / static_cast<double>(declared.size());
  }
  return values_.on_series(declared, frame, out);
}

Status EgressSide::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  const Mechanism mechanism = mechanism_of(FrameKind::readings, columns.pinned);
  const double part = static_cast<double>(frame.bytes.size()) / static_cast<double>(std::max<std::size_t>(columns.rows(), 1));
  for (const std::uint32_t slot : columns.slot) {
    EgressCount& one = count(topics_[slot], mechanism);
    one.readings += 1;
    one.frame_bytes += part;
  }
  if (role_ == Role::kept) reconstruction_->take_kept(table(), columns);
  else reconstruction_->compare(table(), columns);
  return values_.on_readings(columns, frame, out);
}

Status EgressSide::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) {
  EgressCount& one = count(topics_[slot], mechanism_of(FrameKind::waveform, waveform.pinned()));
  one.samples += static_cast<double>(sample_count(waveform));
  one.frame_bytes += static_cast<double>(frame.bytes.size());
  return values_.on_waveform(waveform, slot, frame, out);
}

Status EgressSide::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  count(no_class(), Mechanism::ticks).frame_bytes += static_cast<double>(frame.bytes.size());
  return values_.on_lifecycle(lifecycle, frame, out);
}

Status EgressSide::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  count(no_class(), Mechanism::ticks).frame_bytes += static_cast<double>(frame.bytes.size());
  return values_.on_watermark(watermark, frame, out);
}

Status EgressSide::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  const Mechanism mechanism = mechanism_of(view.kind, false);
  if (frame.has_aggregates()) share(frame.aggregates().series(), mechanism, view.bytes.size());
  else if (frame.has_spectra()) share(frame.spectra().series(), mechanism, view.bytes.size());
  else if (frame.has_exception()) share(std::vector<std::uint32_t>{frame.exception().series()}, mechanism, view.bytes.size());
  else count(no_class(), mechanism).frame_bytes += static_cast<double>(view.bytes.size());
  if (frame.has_applied() && role_ == Role::kept) reconstruction_->take_applied(frame.applied());
  return values_.on_frame(frame, view, out);
}

Status EgressSide::finish(Output& out) { return values_.finish(out); }

Status EgressSide::close() {
  if (Status status = values_.put_all(); !status.ok()) return status;
  if (Status status = batches_.finish(); !status.ok()) return status;
  for (std::size_t topic = 0; topic < routes_->topics().size(); ++topic)
    for (std::size_t i = 0; i < kMechanisms; ++i) counts_[topic][i].wire_bytes = batches_.wire(topic)[i];
  return {};
}

}  // namespace twinpipe
