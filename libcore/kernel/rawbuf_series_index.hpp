// SPDX-License-Identifier: Apache-2.0
// Which records of a segment hold which series, so that a replay of some series leaves the others' records where they are.
//
// A record's filter is a map of 2048 bits; each stands for 2^shift aliases next to each other, that is for the series of
// one asset or of a few that were declared together. Exact lists were rejected: a record of a busy site names thousands of
// series, and the list would be as long as the record.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/rawbuf_format.hpp"

namespace twinpipe::rawbuf {

struct RecordSeries;

/// Aliases, rounded to 2^shift.
class AliasMap {
 public:
  static constexpr std::uint32_t kBits = 2048;

  AliasMap() = default;
  explicit AliasMap(std::uint8_t shift) : shift_(shift) {}
  /// Widens until the alias fits.
  void add(std::uint32_t alias);
  bool meets(const AliasMap& other) const;  // of the same shift
  std::uint8_t shift() const { return shift_; }

 private:
  friend std::string encode_series(const std::vector<RecordSeries>& records);
  friend std::optional<std::vector<RecordSeries>> decode_series(std::string_view bytes);
  void fit(std::uint32_t greatest);

  std::uint8_t shift_ = 0;
  std::array<std::uint64_t, kBits / 64> bits_{};
};

/// What one record holds.
struct RecordSeries {
  static constexpr std::uint8_t kOthers = 1;    // frames that name no series, and leave whatever series are asked for
  static constexpr std::uint8_t kTimeless = 2;  // among them such that take the time of what came before them
  static constexpr std::size_t kSize = 16 + AliasMap::kBits / 8;

  std::uint64_t first = 0;  // number of the record's first frame
  std::uint8_t flags = 0;
  AliasMap aliases;

  void add(const FrameView& frame);
};

/// Body of a segment's series record, and back; nothing for other bytes. In the order of `first`.
std::string encode_series(const std::vector<RecordSeries>& records);
std::optional<std::vector<RecordSeries>> decode_series(std::string_view bytes);

/// The record that stands before a segment's index: its header, and its body.
RecordHeader series_record(const std::vector<RecordSeries>& records, std::uint64_t next, std::string& body);

}  // namespace twinpipe::rawbuf
