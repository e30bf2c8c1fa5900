// SPDX-License-Identifier: Apache-2.0
// Compressed Sparkplug bodies: zlib, gzip or raw deflate, never expanded beyond a limit.
#include <zlib.h>

#include <algorithm>

#include "kernel/sparkplug_wire.hpp"

namespace twinpipe::sparkplug {
namespace {

constexpr int kZlibOrGzip = 15 + 32;
constexpr int kRaw = -15;

bool expand(std::string_view packed, int window, std::size_t limit, std::string& out) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // the interface lacks a const
  stream.avail_in = static_cast<uInt>(packed.size());
  int result = Z_OK;
  out.clear();
  while (result == Z_OK && out.size() <= limit) {
    // Grows with what comes out: a false size promises nothing.
    const std::size_t have = out.size();
    const std::size_t step = std::min(std::max<std::size_t>(have, 4096), limit + 1 - have);
    if (step == 0) break;
    out.resize(have + step);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(step);
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + step - stream.avail_out);
    if (result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) break;  // it ends early
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END && out.size() <= limit;
}

}  // namespace

bool inflate_bounded(std::string_view packed, std::size_t limit, std::string& out) {
  return expand(packed, kZlibOrGzip, limit, out) || expand(packed, kRaw, limit, out);
}

}  // namespace twinpipe::sparkplug
