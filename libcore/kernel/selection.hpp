// SPDX-License-Identifier: Apache-2.0
// Which frames and which of their rows fcat lets through: kinds, series, event times, a number of them.
#pragma once

#include <array>
#include <bitset>
#include <functional>
#include <optional>
#include <vector>

#include "kernel/form.hpp"
#include "policy/pattern.hpp"

namespace twinpipe {

struct SelectionOptions {
  std::bitset<kFrameKinds> kinds = std::bitset<kFrameKinds>().set();
  std::vector<Pattern> patterns;  // any of them; none: every series
  std::optional<Nanos> since;     // inclusive
  std::optional<Nanos> until;     // exclusive
  std::optional<std::uint64_t> head;
};

/// Rows of Readings, Aggregates, Spectra, Features and Predictions are selected one by one. A frame that names neither a
/// series nor an asset is in every pattern, and one without an event time in every span: they tell about the whole stream.
/// Against an asset (Twin, Features, Predictions) a pattern's first three levels count.
class Selection {
 public:
  Selection(const SeriesTable& table, SelectionOptions options);
  /// Whoever knows which aliases the patterns mean needs no table; of Readings it looks at nothing then.
  Selection(std::function<bool(std::uint32_t alias)> matches, SelectionOptions options);

  bool wants(FrameKind kind) const { return options_.kinds[static_cast<std::size_t>(kind)]; }
  /// True when the content of frames of this kind decides.
  bool looks_into(FrameKind kind) const;

  /// The rows that are selected; valid until the next call. Counts them for `head`.
  Rows rows(const Columns& columns);
  /// Removes from `frame` what is not selected; `whole` is false then. False: nothing is left.
  bool keep(v1::Frame& frame, bool& whole);
  /// Counts a frame of another kind than Readings for `head`: Open, Close and Series do not count.
  void count(FrameKind kind);
  /// As many as `head` says have passed.
  bool done() const { return options_.head && passed_ >= *options_.head; }

 private:
  bool matches(std::uint32_t slot);
  bool matches_alias(std::uint32_t alias) { return table_ == nullptr ? alias_matches_(alias) : matches(table_->slots()[alias]); }
  bool matches_asset(std::string_view site, std::string_view line, std::string_view asset) const;
  bool matches_key(std::string_view key) const;
  bool in_span(Nanos time) const;
  template <class Message, class Start>
  bool keep_rows(Message& message, int rows, const Start& row_is_in, bool& whole);
  bool keep_sensors(v1::Series& series, bool& whole) const;

  const SeriesTable* table_ = nullptr;
  std::function<bool(std::uint32_t)> alias_matches_;
  SelectionOptions options_;
  std::vector<std::array<std::string, 3>> assets_;  // the patterns' first levels
  std::vector<std::uint8_t> known_;                 // by slot: 0 not yet asked, 1 in, 2 out
  std::vector<std::uint32_t> rows_;
  std::uint64_t passed_ = 0;
};

/// Removes the rows that `keep` does not name from every column of a columnar message, those of its Band, FeatureColumn and
/// Trend messages included.
void remove_rows(google::protobuf::Message& message, const std::vector<bool>& keep);

}  // namespace twinpipe
