// SPDX-License-Identifier: Apache-2.0
// One pane of the window aggregates: readings in order, blocks, what they come to.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kBlock = 16;  // readings that are taken at once, in order of time

/// Readings of one value that come twice are one (at-least-once delivery); two values of one time are two facts, the later
/// index behind. `readings` are those of one time; returns how many are left.
template <class Numbered>
std::size_t unique_of_one_time(Numbered* readings, std::size_t n) {
  const auto bits = [](const Numbered& r) { return std::bit_cast<std::uint64_t>(r.value); };
  std::sort(readings, readings + n,
            [&](const Numbered& a, const Numbered& b) { return bits(a) != bits(b) ? bits(a) < bits(b) : a.order > b.order; });
  const auto end = std::unique(readings, readings + n, [&](const Numbered& a, const Numbered& b) { return bits(a) == bits(b); });
  std::sort(readings, end,
            [&](const Numbered& a, const Numbered& b) { return a.order != b.order ? a.order < b.order : bits(a) < bits(b); });
  return static_cast<std::size_t>(end - readings);
}

}  // namespace

/// The head no longer writes: its pane knows what it holds.
void WinAgg::park(std::size_t lane, std::uint32_t slot) {
  Head& head = lanes_[lane]->heads[slot];
  if (head.start == head.end) return;
  for (Pane& pane : lanes_[lane]->tracks[slot].panes) {
    if (!head.writes_to(pane)) continue;
    head.put_waiting();
    const auto size = static_cast<std::uint32_t>(head.next - pane.data);
    if (size != pane.size) pane.total.reset();
    bool unsorted = pane.unsorted;
    for (const Reading* next = pane.data + std::max(pane.size, 1U); next < head.next; ++next)
      unsorted |= next->time <= next[-1].time;
    pane.unsorted = unsorted;
    pane.size = size;
    break;
  }
  head.start = head.end = 0;
  head.next = nullptr;
  head.room = head.waiting = head.ordered = 0;
}

/// Readings in order of time, each once.
void WinAgg::settle(Pane& pane) {
  if (!pane.unsorted) return;
  pane.unsorted = false;
  unsorted_.clear();
  for (std::uint32_t i = 0; i < pane.size; ++i) unsorted_.push_back(pane.reading(i));
  Numbered* const all = unsorted_.data();
  std::stable_sort(all, all + pane.size, [](const Numbered& a, const Numbered& b) { return a.time < b.time; });
  std::uint32_t kept = 0;
  for (std::size_t i = 0, end = 0; i < pane.size; i = end) {
    for (end = i + 1; end < pane.size && all[end].time == all[i].time;) ++end;
    const std::size_t n = end - i == 1 ? 1 : unique_of_one_time(all + i, end - i);
    if (!std::isnan(all[i].value)) duplicates_ += end - i - n;
    for (const Numbered* next = all + i; next != all + i + n; ++next, ++kept) {
      pane.data[kept] = *next;
      if (pane.orders != nullptr) pane.orders[kept] = next->order;
    }
  }
  pane.size = kept;
}

namespace {

/// One block, at most, in order of time; readings that are not numbers are counted apart.
template <class Content, class Reading>
Content content_of(const Reading* readings, std::size_t n) {
  Content content;
  std::array<double, kBlock> values;
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < n; ++i) {  // without a branch
    values[numbers] = readings[i].value;
    numbers += !std::isnan(readings[i].value);
  }
  content.excluded = n - numbers;
  if (numbers == 0) return content;
  content.moments = moments_of(std::span<const double>(values.data(), numbers));
  const Reading *first = readings, *last = readings + n - 1;
  while (std::isnan(first->value)) ++first;
  while (std::isnan(last->value)) --last;
  content.moments.first_time = first->time;
  content.moments.last_time = last->time;
  return content;
}

}  // namespace

/// Takes out for good what is older than `before`, in whole blocks: where a block ends depends on the order of time alone, so it
/// does not matter when this happens.
void WinAgg::seal(Pane& pane, Nanos before) {
  settle(pane);
  const Reading* const all = pane.data;
  std::size_t taken = 0;
  while (taken + kBlock <= pane.size && all[taken + kBlock - 1].time < before) {
    pane.sealed.merge(content_of<Content>(all + taken, kBlock));
    taken += kBlock;
  }
  if (taken == 0) return;
  pane.sealed_until = all[taken - 1].time;
  std::move(pane.data + taken, pane.data + pane.size, pane.data);
  if (pane.orders != nullptr) std::move(pane.orders + taken, pane.orders + pane.size, pane.orders);
  pane.size -= static_cast<std::uint32_t>(taken);
}

