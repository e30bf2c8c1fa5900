// SPDX-License-Identifier: Apache-2.0
// The log of feature rows that a point-in-time join walks.
#include "cli/pit_logs.hpp"

#include <algorithm>

#include "kernel/bytes_of.hpp"

namespace twinpipe::cli {
namespace {

constexpr std::size_t kRows = 512;  // given to the join at once

template <class T>
PackedView<T> view_of(const std::vector<T>& column) {
  return PackedView<T>({reinterpret_cast<const char*>(column.data()), column.size() * sizeof(T)});
}

}  // namespace

/// A row at the front of each input that has one still.
Result<bool> MergedLog::fill() {
  for (const auto& input : *inputs_) {
    Result<bool> more = input->fill(*pull_);
    if (!more.ok()) return more;
    if (!*more && !input->frames().complete()) return false;
  }
  return true;
}

Result<bool> MergedLog::take(Nanos limit, PitJoin& join) {
  const auto over = [](const FeatureInput& input) { return input.at() == input.rows().rows(); };
  for (;;) {
    Result<bool> filled = fill();
    if (!filled.ok() || !*filled) return filled;
    FeatureInput* first = nullptr;
    for (const auto& input : *inputs_)
      if (!over(*input) && (first == nullptr || input->walk_time() < first->walk_time())) first = input.get();
    if (first == nullptr || first->walk_time() > limit) return true;
    // As far as no other input has its turn: of one time, the input that was named first goes first.
    std::size_t until = first->until(limit, false);
    bool behind = false;
    for (const auto& input : *inputs_) {
      if (input.get() == first) behind = true;
      else if (!over(*input)) until = std::min(until, first->until(input->walk_time(), !behind));
    }
    if (Status status = join.add(first->rows(), first->at(), until); !status.ok()) {
      first->advance_to(join.bad_row());
      return first->frames().placed(std::move(status));
    }
    first->advance_to(until);
  }
}

Status SortedLog::read(FeatureInput& input, Pull& pull) {
  std::string record;
  for (;;) {
    Result<bool> more = input.fill(pull);
    if (!more.ok()) return more.status();
    if (!*more) break;
    const FeatureRows& rows = input.rows();
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      record.clear();
      append_bytes_of(rows.layout, record);
      append_bytes_of(rows.entity[row], record);
      const RowTimes times{rows.as_of[row], rows.known_at.empty() ? rows.as_of[row] : rows.known_at[row], rows.revision_at(row)};
      append_bytes_of(times.as_of, record);
      append_bytes_of(times.known_at, record);
      append_bytes_of(times.revision, record);
      for (const PackedView<double>& column : rows.column) append_bytes_of(column[row], record);
      if (Status status = sort_.add(walk_time(options_, times), record); !status.ok()) return status;
    }
    input.advance_to(rows.rows());
  }
  complete_ = complete_ && input.frames().complete();
  return {};
}

Status SortedLog::read(FeatureInputs& inputs, Pull& pull) {
  for (const auto& input : inputs)
    if (Status status = read(*input, pull); !status.ok()) return status;
  return sort_.finish();
}

Result<bool> SortedLog::fill() {
  if (has_front_ || over_) return has_front_;
  Result<bool> more = sort_.next(front_, record_);
  if (!more.ok()) return more;
  has_front_ = *more;
  over_ = !*more;
  return has_front_;
}

void SortedLog::add_row() {
  std::string_view rest = record_;
  const auto layout = take_bytes_of<std::uint32_t>(rest);
  if (layout != layout_ || columns_.empty()) columns_.assign(layouts_->layout(layout).names.size(), {});
  layout_ = layout;
  entity_.push_back(take_bytes_of<std::uint32_t>(rest));
  as_of_.push_back(take_bytes_of<Nanos>(rest));
  known_at_.push_back(take_bytes_of<Nanos>(rest));
  revision_.push_back(take_bytes_of<std::uint32_t>(rest));
  for (std::vector<double>& column : columns_) column.push_back(take_bytes_of<double>(rest));
  has_front_ = false;
}

Status SortedLog::give(PitJoin& join) {
  if (entity_.empty()) return {};
  std::vector<PackedView<double>> columns;
  for (const std::vector<double>& column : columns_) columns.push_back(view_of(column));
  FeatureRows rows;
  rows.entity = entity_;
  rows.as_of = view_of(as_of_);
  rows.known_at = view_of(known_at_);
  rows.revision = revision_;
  rows.layout = layout_;
  rows.column = columns;
  Status status = join.add(rows, 0, rows.rows());
  entity_.clear();
  as_of_.clear();
  known_at_.clear();
  revision_.clear();
  for (std::vector<double>& column : columns_) column.clear();
  return status;
}

Result<bool> SortedLog::take(Nanos limit, PitJoin& join) {
  for (;;) {
    Result<bool> more = fill();
    if (!more.ok()) return more;
    const bool wanted = *more && front_ <= limit;
    std::string_view rest = record_;
    if (wanted && entity_.size() < kRows && (entity_.empty() || take_bytes_of<std::uint32_t>(rest) == layout_)) {
      add_row();
      continue;
    }
    if (Status status = give(join); !status.ok()) return status;
    if (!wanted) return *more || complete_;
  }
}

}  // namespace twinpipe::cli
