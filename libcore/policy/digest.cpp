// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL.
#include "policy/digest.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

namespace twinpipe {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace twinpipe
