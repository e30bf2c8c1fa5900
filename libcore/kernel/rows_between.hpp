// SPDX-License-Identifier: Apache-2.0
// A stretch of the rows of a frame of readings, for filters that cut a frame where something changes within it.
#pragma once

#include "wire/columns.hpp"

namespace twinpipe {

/// Rows [from, to), borrowed as `columns` are.
Columns rows_between(const Columns& columns, std::size_t from, std::size_t to);

}  // namespace twinpipe
