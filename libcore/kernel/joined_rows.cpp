// SPDX-License-Identifier: Apache-2.0
// Readings of several frames joined into one.
#include "kernel/joined_rows.hpp"

namespace twinpipe {
namespace {

template <class T>
void add(std::vector<T>& to, std::span<const T> from, std::size_t begin, std::size_t end) {
  if (!from.empty())
    to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(begin), from.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace

void JoinedRows::append(const Columns& columns, std::span<const std::uint32_t> aliases, std::size_t begin, std::size_t end) {
  const std::size_t before = alias_.size(), after = before + (end - begin);
  kind_ = kind_of(columns);
  add(alias_, aliases, begin, end);
  add(time_, columns.time, begin, end);
  add(doubles_, columns.doubles, begin, end);
  add(ints_, columns.ints, begin, end);
  add(uints_, columns.uints, begin, end);
  add(bools_, columns.bools, begin, end);
  if (!columns.texts.empty())
    for (std::size_t row = begin; row < end; ++row) {
      text_.append(columns.texts[row]);
      text_ends_.push_back(text_.size());
    }
  if (!columns.quality.empty()) {
    quality_.resize(before, kGood);
    add(quality_, columns.quality, begin, end);
    any_quality_ = true;
  } else if (any_quality_) {
    quality_.resize(after, kGood);
  }
  if (kind_.has_seq) {
    add(seq_, columns.seq, begin, end);
    if (columns.index.empty()) index_.resize(after, 0);
    else add(index_, columns.index, begin, end);
  }
}

void JoinedRows::flush(Output& out) {
  if (alias_.empty()) return;
  Columns columns;
  columns.alias = alias_;
  columns.time = time_;
  columns.type = kind_.type;
  columns.doubles = doubles_;
  columns.ints = ints_;
  columns.uints = uints_;
  columns.bools = bools_;
  texts_.clear();
  for (std::size_t i = 0, begin = 0; i < text_ends_.size(); begin = text_ends_[i++])
    texts_.push_back(std::string_view(text_).substr(begin, text_ends_[i] - begin));
  columns.texts = texts_;
  if (any_quality_) columns.quality = quality_;
  columns.seq = seq_;
  columns.index = index_;
  columns.historical = kind_.historical;
  columns.pinned = kind_.pinned;
  out.readings(columns);
  alias_.clear();
  time_.clear();
  doubles_.clear();
  ints_.clear();
  uints_.clear();
  bools_.clear();
  text_.clear();
  text_ends_.clear();
  quality_.clear();
  seq_.clear();
  index_.clear();
  any_quality_ = false;
}

}  // namespace twinpipe
