// SPDX-License-Identifier: Apache-2.0
// Whether a decoded frame names declared series alone: asked once, before a stage or a form looks them up.
#pragma once

#include <fmt/format.h>

#include <cstdint>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// bad_data, in the words of ReadingsDecoder.
Status undeclared_alias(std::uint32_t alias, std::size_t declared);

/// Waveform, Aggregates, Spectra, Exception; other kinds name no series by alias, or were checked by their decoder.
/// `declared`: aliases of the segment. Errors (bad_data): an alias that is not declared.
Status check_aliases(const v1::Frame& frame, std::size_t declared);

/// Aggregates and Spectra. Errors (bad_data): a row without its start or end.
template <class Rows>
Status check_spans(const Rows& rows) {
  if (rows.start_size() == rows.series_size() && rows.end_size() == rows.series_size()) return {};
  return Status::error(Code::bad_data, fmt::format("columns of unequal length: {} series, {} starts, {} ends", rows.series_size(),
                                                   rows.start_size(), rows.end_size()));
}

}  // namespace twinpipe
