// SPDX-License-Identifier: Apache-2.0
// Identity as text: series names and asset keys.
#include "wire/names.hpp"

#include <vector>

namespace twinpipe {
namespace {

bool reserved(unsigned char c) { return c < 0x20 || c == 0x7F || c == '.' || c == '/' || c == '+' || c == '#' || c == '%'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

template <std::size_t N>
std::optional<std::array<std::string, N>> split(std::string_view text, char separator) {
  std::array<std::string, N> levels;
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t end = text.find(separator);
    if ((end == std::string_view::npos) != (i + 1 == N)) return std::nullopt;
    levels[i] = decode_level(text.substr(0, end));
    if (end != std::string_view::npos) text.remove_prefix(end + 1);
  }
  return levels;
}

}  // namespace

std::string encode_level(std::string_view level) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(level.size());
  for (const char c : level) {
    const auto byte = static_cast<unsigned char>(c);
    if (!reserved(byte)) {
      out += c;
      continue;
    }
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string decode_level(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string series_name(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) {
  return encode_level(site) + '/' + encode_level(line) + '/' + encode_level(asset) + '/' + encode_level(sensor);
}

std::optional<std::array<std::string, 4>> split_series_name(std::string_view name) { return split<4>(name, '/'); }

std::string asset_key(std::string_view site, std::string_view line, std::string_view asset) {
  return encode_level(site) + '.' + encode_level(line) + '.' + encode_level(asset);
}

std::optional<std::array<std::string, 3>> split_asset_key(std::string_view key) { return split<3>(key, '.'); }

}  // namespace twinpipe
