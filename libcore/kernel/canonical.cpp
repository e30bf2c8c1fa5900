// SPDX-License-Identifier: Apache-2.0
// The canonical form of a stream.
#include "kernel/canonical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "wire/names.hpp"

namespace twinpipe {

Status Canonical::check_size() const {
  const std::size_t bytes = lines_.size() * sizeof(Line) + readings_.size() + others_.size();
  if (bytes <= most_bytes_) return {};
  return Status::error(Code::bad_config,
                       fmt::format("the canonical form takes more than {} bytes of memory: raise --memory, or select "
                                   "with --match, --since and --until",
                                   most_bytes_));
}

Status Canonical::on_readings(const Columns& columns, Rows rows, const FrameView&, Output&) {
  for (const std::uint32_t row : rows) {
    Line line;
    line.slot = columns.slot[row];
    line.time = columns.time[row];
    line.historical = columns.historical;
    line.seq = columns.seq.empty() ? 0 : columns.seq[row];
    line.index = columns.index.empty() ? 0 : columns.index[row];
    line.at = readings_.size();
    if (Status status = reading_.append(columns, row, readings_); !status.ok()) {
      readings_.resize(line.at);
      return status;
    }
    readings_ += '\n';
    line.length = static_cast<std::uint32_t>(readings_.size() - line.at);
    lines_.push_back(line);
  }
  return check_size();
}

Status Canonical::on_frame(const v1::Frame& frame, bool, const FrameView& view, Output&) {
  if (view.kind == FrameKind::open || view.kind == FrameKind::close) return {};
  if (view.kind == FrameKind::series) return declare(frame, view);
  if (Status status = message_.append_frame(frame, view, others_); !status.ok()) return status;
  others_ += '\n';
  return check_size();
}

/// A sensor at a time, so that it does not matter which were declared together.
Status Canonical::declare(const v1::Frame& frame, const FrameView& view) {
  last_declared_.resize(table().size());
  v1::Frame one = frame;
  for (const v1::Sensor& sensor : frame.series().sensor()) {
    one.mutable_series()->clear_sensor();
    *one.mutable_series()->add_sensor() = sensor;
    Declaration declaration{table().slots()[sensor.alias()], {}};
    if (Status status = message_.append_frame(one, view, declaration.line); !status.ok()) return status;
    declaration.line += '\n';
    std::size_t& last = last_declared_[declaration.slot];
    if (last > 0 && declarations_[last - 1].line == declaration.line) continue;
    declarations_.push_back(std::move(declaration));
    last = declarations_.size();
  }
  return {};
}

/// Slot → place of its name among all names.
std::vector<std::uint32_t> Canonical::ranks() const {
  std::vector<std::string> names(table().size());
  for (std::uint32_t slot = 0; slot < names.size(); ++slot) names[slot] = table().name(slot);
  std::vector<std::uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&names](std::uint32_t slot) -> const std::string& { return names[slot]; });
  std::vector<std::uint32_t> ranks(names.size());
  for (std::uint32_t place = 0; place < order.size(); ++place) ranks[order[place]] = place;
  return ranks;
}

Status Canonical::finish(Ending ending, Output& out) {
  const std::vector<std::uint32_t> rank = ranks();
  std::ranges::stable_sort(declarations_, {}, [&rank](const Declaration& d) { return rank[d.slot]; });
  std::ranges::sort(lines_, {}, [&rank](const Line& line) {
    // Lines stand in `readings_` in the order in which they came.
    return std::tuple(rank[line.slot], line.time, line.historical, line.seq, line.index, line.at);
  });
  std::string& text = out.text();
  for (const Declaration& declaration : declarations_) text += declaration.line;
  for (const Line& line : lines_) text.append(readings_, line.at, line.length);
  text += others_;
  if (ending != Ending::cut)
    text += fmt::format("{{\"frame\":\"close\",\"readings\":{},\"final\":{}}}\n", lines_.size(), ending == Ending::finished);
  return {};
}

}  // namespace twinpipe
