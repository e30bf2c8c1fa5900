// SPDX-License-Identifier: Apache-2.0
// Which records of a segment hold which series.
#include "kernel/rawbuf_series_index.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/crc32c.hpp"
#include "kernel/rawbuf_aliases.hpp"
#include "kernel/rawbuf_codec.hpp"

namespace twinpipe::rawbuf {

void AliasMap::add(std::uint32_t alias) {
  if (alias >> shift_ >= kBits) fit(alias);
  const std::uint32_t bit = alias >> shift_;
  bits_[bit / 64] |= std::uint64_t{1} << bit % 64;
}

/// Two bits become one, until there is one for `greatest`.
void AliasMap::fit(std::uint32_t greatest) {
  for (; greatest >> shift_ >= kBits; ++shift_) {
    std::array<std::uint64_t, kBits / 64> wide{};
    for (std::uint32_t bit = 0; bit < kBits; ++bit)
      if ((bits_[bit / 64] >> bit % 64 & 1) != 0) wide[bit / 2 / 64] |= std::uint64_t{1} << bit / 2 % 64;
    bits_ = wide;
  }
}

bool AliasMap::meets(const AliasMap& other) const {
  std::uint64_t both = 0;
  for (std::size_t i = 0; i < bits_.size(); ++i) both |= bits_[i] & other.bits_[i];
  return both != 0;
}

void RecordSeries::add(const FrameView& frame) {
  switch (frame.kind) {
    // They do not leave a replay; what they declare is not asked of this index.
    case FrameKind::open:
    case FrameKind::close:
    case FrameKind::position:
    case FrameKind::resume:
    case FrameKind::arrival: return;
    default: break;
  }
  bool named = frame.kind == FrameKind::readings;
  const bool parses = for_each_alias(frame, [&](std::uint32_t alias) {
    aliases.add(alias);
    return named = true;
  });
  // Windows without a row name nobody, and leave all the same.
  if (named && parses) return;
  flags |= kOthers;
  if (!event_times(frame)) flags |= kTimeless;
}

std::string encode_series(const std::vector<RecordSeries>& records) {
  std::string body;
  body.reserve(records.size() * RecordSeries::kSize);
  for (const RecordSeries& record : records) {
    char head[16] = {};
    std::memcpy(head, &record.first, sizeof record.first);
    head[8] = static_cast<char>(record.flags);
    head[9] = static_cast<char>(record.aliases.shift_);
    body.append(head, sizeof head);
    for (const std::uint64_t word : record.aliases.bits_) {
      char bytes[sizeof word];
      std::memcpy(bytes, &word, sizeof word);
      body.append(bytes, sizeof bytes);
    }
  }
  return body;
}

std::optional<std::vector<RecordSeries>> decode_series(std::string_view bytes) {
  if (bytes.size() % RecordSeries::kSize != 0) return {};
  std::vector<RecordSeries> records(bytes.size() / RecordSeries::kSize);
  for (RecordSeries& record : records) {
    std::memcpy(&record.first, bytes.data(), sizeof record.first);
    record.flags = static_cast<std::uint8_t>(bytes[8]);
    record.aliases.shift_ = static_cast<std::uint8_t>(bytes[9]);
    if (record.aliases.shift_ > 21) return {};
    std::memcpy(record.aliases.bits_.data(), bytes.data() + 16, sizeof record.aliases.bits_);
    bytes.remove_prefix(RecordSeries::kSize);
  }
  if (!std::ranges::is_sorted(records, {}, &RecordSeries::first)) return {};
  return records;
}

RecordHeader series_record(const std::vector<RecordSeries>& records, std::uint64_t next, std::string& body) {
  const std::string content = encode_series(records);
  FrameView all;  // kept whole: it is no frame
  all.bytes = content;
  BlockEncoder encoder;
  encoder.add(all);
  body = encoder.finish();
  RecordHeader header;
  header.kind = RecordKind::series;
  header.first = next;
  header.frames = static_cast<std::uint32_t>(records.size());
  header.raw = static_cast<std::uint32_t>(content.size());
  header.body = static_cast<std::uint32_t>(body.size());
  header.body_crc = crc32c(body);
  return header;
}

}  // namespace twinpipe::rawbuf
