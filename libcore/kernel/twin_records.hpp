// SPDX-License-Identifier: Apache-2.0
// Twin frames in, records of a compacted Kafka topic out: the newest record of a key is all that there is to know of an asset.
#pragma once

#include "kernel/kafka_record.hpp"
#include "kernel/stage.hpp"

namespace twinpipe {

/// A record a Twin, under the asset's key: a segment of the Twin alone. Of a retired asset the value is null, which makes the
/// broker forget the key. Everything else is left out: node frames have no key, which a compacted topic refuses, and a twin says
/// all that they would.
class TwinRecords final : public Stage {
 public:
  /// `partitions` of the one topic, which is number 0. `producer` goes into each value's Open. The sink must outlive this.
  TwinRecords(const SeriesTable& table, std::int32_t partitions, std::size_t max_value, std::string_view producer,
              RecordSink& sink);

  bool reads(FrameKind) const override { return true; }
  Status on_series(const std::vector<Declared>&, const FrameView&, Output&) override { return {}; }
  Status on_readings(const Columns&, const FrameView&, Output&) override { return {}; }
  Status on_waveform(const v1::Waveform&, std::uint32_t, const FrameView&, Output&) override { return {}; }
  Status on_lifecycle(const v1::Lifecycle&, const FrameView&, Output&) override { return {}; }
  Status on_watermark(const v1::Watermark&, const FrameView&, Output&) override { return {}; }
  /// Errors: those of the sink; bad_data: a twin that is longer than a value may be.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  std::vector<Counter> counters() const override;

 private:
  std::int32_t partitions_;
  std::size_t max_value_;
  std::string open_, value_;
  RecordSink* sink_;
  std::uint64_t records_ = 0, tombstones_ = 0;
};

}  // namespace twinpipe
