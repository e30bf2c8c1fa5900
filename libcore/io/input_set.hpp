// SPDX-License-Identifier: Apache-2.0
// Several inputs that are read as they become ready.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "io/fd.hpp"

namespace twinpipe {

class InputSet {
 public:
  /// Opens an input; "-" is standard input. A FIFO is opened whether it has a writer yet or not: the writers of two may wait for
  /// each other. Errors: no_input, no_permission, io_error, internal.
  Status add(const std::string& path);

  std::size_t size() const { return inputs_.size(); }
  int descriptor(std::size_t input) const { return inputs_[input].fd; }
  /// A file: reading it never waits for anybody.
  bool always_ready(std::size_t input) const { return !inputs_[input].polled; }
  void close(std::size_t input);

  /// Watches these inputs alone; those that are always ready cannot be watched.
  void watch(const std::vector<bool>& inputs);
  /// Readable when a watched input is ready; -1 when there is none to watch.
  int fd() const { return set_.get(); }
  /// Those of the watched that are ready now.
  std::vector<std::size_t> ready() const;

 private:
  struct Input {
    Fd file;
    int fd = -1;
    bool polled = false, watched = false;
  };
  Status open(const std::string& path, Input& input);

  std::deque<Input> inputs_;
  Fd set_;
};

}  // namespace twinpipe
