// SPDX-License-Identifier: Apache-2.0
// Raw readings and waveforms that wait for an exception.
#include "kernel/raw_ring.hpp"

#include <algorithm>

#include "state.pb.h"

namespace twinpipe {

/// What a block takes, whether it is full or not: memory that is reserved is memory that is used.
std::size_t RawRing::cost(const Block& block) {
  return sizeof(Block) + (block.rows.empty() ? 0 : kRows * sizeof(RawRow)) + block.text.size();
}

RawRing::Block& RawRing::append(std::uint32_t series, bool waveform) {
  if (free_.empty() || waveform) {
    blocks_.emplace_back();
    // Spare blocks are not counted: they must not add to what waveforms take.
    if (!free_.empty()) free_.pop_front();
  } else {
    blocks_.splice(blocks_.end(), free_, free_.begin());
  }
  Block& block = blocks_.back();
  block.self = std::prev(blocks_.end());
  block.next = nullptr;
  block.series = series;
  block.oldest = kForever;
  block.newest = kBeginning;
  Chain& chain = series_[series];
  (chain.last == nullptr ? chain.first : chain.last->next) = &block;
  chain.last = &block;
  return block;
}

void RawRing::add(std::uint32_t series, RawRow row, std::string_view text, bool doubtful) {
  if (!doubtful) reach(series, row.time);
  Block* block = series_[series].last;
  // A block holds no rows out of reach from each other: it could not be dropped in time.
  if (block == nullptr || row.time > saturating_add(block->oldest, horizon_) ||
      row.time < saturating_sub(block->newest, horizon_) || block->rows.empty() || block->rows.size() == kRows) {
    block = &append(series, false);
    block->rows.reserve(kRows);
  } else {
    bytes_ -= cost(*block);
  }
  row.length = static_cast<std::uint32_t>(text.size());
  if (!text.empty()) row.value = block->text.size();
  block->text.append(text);
  block->rows.push_back(row);
  block->oldest = std::min(block->oldest, row.time);
  block->newest = std::max(block->newest, row.time);
  bytes_ += cost(*block);
  if (bytes_ > limit_) evict();
}

void RawRing::add(std::uint32_t series, Nanos first, Nanos last, std::string rest, bool doubtful) {
  if (!doubtful) reach(series, last);
  Block& block = append(series, true);
  block.text = std::move(rest);
  block.oldest = first;
  block.newest = last;
  bytes_ += cost(block);
  if (bytes_ > limit_) evict();
}

/// Takes a block out of its chain, in which `before` stands in front of it (null: it is the first), and gives it back.
void RawRing::remove(Block& block, Block* before) {
  Chain& chain = series_[block.series];
  (before == nullptr ? chain.first : before->next) = block.next;
  if (chain.last == &block) chain.last = before;
  if (block.rows.capacity() == 0) {
    blocks_.erase(block.self);
    return;
  }
  block.rows.clear();
  block.text.clear();
  free_.splice(free_.begin(), blocks_, block.self);
}

/// The first block of its series leaves unsent.
void RawRing::drop(Block& block) {
  bytes_ -= cost(block);
  lose(block.series, block.oldest, block.newest);
  remove(block, nullptr);
}

void RawRing::evict() {
  // The oldest of all is the oldest of its series.
  while (bytes_ > limit_) {
    Block& oldest = blocks_.front();
    evicted_ += std::max<std::size_t>(oldest.rows.size(), 1);
    drop(oldest);
  }
}

/// Drops the blocks at the front that lie out of reach from `time`: too old, or from before the clock stepped back.
void RawRing::reach(std::uint32_t series, Nanos time) {
  const Nanos least = saturating_sub(time, horizon_), greatest = saturating_add(time, horizon_);
  const auto out_of_reach = [&](const Block* block) { return block->newest < least || block->oldest > greatest; };
  for (Block* block = series_[series].first; block != nullptr && out_of_reach(block); block = series_[series].first) drop(*block);
}

void RawRing::lose(std::uint32_t series, Nanos from, Nanos until) {
  auto& [grown, other] = series_[series].lost;
  const auto distance = [&](const Span& span) {
    return span.empty() ? horizon_ : from > span.until ? saturating_sub(from, span.until) : saturating_sub(span.from, until);
  };
  Span& span = distance(grown) <= distance(other) ? grown : other;
  span.from = std::min(span.from, from);
  span.until = std::max(span.until, until);
}

Nanos RawRing::lost(std::uint32_t series, Nanos from, Nanos until) const {
  Nanos greatest = kBeginning;
  for (const Span& span : series_[series].lost)
    if (!span.empty() && span.from <= until && span.until >= from) greatest = std::max(greatest, std::min(span.until, until));
  return greatest;
}

/// Leaves out the rows that are marked.
void RawRing::keep_rows(Block& block, const std::vector<bool>& leave) {
  std::string text;
  std::size_t kept = 0;
  block.oldest = kForever;
  block.newest = kBeginning;
  for (std::size_t i = 0; i < block.rows.size(); ++i) {
    if (leave[i]) continue;
    RawRow row = block.rows[i];
    if (row.length > 0) {
      const std::size_t at = text.size();
      text.append(block.text, row.value, row.length);
      row.value = at;
    }
    block.oldest = std::min(block.oldest, row.time);
    block.newest = std::max(block.newest, row.time);
    block.rows[kept++] = row;
  }
  block.rows.resize(kept);
  block.text = std::move(text);
}

void RawRing::visit(std::uint32_t series, Nanos from, Nanos until, const std::function<Fate(const Item&)>& visitor) {
  Block* before = nullptr;
  for (Block *block = series_[series].first, *next = nullptr; block != nullptr; block = next) {
    next = block->next;
    if (block->newest < from || block->oldest > until) {
      before = block;
      continue;
    }
    bytes_ -= cost(*block);
    bool whole = true;
    const auto ask = [&](const Item& item) {
      const Fate fate = visitor(item);
      if (fate == Fate::dropped) lose(series, item.first, item.last);
      whole = whole && fate != Fate::keep;
      return fate != Fate::keep;
    };
    if (block->rows.empty()) {
      ask({nullptr, block->text, block->oldest, block->newest});
    } else {
      leave_.assign(block->rows.size(), false);
      for (std::size_t i = 0; i < block->rows.size(); ++i) {
        const RawRow& row = block->rows[i];
        const std::string_view text =
            row.length == 0 ? std::string_view() : std::string_view(block->text).substr(row.value, row.length);
        if (row.time < from || row.time > until) whole = false;
        else leave_[i] = ask({&row, text, row.time, row.time});
      }
    }
    if (whole) {
      remove(*block, before);
      continue;
    }
    if (!block->rows.empty()) keep_rows(*block, leave_);
    bytes_ += cost(*block);
    before = block;
  }
}

void RawRing::save(v1::RawRingState& state) const {
  for (const Block& block : blocks_) {
    v1::RawRingBlock& to = *state.add_block();
    to.set_series(block.series);
    to.set_text(block.text);
    if (block.rows.empty()) {
      to.set_first(block.oldest);
      to.set_last(block.newest);
      continue;
    }
    for (const RawRow& row : block.rows) {
      to.add_time(row.time);
      to.add_value(row.value);
      to.add_seq(row.seq);
      to.add_index(row.index);
      to.add_quality(row.quality);
      to.add_length(row.length);
      to.add_kind(row.type | (row.has_seq ? 0x100U : 0));
    }
  }
  for (std::uint32_t series = 0; series < series_.size(); ++series)
    for (std::uint32_t which = 0; which < 2; ++which) {
      const Span& span = series_[series].lost[which];
      if (span.empty()) continue;
      state.add_lost(series * 2 + which);
      state.add_lost_from(span.from);
      state.add_lost_until(span.until);
    }
}

bool RawRing::load(const v1::RawRingState& state) {
  blocks_.clear();
  bytes_ = 0;
  std::ranges::fill(series_, Chain{});
  for (const v1::RawRingBlock& from : state.block()) {
    const int rows = from.time_size();
    if (from.series() >= series_.size() || static_cast<std::size_t>(rows) > kRows || from.value_size() != rows ||
        from.seq_size() != rows || from.index_size() != rows || from.quality_size() != rows || from.length_size() != rows ||
        from.kind_size() != rows)
      return false;
    Block& block = append(from.series(), rows == 0);
    if (rows > 0) block.rows.reserve(kRows);
    block.text = from.text();
    if (rows == 0) block.oldest = from.first(), block.newest = from.last();
    for (int i = 0; i < rows; ++i) {
      RawRow row{from.time(i),
                 from.value(i),
                 from.seq(i),
                 from.index(i),
                 from.quality(i),
                 from.length(i),
                 static_cast<std::uint8_t>(from.kind(i) & 0xFF),
                 from.kind(i) > 0xFF};
      if (row.length > 0 && (row.value > block.text.size() || row.length > block.text.size() - row.value)) return false;
      block.oldest = std::min(block.oldest, row.time);
      block.newest = std::max(block.newest, row.time);
      block.rows.push_back(row);
    }
    bytes_ += cost(block);
  }
  if (state.lost_size() != state.lost_from_size() || state.lost_size() != state.lost_until_size()) return false;
  for (int i = 0; i < state.lost_size(); ++i) {
    if (state.lost(i) / 2 >= series_.size()) return false;
    series_[state.lost(i) / 2].lost[state.lost(i) % 2] = {state.lost_from(i), state.lost_until(i)};
  }
  if (bytes_ > limit_) evict();  // the limit may be another one now
  return true;
}

}  // namespace twinpipe
