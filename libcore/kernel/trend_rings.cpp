// SPDX-License-Identifier: Apache-2.0
// The last rows of each entity: rings of one size in columns, so that a new row costs its own numbers and no allocation.
#include "kernel/trend_rings.hpp"

#include <algorithm>

namespace twinpipe {

void TrendRings::grow(std::uint32_t entity) {
  rings_.resize(entity + std::size_t{1});
  as_of_.resize(rings_.size() * depth_);
  revision_.resize(rings_.size() * depth_);
  values_.resize(rings_.size() * depth_ * features_);
}

void TrendRings::put(std::size_t place, Nanos as_of, std::uint32_t revision, std::span<const double> values) {
  as_of_[place] = as_of;
  revision_[place] = revision;
  std::ranges::copy(values, values_.begin() + static_cast<std::ptrdiff_t>(place * features_));
}

void TrendRings::copy(std::size_t from, std::size_t to) {
  put(to, as_of_[from], revision_[from], std::span(values_).subspan(from * features_, features_));
}

TrendRings::Row TrendRings::row(std::uint32_t entity, std::size_t at) const {
  const std::size_t where = place(entity, at);
  return {as_of_[where], revision_[where], std::span(values_).subspan(where * features_, features_)};
}

std::size_t TrendRings::before(std::uint32_t entity, Nanos as_of) const {
  std::size_t count = size(entity);
  while (count > 0 && as_of_[place(entity, count - 1)] >= as_of) --count;
  return count;
}

void TrendRings::add(std::uint32_t entity, Nanos as_of, std::uint32_t revision, std::span<const double> values) {
  if (depth_ == 0) return;
  if (entity >= rings_.size()) grow(entity);
  Ring& ring = rings_[entity];
  std::size_t at = before(entity, as_of);
  if (at < ring.size && as_of_[place(entity, at)] == as_of) {
    if (revision >= revision_[place(entity, at)]) put(place(entity, at), as_of, revision, values);
    return;
  }
  if (ring.size == depth_) {
    if (at == 0) return;  // older than all of them
    ring.start = (ring.start + 1) % static_cast<std::uint32_t>(depth_);
    --at;
  } else {
    ++ring.size;
  }
  for (std::size_t later = ring.size - 1; later > at; --later) copy(place(entity, later - 1), place(entity, later));
  put(place(entity, at), as_of, revision, values);
}

}  // namespace twinpipe
