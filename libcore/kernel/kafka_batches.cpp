// SPDX-License-Identifier: Apache-2.0
// What records weigh on the wire.
#include "kernel/kafka_batches.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include "wire/fields.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kBatchHead = 61;  // base offset to record count

/// Kafka's varints are zigzag, as protobuf's sint.
void append_varint(std::int64_t value, std::string& out) {
  char bytes[10];
  const auto zigzag = static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
  out.append(bytes, static_cast<std::size_t>(put_varint(bytes, zigzag) - bytes));
}

void append_sized(std::string_view bytes, std::string& out) {
  append_varint(static_cast<std::int64_t>(bytes.size()), out);
  out.append(bytes);
}

/// One record as kbridge's producer writes it: both ends of its event time are headers.
std::string record_body(const KafkaRecord& record, std::int64_t offset) {
  std::string body(1, '\0');    // attributes
  append_varint(offset, body);  // of its timestamp: as if a millisecond lay between two records
  append_varint(offset, body);
  if (record.key.empty()) append_varint(-1, body);
  else append_sized(record.key, body);
  append_sized(record.value, body);
  const bool timed = record.earliest != 0 || record.latest != 0;
  append_varint(timed ? 2 : 0, body);
  if (!timed) return body;
  append_sized("event-time-min", body);
  append_sized(fmt::format("{}", record.earliest), body);
  append_sized("event-time-max", body);
  append_sized(fmt::format("{}", record.latest), body);
  return body;
}

KafkaBatches::Bytes parts_of(std::string_view value) {
  KafkaBatches::Bytes parts{};
  Scanner scanner;
  for (FrameView frame; scanner.next(value, frame) == Scanner::Outcome::whole; value.remove_prefix(frame.bytes.size()))
    parts[static_cast<std::size_t>(mechanism_of(frame.kind, is_pinned(frame.kind, frame.payload)))] +=
        static_cast<double>(frame.bytes.size());
  return parts;
}

}  // namespace

std::string_view mechanism_name(Mechanism mechanism) {
  constexpr std::array<std::string_view, kMechanisms> kNames{"raw",        "pinned",       "aggregates", "spectra",
                                                             "exceptions", "declarations", "ticks",      "other"};
  return kNames[static_cast<std::size_t>(mechanism)];
}

Mechanism mechanism_of(FrameKind kind, bool pinned) {
  switch (kind) {
    case FrameKind::readings:
    case FrameKind::waveform: return pinned ? Mechanism::pinned : Mechanism::raw;
    case FrameKind::aggregates: return Mechanism::aggregates;
    case FrameKind::spectra: return Mechanism::spectra;
    case FrameKind::exception: return Mechanism::exceptions;
    case FrameKind::open:
    case FrameKind::close:
    case FrameKind::series:
    case FrameKind::applied: return Mechanism::declarations;
    case FrameKind::lifecycle:
    case FrameKind::arrival:
    case FrameKind::gap:
    case FrameKind::watermark:
    case FrameKind::position:
    case FrameKind::resume: return Mechanism::ticks;
    default: return Mechanism::other;
  }
}

bool is_pinned(FrameKind kind, std::string_view payload) {
  if (kind != FrameKind::readings && kind != FrameKind::waveform) return false;
  const auto number = static_cast<std::uint64_t>(kind == FrameKind::readings ? int{v1::Readings::kPinnedFieldNumber}
                                                                             : int{v1::Waveform::kPinnedFieldNumber});
  bool pinned = false;
  for (Field field; !payload.empty() && take_field(payload, field);)
    if (field.number == number) pinned = field.value != std::string_view("\0", 1);
  return pinned;
}

Status KafkaBatches::put(const KafkaRecord& record) {
  Topic& topic = topics_[record.topic];
  const std::string body = record_body(record, topic.count);
  if (topic.count > 0 && topic.records.size() + body.size() > kBatch)
    if (Status status = close(topic); !status.ok()) return status;
  append_sized(body, topic.records);
  ++topic.count;
  ++records_;
  // Key and headers go with what they carry.
  const Bytes parts = parts_of(record.value);
  const double share = static_cast<double>(body.size()) / static_cast<double>(std::max<std::size_t>(record.value.size(), 1));
  for (std::size_t i = 0; i < kMechanisms; ++i) topic.parts[i] += parts[i] * share;
  return {};
}

Status KafkaBatches::close(Topic& topic) {
  if (topic.count == 0) return {};
  compressed_.resize(ZSTD_compressBound(topic.records.size()));
  const std::size_t size =
      ZSTD_compress(compressed_.data(), compressed_.size(), topic.records.data(), topic.records.size(), kLevel);
  if (ZSTD_isError(size)) return Status::error(Code::internal, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
  double whole = 0;
  for (const double part : topic.parts) whole += part;
  for (std::size_t i = 0; i < kMechanisms; ++i) topic.wire[i] += static_cast<double>(kBatchHead + size) * topic.parts[i] / whole;
  topic.records.clear();
  topic.count = 0;
  topic.parts = {};
  ++batches_;
  return {};
}

Status KafkaBatches::finish() {
  for (Topic& topic : topics_)
    if (Status status = close(topic); !status.ok()) return status;
  return {};
}

}  // namespace twinpipe
