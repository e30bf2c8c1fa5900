// SPDX-License-Identifier: Apache-2.0
// Memory for tables that are used in any order: in pages of 2 MiB, where the system has them.
#pragma once

#include <memory_resource>

namespace twinpipe {

/// A table of 100,000 series spreads over more pages of 4 KiB than the processor remembers the places of, so that a reading
/// would wait for the page's place before it waits for its cache line. Pieces of 2 MiB or more are aligned to it, and the kernel
/// is asked for large pages; where it has none they are as good as any. Smaller ones are ordinary memory.
class HugePages final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* piece, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;
};

}  // namespace twinpipe
