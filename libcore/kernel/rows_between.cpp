// SPDX-License-Identifier: Apache-2.0
// A stretch of the rows of a frame of readings.
#include "kernel/rows_between.hpp"

namespace twinpipe {

Columns rows_between(const Columns& columns, std::size_t from, std::size_t to) {
  Columns part = columns;
  const auto cut = [&](auto& column) {
    if (!column.empty()) column = column.subspan(from, to - from);
  };
  cut(part.alias);
  cut(part.slot);
  cut(part.time);
  cut(part.doubles);
  cut(part.ints);
  cut(part.uints);
  cut(part.bools);
  cut(part.texts);
  cut(part.quality);
  cut(part.seq);
  cut(part.index);
  return part;
}

}  // namespace twinpipe
