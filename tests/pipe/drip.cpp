// SPDX-License-Identifier: Apache-2.0
// drip [SEED [MOST]]: copies standard input to standard output in pieces of one byte, or of 1 to MOST bytes (4096) drawn
// from SEED, so that the reader behind it meets every cut of a stream. On a pipe in packet mode (O_DIRECT, pipe(2)) each
// piece comes back from one read() of its own; otherwise a slow reader would see the pieces joined.
#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "io/fd.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  std::mt19937_64 random(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0);
  const std::size_t most = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 4096;
  (void)fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_DIRECT);
  std::vector<char> buffer(std::size_t{1} << 16);
  for (;;) {
    const Result<std::size_t> got = read_some(0, buffer.data(), buffer.size());
    if (!got.ok()) return static_cast<int>(got.status().code);
    if (*got == 0) return 0;
    for (std::size_t at = 0; at < *got;) {
      const std::size_t want = argc > 1 ? 1 + random() % most : 1;
      const std::size_t size = std::min(want, *got - at);
      const Result<Written> written = write_all(1, {buffer.data() + at, size});
      if (!written.ok()) return static_cast<int>(written.status().code);
      if (*written == Written::reader_left) return 0;
      at += size;
    }
  }
}
