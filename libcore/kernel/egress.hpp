// SPDX-License-Identifier: Apache-2.0
// What a stream costs to send, by class (the Kafka topic that its series go to) and by mechanism: readings, waveform samples,
// bytes of frames, and bytes on the Kafka wire.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "kernel/kafka_batches.hpp"
#include "kernel/kafka_values.hpp"
#include "kernel/reconstruction.hpp"
#include "kernel/routes.hpp"
#include "kernel/stage.hpp"

namespace twinpipe {

struct EgressCount {
  double readings = 0, samples = 0, frame_bytes = 0, wire_bytes = 0;
  EgressCount& operator+=(const EgressCount& other);
};

/// By class, as Routes::topics; one more for frames that belong to no series, as frames; and by mechanism.
using EgressCounts = std::vector<std::array<EgressCount, kMechanisms>>;

/// One of the two streams: a sink that makes Kafka values of everything, as kbridge does, with one partition a topic.
class EgressSide final : public Stage {
 public:
  enum class Role { kept, whole };

  EgressSide(const SeriesTable& table, const Routes& routes, ValueLimits limits, Role role, Reconstruction& reconstruction);

  bool reads(FrameKind) const override { return true; }
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output& out) override;

  /// What came, once it has ended and close() was called.
  const EgressCounts& counts() const { return counts_; }
  Status close();

 private:
  EgressCount& count(std::size_t topic, Mechanism mechanism) { return counts_[topic][static_cast<std::size_t>(mechanism)]; }
  std::size_t no_class() const { return counts_.size() - 1; }
  template <class Aliases>
  void share(const Aliases& aliases, Mechanism mechanism, std::size_t bytes);

  const Routes* routes_;
  KafkaBatches batches_;
  KafkaValues values_;
  Role role_;
  Reconstruction* reconstruction_;
  EgressCounts counts_;
  std::vector<std::uint32_t> topics_;  // by slot
};

}  // namespace twinpipe
