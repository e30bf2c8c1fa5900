// SPDX-License-Identifier: Apache-2.0
// The last rows of each entity, in order of event time: the evidence that stands beside a score that fires.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wire/frame.hpp"

namespace twinpipe {

/// At most `depth` rows of `features` numbers an entity. A row that is sent again with a higher revision takes the place of the
/// one of the same as_of; a late one is put in where it belongs, and the oldest gives way.
class TrendRings {
 public:
  TrendRings(std::size_t depth, std::size_t features) : depth_(depth), features_(features) {}

  std::size_t depth() const { return depth_; }
  /// Entities are numbered densely.
  void add(std::uint32_t entity, Nanos as_of, std::uint32_t revision, std::span<const double> values);

  /// How many rows the ring has.
  std::size_t size(std::uint32_t entity) const { return entity < rings_.size() ? rings_[entity].size : 0; }
  struct Row {
    Nanos as_of = 0;
    std::uint32_t revision = 0;
    std::span<const double> values;
  };
  /// `at`: from 0, the oldest, to size() - 1.
  Row row(std::uint32_t entity, std::size_t at) const;
  /// How many of them are as of before `as_of`.
  std::size_t before(std::uint32_t entity, Nanos as_of) const;

 private:
  struct Ring {
    std::uint32_t start = 0, size = 0;
  };
  /// Place of the row in the columns below.
  std::size_t place(std::uint32_t entity, std::size_t at) const {
    std::size_t within = rings_[entity].start + at;
    if (within >= depth_) within -= depth_;
    return entity * depth_ + within;
  }
  void grow(std::uint32_t entity);
  void put(std::size_t place, Nanos as_of, std::uint32_t revision, std::span<const double> values);
  void copy(std::size_t from, std::size_t to);

  std::size_t depth_, features_;
  std::vector<Ring> rings_;  // by entity
  std::vector<Nanos> as_of_;
  std::vector<std::uint32_t> revision_;
  std::vector<double> values_;
};

}  // namespace twinpipe
