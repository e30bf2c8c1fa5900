// SPDX-License-Identifier: Apache-2.0
// A side output: a stream of its own in a file, written as it grows, synced before a Position passes, and continued by a
// restarted program exactly where the state that it loaded says. Or one to whoever reads a pipe: /dev/fd/3, >(…), a FIFO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "io/fd.hpp"
#include "wire/output.hpp"

namespace twinpipe::cli {

class SideFile {
 public:
  /// An empty path: there is none, and nothing below does anything.
  explicit SideFile(std::string path) : path_(std::move(path)) {}
  bool enabled() const { return !path_.empty(); }

  /// `may_exist`: a restarted program may find what it wrote. When it was killed before its first Position was recorded it starts
  /// anew, and what it finds is moved to FILE.1, FILE.2, …. Errors: cant_create, also when the file is there and must not be.
  Status open(bool may_exist);
  /// True, after open(), when it is a pipe: whoever reads it waits, and nothing can be cut off.
  bool live() const { return live_; }
  /// Appends what is pending. `end`: how long the stream is with it, by the count of whoever writes it; `resumed`: that count
  /// was loaded, and what the file has beyond it is cut off, because it will be written again. Errors: io_error, cant_create,
  /// bad_config (the file is shorter than the count says). A pipe's reader that left is an error: it does not get what it should.
  Status write(Output& out, std::uint64_t end, bool resumed);
  /// Makes safe what was written. Errors: io_error.
  Status sync();
  /// A line for standard error, once.
  std::optional<std::string> take_notice() { return std::exchange(notice_, std::nullopt); }

 private:
  Status begin(std::uint64_t at, bool resumed);
  Status start_anew();

  std::string path_;
  Fd file_;
  std::optional<std::string> notice_;
  bool may_exist_ = false, begun_ = false, live_ = false;
};

}  // namespace twinpipe::cli
