// SPDX-License-Identifier: Apache-2.0
// What records weigh on the wire: Kafka's record batches (format 2, KIP-98), compressed by zstd as a producer does it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/kafka_record.hpp"

namespace twinpipe {

/// Which of the toolkit's mechanisms a byte belongs to.
enum class Mechanism : std::uint8_t { raw, pinned, aggregates, spectra, exceptions, declarations, ticks, other };
inline constexpr std::size_t kMechanisms = 8;
std::string_view mechanism_name(Mechanism mechanism);

/// `pinned`: of readings and waveforms.
Mechanism mechanism_of(FrameKind kind, bool pinned);
/// Readings.pinned or Waveform.pinned, read off the payload without decoding it.
bool is_pinned(FrameKind kind, std::string_view payload);

class KafkaBatches final : public RecordSink {
 public:
  /// Bytes of uncompressed records that a batch has at most, unless one alone has more: librdkafka's default.
  static constexpr std::size_t kBatch = 1'000'000;
  static constexpr int kLevel = 3;  // zstd's default

  explicit KafkaBatches(std::size_t topics) : topics_(topics) {}

  Status put(const KafkaRecord& record) override;
  /// Compresses what waits. Errors: internal.
  Status finish();

  using Bytes = std::array<double, kMechanisms>;
  /// A batch's compressed bytes are shared out among the mechanisms as its uncompressed ones are.
  const Bytes& wire(std::size_t topic) const { return topics_[topic].wire; }
  std::uint64_t records() const { return records_; }
  std::uint64_t batches() const { return batches_; }

 private:
  struct Topic {
    std::string records;
    std::int64_t count = 0;
    Bytes parts{}, wire{};
  };
  Status close(Topic& topic);

  std::vector<Topic> topics_;
  std::string compressed_;
  std::uint64_t records_ = 0, batches_ = 0;
};

}  // namespace twinpipe
