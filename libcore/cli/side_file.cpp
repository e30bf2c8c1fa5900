// SPDX-License-Identifier: Apache-2.0
// A side output in a file.
#include "cli/side_file.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace twinpipe::cli {

Status SideFile::open(bool may_exist) {
  if (!enabled()) return {};
  may_exist_ = may_exist;
  std::error_code none;
  const std::filesystem::file_status there = std::filesystem::status(path_, none);
  live_ = begun_ = there.type() == std::filesystem::file_type::fifo || there.type() == std::filesystem::file_type::character;
  const bool handed_over = path_.starts_with("/dev/fd/");
  Result<Fd> file = may_exist || live_ || handed_over ? open_to_append(path_) : create_new(path_);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  return {};
}

/// The first write: the file must end where the stream goes on.
Status SideFile::begin(std::uint64_t at, bool resumed) {
  begun_ = true;
  const std::uint64_t size = file_size(file_.get());
  if (size == at) return {};
  if (resumed && size > at) return cut_file(file_.get(), path_, at);
  if (resumed) return Status::error(Code::bad_config, fmt::format("{}: {} bytes, and the saved state wrote {}", path_, size, at));
  return start_anew();
}

Status SideFile::start_anew() {
  if (!may_exist_)
    return Status::error(Code::cant_create, path_ + ": the file is there, and this run does not go on from a saved state");
  std::error_code error;
  std::string moved;
  for (int number = 1; moved.empty() || std::filesystem::exists(moved, error); ++number)
    moved = fmt::format("{}.{}", path_, number);
  std::filesystem::rename(path_, moved, error);
  if (error) return system_error(Code::cant_create, fmt::format("cannot rename {} to {}", path_, moved), error.value());
  notice_ = fmt::format("{}: the input starts anew; what an earlier run wrote is now {}", path_, moved);
  Result<Fd> file = create_new(path_);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  return {};
}

Status SideFile::write(Output& out, std::uint64_t end, bool resumed) {
  if (!enabled()) return {};
  if (!begun_ && (resumed || !out.pending().empty()))
    if (Status status = begin(end - out.pending().size(), resumed); !status.ok()) return status;
  if (out.pending().empty()) return {};
  Result<Written> written = write_all(file_.get(), out.pending());
  if (!written.ok()) return Status::error(written.status().code, path_ + ": " + written.status().message);
  if (*written == Written::reader_left) return Status::error(Code::io_error, path_ + ": its reader has left");
  out.clear();
  return {};
}

Status SideFile::sync() { return enabled() && !live_ ? sync_file(file_.get(), path_) : Status{}; }

}  // namespace twinpipe::cli
