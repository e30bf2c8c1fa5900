// SPDX-License-Identifier: Apache-2.0
// replay DIR: gives every file of a fuzz target's corpus to the target, in builds without libFuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "io/fd.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(argc > 1 ? argv[1] : ".", error)) {
    const twinpipe::Result<std::string> content = twinpipe::read_file(entry.path());
    if (!content.ok()) {
      std::fprintf(stderr, "%s\n", content.status().message.c_str());
      return 1;
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content->data()), content->size());
    ++count;
  }
  if (count == 0) std::fprintf(stderr, "the corpus is empty: %s\n", argc > 1 ? argv[1] : ".");
  return count == 0 ? 1 : 0;
}
