// SPDX-License-Identifier: Apache-2.0
// Aligned memory and a word to the kernel.
#include "io/huge_pages.hpp"

#include <sys/mman.h>

#include <new>

namespace twinpipe {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

std::align_val_t alignment_of(std::size_t bytes, std::size_t alignment) {
  return std::align_val_t{bytes >= kPage && alignment < kPage ? kPage : alignment};
}

}  // namespace

void* HugePages::do_allocate(std::size_t bytes, std::size_t alignment) {
  void* const piece = ::operator new(bytes, alignment_of(bytes, alignment));
  // Whole pages alone: what is behind them would take another 2 MiB. A kernel without large pages refuses, and nothing is lost.
  if (bytes >= kPage) (void)::madvise(piece, bytes / kPage * kPage, MADV_HUGEPAGE);
  return piece;
}

void HugePages::do_deallocate(void* piece, std::size_t bytes, std::size_t alignment) {
  ::operator delete(piece, bytes, alignment_of(bytes, alignment));
}

bool HugePages::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  return dynamic_cast<const HugePages*>(&other) != nullptr;
}

}  // namespace twinpipe
