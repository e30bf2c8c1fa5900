// SPDX-License-Identifier: Apache-2.0
// One process at a time: a lock on an open file, which ends with the process however that ends.
#pragma once

#include <string>

#include "io/fd.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Errors: temporary (another process holds it, which `busy` says), io_error.
Status lock_file(int fd, const std::string& path, const std::string& busy);
/// Opens a file that is there for its lock alone, made where there is none. Errors: as lock_file, cant_create.
Result<Fd> open_lock(const std::string& path, const std::string& busy);

}  // namespace twinpipe
