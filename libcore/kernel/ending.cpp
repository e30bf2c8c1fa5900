// SPDX-License-Identifier: Apache-2.0
// The end of an input that should not have ended there.
#include "kernel/ending.hpp"

#include <fmt/format.h>

namespace twinpipe {

Status cut_status(const SegmentGuard& guard) {
  return Status::error(Code::bad_data, guard.segments() == 0
                                           ? "the input is empty: upstream wrote nothing"
                                           : fmt::format("end of input without Close: {} died", guard.producer()));
}

}  // namespace twinpipe
