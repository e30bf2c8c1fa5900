// SPDX-License-Identifier: Apache-2.0
// A descriptor that wakes a thread that polls it.
#include "io/wake.hpp"

#include <sys/eventfd.h>

namespace twinpipe {

Wake::Wake() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void Wake::ring() const {
  (void)eventfd_write(fd_.get(), 1);  // it is never full, and never waits
}

void Wake::drain() const {
  eventfd_t count = 0;
  (void)eventfd_read(fd_.get(), &count);
}

}  // namespace twinpipe
