// SPDX-License-Identifier: Apache-2.0
// Columns from rows that come one at a time.
#include "wire/columns.hpp"

namespace twinpipe {

void ReadingsBuilder::row(std::uint32_t alias, Nanos time, std::uint32_t quality) {
  alias_.push_back(alias);
  time_.push_back(time);
  quality_.push_back(quality);
  any_quality_ = any_quality_ || quality != kGood;
}

void ReadingsBuilder::add(std::uint32_t alias, Nanos time, double value, std::uint32_t quality) {
  row(alias, time, quality);
  doubles_.push_back(value);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, std::int64_t value, std::uint32_t quality) {
  row(alias, time, quality);
  ints_.push_back(value);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, std::uint64_t value, std::uint32_t quality) {
  row(alias, time, quality);
  uints_.push_back(value);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, bool value, std::uint32_t quality) {
  row(alias, time, quality);
  bools_.push_back(value ? 1 : 0);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, std::string_view value, std::uint32_t quality) {
  row(alias, time, quality);
  owned_texts_.emplace_back(value);
}

void ReadingsBuilder::add_row(const Columns& from, std::size_t at, std::uint32_t alias) {
  const std::uint32_t quality = from.quality_at(at);
  switch (type_) {
    case v1::VALUE_TYPE_INT64: add(alias, from.time[at], from.ints[at], quality); break;
    case v1::VALUE_TYPE_UINT64: add(alias, from.time[at], from.uints[at], quality); break;
    case v1::VALUE_TYPE_BOOL: add(alias, from.time[at], from.bools[at] != 0, quality); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: add(alias, from.time[at], from.texts[at], quality); break;
    default: add(alias, from.time[at], from.doubles[at], quality); break;
  }
  if (!from.seq.empty()) set_origin(from.seq[at], from.index.empty() ? 0 : from.index[at]);
}

void ReadingsBuilder::set_origin(std::uint64_t seq, std::uint32_t index) {
  seq_.resize(rows() - 1);
  index_.resize(rows() - 1);
  seq_.push_back(seq);
  index_.push_back(index);
}

Columns ReadingsBuilder::columns() {
  texts_.assign(owned_texts_.begin(), owned_texts_.end());
  if (!seq_.empty()) {
    seq_.resize(rows());
    index_.resize(rows());
  }
  Columns columns;
  columns.alias = alias_;
  columns.time = time_;
  columns.type = type_;
  columns.doubles = doubles_;
  columns.ints = ints_;
  columns.uints = uints_;
  columns.bools = bools_;
  columns.texts = texts_;
  if (any_quality_) columns.quality = quality_;
  columns.seq = seq_;
  columns.index = index_;
  columns.historical = historical_;
  columns.pinned = pinned_;
  return columns;
}

void ReadingsBuilder::clear() {
  alias_.clear();
  time_.clear();
  quality_.clear();
  seq_.clear();
  index_.clear();
  doubles_.clear();
  ints_.clear();
  uints_.clear();
  bools_.clear();
  owned_texts_.clear();
  texts_.clear();
  any_quality_ = false;
}

}  // namespace twinpipe
