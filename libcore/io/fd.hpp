// SPDX-License-Identifier: Apache-2.0
// Descriptors: the only read, write, poll, fsync and rename. EINTR, EAGAIN and short counts end here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wire/status.hpp"

namespace twinpipe {

/// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Gives closed standard descriptors /dev/null, opened the wrong way round: a file that is opened later must not take
/// their number and be read as input or overwritten as output, and reading or writing them fails as before.
void occupy_standard_descriptors();
/// False for a descriptor that is closed, or was when the process started.
bool open_for_reading(int fd);
bool open_for_writing(int fd);

/// Reads up to `size` bytes; 0 at the end of the input. Errors: io_error.
Result<std::size_t> read_some(int fd, char* at, std::size_t size);

/// What became of a write.
enum class Written { all, reader_left };
/// Writes everything. A reader that left (EPIPE) is no error. Errors: io_error, with the reason (disk full, …).
Result<Written> write_all(int fd, std::string_view bytes);

/// Opens a file to read it. Errors: no_input (missing), no_permission.
Result<Fd> open_to_read(const std::string& path);

/// Opens a file to write behind its end, and creates it when it is missing. Errors: cant_create, no_permission.
Result<Fd> open_to_append(const std::string& path);
/// Bytes in a regular file; 0 for what has no size.
std::uint64_t file_size(int fd);
/// Cuts a regular file to `size`. Errors: io_error.
Status cut_file(int fd, const std::string& path, std::uint64_t size);
/// Makes safe what was written; what cannot be synced (a pipe, a device) needs no sync. Errors: io_error.
Status sync_file(int fd, const std::string& path);

/// Creates a file that must not be there yet. Errors: cant_create, no_permission.
Result<Fd> create_new(const std::string& path);

/// Whole content of a file. Errors: no_input (missing), no_permission, io_error.
Result<std::string> read_file(const std::string& path);

/// Replaces `path` by `bytes`: a temporary file beside it, fsync, rename, fsync of the directory. Readers see the old
/// or the new content, and after a power cut so does the disk. Errors: cant_create, io_error.
Status replace_file(const std::string& path, std::string_view bytes);

/// Creates `path` and its parents where missing. Errors: cant_create.
Status make_directory(const std::string& path);

/// Asks for a pipe of 1 MiB on a descriptor that is a pipe; it triples the throughput, and its refusal costs only speed.
void widen_pipe(int fd);

/// "cause" of an errno, for messages.
std::string cause(int error);
/// io_error, cant_create, no_input or no_permission, as the errno says, with "what: cause".
Status system_error(Code otherwise, std::string_view what, int error);

}  // namespace twinpipe
