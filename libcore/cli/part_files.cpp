// SPDX-License-Identifier: Apache-2.0
// A stream cut into files.
#include "cli/part_files.hpp"

#include <fmt/format.h>

namespace twinpipe::cli {

Status PartFiles::write(Output& out) {
  if (out.pending().empty()) return {};
  if (!file_.valid()) {
    path_ = fmt::format("{}.{:04}.frames", prefix_, parts_);
    Result<Fd> created = create_new(path_);
    if (!created.ok()) return created.status();
    file_ = std::move(*created);
    ++parts_;
  }
  Result<Written> written = write_all(file_.get(), out.pending());
  if (!written.ok()) return Status::error(written.status().code, path_ + ": " + written.status().message);
  out.clear();
  return {};
}

Status PartFiles::next(Output& out) {
  if (Status status = write(out); !status.ok()) return status;
  file_ = Fd();
  return {};
}

}  // namespace twinpipe::cli
