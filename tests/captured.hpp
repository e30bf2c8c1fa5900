// SPDX-License-Identifier: Apache-2.0
// What a piece of code writes on a descriptor, caught in a file that has no name.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace twinpipe::testing {

/// From construction to text(), `fd` writes into a temporary file.
class Captured {
 public:
  explicit Captured(int fd) : fd_(fd), kept_(dup(fd)), file_(std::tmpfile()) { dup2(fileno(file_), fd_); }
  ~Captured() {
    restore();
    std::fclose(file_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  std::string text() {
    restore();
    std::string all;
    std::rewind(file_);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) all += static_cast<char>(c);
    return all;
  }

 private:
  void restore() {
    if (kept_ < 0) return;
    dup2(kept_, fd_);
    close(kept_);
    kept_ = -1;
  }

  int fd_, kept_;
  std::FILE* file_;
};

}  // namespace twinpipe::testing
