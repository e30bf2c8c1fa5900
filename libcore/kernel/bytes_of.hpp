// SPDX-License-Identifier: Apache-2.0
// Values as their bytes in memory, for records that only this process reads again.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace twinpipe {

template <class T>
void append_bytes_of(const T& value, std::string& bytes) {
  static_assert(std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>, "padding would be copied");
  char copy[sizeof(T)];
  std::memcpy(copy, &value, sizeof(T));
  bytes.append(copy, sizeof(T));
}

/// Takes it off the front, where append_bytes_of put it.
template <class T>
T take_bytes_of(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

}  // namespace twinpipe
