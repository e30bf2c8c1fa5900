// SPDX-License-Identifier: Apache-2.0
// One process at a time: a lock on an open file, which ends with the process however that ends.
#pragma once

#include <string>

#include "wire/status.hpp"

namespace twinpipe {

/// Errors: temporary (another process holds it), io_error.
Status lock_file(int fd, const std::string& path);

}  // namespace twinpipe
