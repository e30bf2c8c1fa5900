// SPDX-License-Identifier: Apache-2.0
// Numbers by the names that they stand for.
#include "wire/name_index.hpp"

#include <algorithm>
#include <utility>

namespace twinpipe {

void NameIndex::add(std::uint32_t hash, std::uint32_t number) {
  const auto put = [this](const Place& place) {
    std::size_t at = place.hash & mask();
    while (places_[at].number != kNone) at = (at + 1) & mask();
    places_[at] = place;
  };
  if (2 * ++taken_ > places_.size()) {
    const std::vector<Place> old = std::exchange(places_, std::vector<Place>(std::max<std::size_t>(64, 2 * places_.size())));
    for (const Place& place : old)
      if (place.number != kNone) put(place);
  }
  put({hash, number});
}

}  // namespace twinpipe
