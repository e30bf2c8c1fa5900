// SPDX-License-Identifier: Apache-2.0
// The aliases that a frame names, without decoding it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "wire/fields.hpp"
#include "wire/frame.hpp"

namespace twinpipe::rawbuf {

/// The field that names a frame's series; 0: it names none by alias.
inline unsigned alias_field(FrameKind kind) {
  switch (kind) {
    case FrameKind::readings: return v1::Readings::kSeriesFieldNumber;
    case FrameKind::waveform: return v1::Waveform::kSeriesFieldNumber;
    case FrameKind::aggregates: return v1::Aggregates::kSeriesFieldNumber;
    case FrameKind::spectra: return v1::Spectra::kSeriesFieldNumber;
    case FrameKind::exception: return v1::Exception::kSeriesFieldNumber;
    default: return 0;
  }
}

/// Calls `each` with every alias in the frame until it says false; false then, and for a frame that does not parse.
template <class Each>
bool for_each_alias(const FrameView& frame, const Each& each) {
  const unsigned number = alias_field(frame.kind);
  if (number == 0) return true;
  const bool single = frame.kind == FrameKind::waveform || frame.kind == FrameKind::exception;
  bool named = false;
  std::string_view rest = frame.payload;
  while (!rest.empty()) {
    Field field;
    if (!take_field(rest, field)) return false;
    if (field.number != number) continue;
    if (single) {
      std::uint64_t alias = 0;
      named = true;
      if (read_varint(field.value, alias) <= 0 || alias > UINT32_MAX || !each(static_cast<std::uint32_t>(alias))) return false;
      continue;
    }
    for (std::string_view column = field.value; column.size() >= sizeof(std::uint32_t);
         column.remove_prefix(sizeof(std::uint32_t))) {
      std::uint32_t alias = 0;
      std::memcpy(&alias, column.data(), sizeof alias);
      if (!each(alias)) return false;
    }
  }
  return !single || named || each(0);  // alias 0 is not written
}

}  // namespace twinpipe::rawbuf
