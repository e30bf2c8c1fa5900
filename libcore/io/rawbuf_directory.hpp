// SPDX-License-Identifier: Apache-2.0
// A buffer's directory on a real disk: its files, the lock of its one writer, and a descriptor that says when it changes.
#pragma once

#include <string>

#include "io/fd.hpp"
#include "kernel/rawbuf_disk.hpp"

namespace twinpipe {

class RawbufDirectory final : public rawbuf::Disk {
 public:
  explicit RawbufDirectory(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  /// Makes the directory where it is missing, and takes the writer's lock. Errors: cant_create, temporary (there is a writer).
  Status lock();
  /// Whether another process holds the lock; nothing is created for that.
  bool being_written() const;
  /// Bytes that the file system has left for us. Errors: io_error.
  Result<std::uint64_t> room() const;
  /// Watches for segments that appear, grow and vanish. Errors: io_error.
  Status watch();
  /// Readable when something may have changed; -1 before watch().
  int watch_fd() const { return watch_.get(); }
  /// Forgets the changes so far. Called before looking, so that none is missed.
  void drain();

  /// Errors: no_input (no directory, or one of other files alone: a mistyped path must not pass for an empty buffer),
  /// no_permission.
  Result<std::vector<std::string>> list() override;
  Result<std::unique_ptr<rawbuf::DiskFile>> open(const std::string& name) override;
  Result<std::unique_ptr<rawbuf::DiskFile>> open_to_append(const std::string& name) override;
  Status remove(const std::string& name) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status sync_names() override;

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  Fd lock_, watch_;
};

}  // namespace twinpipe
