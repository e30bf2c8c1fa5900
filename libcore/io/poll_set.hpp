// SPDX-License-Identifier: Apache-2.0
// Many descriptors behind one: readable when any of them is ready.
#pragma once

#include <map>

#include "io/fd.hpp"

namespace twinpipe {

class PollSet {
 public:
  /// Errors: internal.
  Status open();
  int fd() const { return fd_.get(); }
  /// Watches the descriptor of `owner` for reading and, where asked, for writing. A negative one is forgotten; a new one
  /// takes the place of the old, which may be closed already.
  void watch(int owner, int fd, bool write);

 private:
  struct Watched {
    int fd = -1;
    bool write = false;
  };
  Fd fd_;
  std::map<int, Watched> watched_;
};

}  // namespace twinpipe
