// SPDX-License-Identifier: Apache-2.0
// A descriptor that one thread makes readable to wake another that polls it.
#pragma once

#include "io/fd.hpp"

namespace twinpipe {

class Wake {
 public:
  Wake();
  /// From any thread.
  void ring() const;
  /// Before looking at what the other thread did, so that nothing is missed.
  void drain() const;
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

}  // namespace twinpipe
