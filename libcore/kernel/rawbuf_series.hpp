// SPDX-License-Identifier: Apache-2.0
// Who is behind the aliases of several recorded streams at once, when their frames leave as one stream: a series has one
// alias in the output, whatever aliases its streams gave it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/rawbuf_series_index.hpp"
#include "kernel/selection.hpp"
#include "wire/name_index.hpp"
#include "wire/output.hpp"
#include "wire/series_table.hpp"

namespace twinpipe::rawbuf {

class ReplaySeries {
 public:
  /// Aliases of one recorded stream.
  struct Stream {
    std::vector<std::uint32_t> slots;  // by alias
    bool identity = true;              // every alias is its slot
  };

  ReplaySeries(std::vector<Pattern> patterns, std::uint32_t max_series);
  ReplaySeries(const ReplaySeries&) = delete;
  ReplaySeries& operator=(const ReplaySeries&) = delete;

  enum class How {
    note,   // it comes later: only what its aliases mean, and a declaration for rows that come before it
    learn,  // it is in force: it leaves once one of its series does
    put,    // it leaves now
  };
  /// Takes a recorded Series frame. Errors: bad_data.
  Status take(const FrameView& frame, Stream& stream, How how, Output& out);
  /// Declares what is in force and has not left yet. An asset whose series were declared one by one, under several sessions, ends
  /// with the newest.
  void put_in_force(Output& out);
  /// Puts a frame that is neither Readings nor Series: under the output's aliases, and only what is selected of it. Errors
  /// (bad_data): it does not parse, or names an alias that was never declared; that is looked at where aliases change anyway, and
  /// when asked to `check`.
  Status put_frame(const FrameView& view, const Stream& stream, bool check, Output& out);
  /// Puts the selected of `rows`. Errors: none; `columns` were decoded with the stream's slots.
  void put_rows(Columns columns, std::span<const std::uint32_t> rows, Output& out);

  /// Aliases of the stream whose series are selected, as far as a map of this shift has room for them.
  AliasMap wanted(const Stream& stream, std::uint8_t shift) const;

  /// True when rows of this stream may leave as the bytes that came: all are selected, declared, and have the aliases that
  /// they came with.
  bool transparent(const Stream& stream) const { return patterns_.empty() && untold_ == 0 && identity_ && stream.identity; }

 private:
  /// What one Series frame declares. Recorded streams repeat themselves: names are read and hashed once for all frames of the
  /// same bytes.
  struct Declaration {
    std::string frame;                // as it was recorded
    std::size_t begin = 0, size = 0;  // of its content
    std::uint32_t asset = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sensors;  // alias there, slot
    std::string_view content() const { return std::string_view(frame).substr(begin, size); }
  };
  using Shared = std::shared_ptr<const Declaration>;
  struct Asset {
    std::string site, line, name;
  };
  struct Series {
    std::uint32_t asset = 0;
    std::string name;
  };

  Result<Shared> parse(const FrameView& frame);
  std::uint32_t asset_of(std::string_view site, std::string_view line, std::string_view name);
  std::uint32_t slot_of(std::uint32_t asset, std::string_view name);
  void tell(std::uint32_t slot, Output& out);
  /// Gives every alias in a frame that names some through `map`; false when it has none for one.
  static bool rename(v1::Frame& frame, const std::function<bool(std::uint32_t&)>& map);

  std::vector<Pattern> patterns_;
  std::uint32_t max_series_;
  Selection selection_;  // of slots
  std::vector<Asset> assets_;
  std::vector<Series> series_;  // by slot
  NameIndex asset_index_, series_index_;
  std::vector<std::uint8_t> told_, selected_;           // by slot, as truths
  std::vector<Shared> declarations_;                    // the newest that names a slot
  std::unordered_map<std::string_view, Shared> known_;  // by their content
  std::size_t known_bytes_ = 0;
  std::vector<std::uint32_t> aliases_;  // in the output, by slot
  std::uint32_t next_alias_ = 0;
  bool identity_ = true;  // every slot that has an alias in the output is that alias
  std::size_t untold_ = 0;
  std::vector<std::uint32_t> learnt_;                                // slots, for put_in_force()
  std::vector<std::pair<std::uint32_t, std::string_view>> sensors_;  // of the frame that is read: alias, name
  std::vector<std::uint32_t> chosen_, renamed_;
  v1::Stream stream_;
};

}  // namespace twinpipe::rawbuf
