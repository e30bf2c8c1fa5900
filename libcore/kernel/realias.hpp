// SPDX-License-Identifier: Apache-2.0
// Many small segments as one: series get aliases of their own that hold for the whole output, and readings that follow each other
// stand in larger frames again.
//
// Each small segment repeats its declaration, so declarations are known by their bytes: names are parsed and hashed once
// for every distinct Series frame, and a value costs one look-up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/joined_rows.hpp"
#include "wire/columns.hpp"
#include "wire/output.hpp"

namespace twinpipe {

class Realias {
 public:
  /// One Series frame of the input, and what its aliases are in the output.
  struct Declaration {
    std::string node, asset;          // the node's name; the asset's key
    std::vector<std::uint32_t> from;  // alias in the input
    std::vector<std::uint32_t> to;    // alias in the output
    std::vector<bool> marks;          // the caller's: where this declaration was seen,
    std::uint32_t marked = 0;         // and when that was counted from

   private:
    friend class Realias;
    std::uint32_t asset_number = 0;
    std::uint64_t verified = 0;  // revision of the asset at which the output had this declaration in force
    std::string header;
    std::vector<std::string> bodies;
  };

  explicit Realias(std::uint32_t max_series = SeriesTable::kDefaultLimit) : limit_(max_series) {}

  /// Takes a frame of one of the small segments: Open begins the next one, Close is left out, aliases are rewritten. Frames
  /// of other kinds are forwarded. Readings wait for company until flush(), another kind of frame, or JoinedRows::kRows.
  /// Errors (bad_data): as SeriesTable::declare() and ReadingsDecoder::decode().
  Status take(const FrameView& frame, Output& out);
  void flush(Output& out);

  /// The newest declaration taken; valid until the next take().
  Declaration* declared() const { return declared_; }
  std::size_t series() const { return sensors_.size(); }

 private:
  struct Sensor {
    std::string body;  // declaration in force, without the alias
  };
  struct Asset {
    std::string header;  // declaration in force, without sensors
    std::uint64_t revision = 0;
  };

  Status declare(std::string_view payload, Output& out);
  Result<Declaration> learn(std::string_view payload);
  void put_in_force(Declaration& declaration, Output& out);
  Status append(std::string_view payload, Output& out);
  Status rename_frame(const FrameView& frame, Output& out);
  Status waveform(const FrameView& frame, Output& out);

  static constexpr std::size_t kCacheLimit = std::size_t{256} << 20;

  std::uint32_t limit_;
  std::unordered_map<std::string, std::uint32_t> series_index_, asset_index_;
  std::vector<Sensor> sensors_;
  std::vector<Asset> assets_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Declaration, Hash, std::equal_to<>> known_;
  std::size_t known_bytes_ = 0;
  Declaration* declared_ = nullptr;
  std::vector<std::uint32_t> aliases_;  // of the current small segment: its alias → ours

  ReadingsDecoder decoder_;
  JoinedRows rows_;
  std::string scratch_;
  v1::Frame frame_;
};

}  // namespace twinpipe
