// SPDX-License-Identifier: Apache-2.0
// A stream cut into files: PREFIX.0000.frames, PREFIX.0001.frames, …
#pragma once

#include <string>

#include "io/fd.hpp"
#include "wire/output.hpp"

namespace twinpipe::cli {

class PartFiles {
 public:
  explicit PartFiles(std::string prefix) : prefix_(std::move(prefix)) {}

  /// Writes what is pending to the current file, which it creates. Errors: cant_create (it exists already, …), io_error.
  Status write(Output& out);
  /// The same, then ends the file: what follows goes to another.
  Status next(Output& out);

 private:
  std::string prefix_, path_;
  unsigned parts_ = 0;
  Fd file_;
};

}  // namespace twinpipe::cli
