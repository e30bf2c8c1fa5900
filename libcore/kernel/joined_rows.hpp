// SPDX-License-Identifier: Apache-2.0
// Readings of several frames joined into one, as long as they are of one kind.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/asset_batch.hpp"
#include "wire/columns.hpp"
#include "wire/output.hpp"

namespace twinpipe {

class JoinedRows {
 public:
  static constexpr std::size_t kRows = 2048;  // of a frame: enough for columns to pay

  bool empty() const { return alias_.empty(); }
  std::size_t rows() const { return alias_.size(); }
  /// False: rows of this kind, or so many, want a frame of their own; flush() first.
  bool takes(const RowKind& kind, std::size_t rows) const {
    return alias_.empty() || (kind == kind_ && alias_.size() + rows <= kRows);
  }
  /// Appends the rows from `begin` to `end`; `aliases` are what the whole frame's rows are called in the output.
  void append(const Columns& columns, std::span<const std::uint32_t> aliases, std::size_t begin, std::size_t end);
  /// Writes what waits as one frame.
  void flush(Output& out);

 private:
  RowKind kind_;
  bool any_quality_ = false;
  std::vector<std::uint32_t> alias_, quality_, index_;
  std::vector<Nanos> time_;
  std::vector<double> doubles_;
  std::vector<std::int64_t> ints_;
  std::vector<std::uint64_t> uints_, seq_;
  std::vector<std::uint8_t> bools_;
  std::string text_;
  std::vector<std::size_t> text_ends_;
  std::vector<std::string_view> texts_;
};

}  // namespace twinpipe