WinAgg::Content WinAgg::fold(Pane& pane) {
  if (pane.total) return *pane.total;
  settle(pane);
  Content total = pane.sealed;
  for (std::size_t at = 0; at < pane.size; at += kBlock)
    total.merge(content_of<Content>(pane.data + at, std::min<std::size_t>(kBlock, pane.size - at)));
  if (!pane.slices) return total;
  Content samples = pane.slices->sealed;
  for (const Slice& slice : pane.slices->kept) samples.merge(slice.content);
  total.merge(samples);
  return total;
}

/// Slices are kept in order of time until they are older than `before`.
Status WinAgg::add_slice(Pane& pane, const Slice& slice, Nanos before) {
  constexpr std::size_t kMost = 64;
  pane.total.reset();
  if (!pane.slices) pane.slices = std::make_unique<Slices>();
  Slices& slices = *pane.slices;
  std::vector<Slice>& kept = slices.kept;
  if (slice.time <= slices.until) {
    slices.sealed.merge(slice.content);
    ++out_of_order_;
    return {};
  }
  const auto behind = std::ranges::upper_bound(kept, slice.time, {}, &Slice::time);
  for (auto same = behind; same != kept.begin() && (same - 1)->time == slice.time; --same) {
    const Moments &a = (same - 1)->content.moments, &b = slice.content.moments;
    if (a.count != b.count || a.mean != b.mean || a.m2 != b.m2) continue;
    samples_duplicate_ += b.count;  // at-least-once delivery
    return {};
  }
  const std::size_t bytes = slices.bytes();
  const auto rank = [](const Slice& s) { return std::tuple(s.time, s.order, s.content.moments.count, s.content.moments.mean); };
  kept.insert(std::ranges::upper_bound(kept, rank(slice), {}, rank), slice);
  held_ += slices.bytes() - bytes;
  if (held_ > options_.memory) return too_much();
  if (kept.size() < kMost) return {};
  const auto young = std::ranges::lower_bound(kept, before, {}, &Slice::time);
  for (auto old = kept.begin(); old != young; ++old) {
    slices.until = old->time;
    slices.sealed.merge(old->content);
  }
  kept.erase(kept.begin(), young);
  return {};
}

Status WinAgg::too_much() const {
  return Status::error(Code::bad_data,
                       fmt::format("what open windows hold takes more than {} bytes; see --memory", options_.memory));
}

/// What forgotten panes had is used again: series have about as many readings in each pane. `bytes`: a power of two.
void* WinAgg::buffer_of(std::size_t bytes) {
  constexpr std::size_t kCacheLine = 64;
  held_ += bytes;
  auto& spare = spare_[static_cast<std::size_t>(std::countr_zero(bytes))];
  if (spare.empty()) return buffers_.allocate(bytes, std::min(bytes, kCacheLine));
  void* const buffer = spare.back();
  spare.pop_back();
  return buffer;
}

void WinAgg::give_back(void* buffer, std::size_t bytes) {
  held_ -= bytes;
  spare_[static_cast<std::size_t>(std::countr_zero(bytes))].push_back(buffer);
}

/// Room for at least `readings`.
Status WinAgg::enlarge(Pane& pane, std::uint32_t readings) {
  const std::uint32_t capacity = std::bit_ceil(readings);
  const std::size_t each = sizeof *pane.data + (pane.orders != nullptr ? sizeof *pane.orders : 0);
  if (held_ + capacity * each > options_.memory) return too_much();
  const auto move_to_larger = [&]<class T>(T*& buffer) {
    auto* const larger = static_cast<T*>(buffer_of(capacity * sizeof(T)));
    std::copy(buffer, buffer + pane.size, larger);
    if (buffer != nullptr) give_back(buffer, pane.capacity * sizeof(T));
    buffer = larger;
  };
  move_to_larger(pane.data);
  if (pane.orders != nullptr) move_to_larger(pane.orders);
  pane.capacity = capacity;
  return {};
}

/// The first reading with an order comes; those before had none.
Status WinAgg::add_orders(Pane& pane) {
  const std::size_t bytes = pane.capacity * sizeof *pane.orders;
  if (held_ + bytes > options_.memory) return too_much();
  pane.orders = static_cast<std::uint64_t*>(buffer_of(bytes));
  std::fill_n(pane.orders, pane.size, 0);
  return {};
}

/// Gives back the memory of a pane that nobody needs any more.
void WinAgg::forget(Pane& pane) {
  if (pane.slices) held_ -= pane.slices->bytes();
  if (pane.data != nullptr) give_back(pane.data, pane.capacity * sizeof *pane.data);
  if (pane.orders != nullptr) give_back(pane.orders, pane.capacity * sizeof *pane.orders);
  pane.slices.reset();
  pane.data = nullptr;
  pane.orders = nullptr;
  pane.capacity = pane.size = 0;
}

}  // namespace twinpipe
