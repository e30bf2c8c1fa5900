// SPDX-License-Identifier: Apache-2.0
// The end of an input that should not have ended there, in words.
#pragma once

#include "wire/segment.hpp"

namespace twinpipe {

/// For an input whose ending is Ending::cut: bad_data.
Status cut_status(const SegmentGuard& guard);

}  // namespace twinpipe
