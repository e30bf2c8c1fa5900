// SPDX-License-Identifier: Apache-2.0
// What a buffer needs of a directory: the real one is in io/rawbuf_directory, the one that loses power is in the tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/status.hpp"

namespace twinpipe::rawbuf {

/// One file. Bytes are only ever added at its end, but for truncate().
class DiskFile {
 public:
  DiskFile() = default;
  virtual ~DiskFile() = default;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  virtual Result<std::uint64_t> size() = 0;
  /// Up to `length` bytes into `out`, whose content is replaced; fewer at the end of the file.
  virtual Status read(std::uint64_t offset, std::size_t length, std::string& out) = 0;
  virtual Status append(std::string_view bytes) = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  /// What was written survives a power cut.
  virtual Status sync() = 0;
};

class Disk {
 public:
  Disk() = default;
  virtual ~Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  virtual Result<std::vector<std::string>> list() = 0;
  /// Errors: no_input, no_permission.
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& name) = 0;
  /// For a file that is added to; it is created when it is not there. Errors: cant_create, no_permission.
  virtual Result<std::unique_ptr<DiskFile>> open_to_append(const std::string& name) = 0;
  virtual Status remove(const std::string& name) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Names created and removed survive a power cut.
  virtual Status sync_names() = 0;
};

}  // namespace twinpipe::rawbuf
