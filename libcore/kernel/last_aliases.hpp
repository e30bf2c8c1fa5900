// SPDX-License-Identifier: Apache-2.0
// Aliases for what leaves at the end of a stream of series that its last segment does not name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "wire/output.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

/// A stage may still hold back something of a series when the input ends in a segment that does not declare it: one of an earlier
/// segment, or any series at all for a process that was resumed behind a Close. It is declared then, behind the segment's own
/// aliases: nothing comes any more that could want the alias.
class LastAliases {
 public:
  explicit LastAliases(const SeriesTable& table) : table_(&table) {}
  /// Declares the series unless it can be named already.
  void declare(std::uint32_t slot, Output& out) {
    if (of(slot)) return;
    const auto alias = static_cast<std::uint32_t>(table_->slots().size() + given_.size());
    v1::Frame frame;
    *frame.mutable_series() = table_->declaration(slot, alias);
    out.frame(frame);
    given_.emplace(slot, alias);
  }
  std::optional<std::uint32_t> of(std::uint32_t slot) const {
    if (const auto declared = table_->alias_of(slot)) return declared;
    const auto at = given_.find(slot);
    return at == given_.end() ? std::nullopt : std::optional(at->second);
  }

 private:
  const SeriesTable* table_;
  std::map<std::uint32_t, std::uint32_t> given_;  // slot → alias
};

}  // namespace twinpipe
