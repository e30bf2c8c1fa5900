// SPDX-License-Identifier: Apache-2.0
// Joined labels as Features frames.
#include "kernel/pit_frames.hpp"

#include <fmt/format.h>

#include <limits>

#include "kernel/number_text.hpp"

namespace twinpipe {
namespace {

constexpr int kRows = 512;  // of a frame

}  // namespace

Result<double> FramesOutput::number(const LabelCell& cell, const std::string& name) const {
  double value = std::numeric_limits<double>::quiet_NaN();
  if (cell.kind == LabelCell::Kind::null) return value;
  if (cell.kind == LabelCell::Kind::real) return cell.real;
  const bool plain = cell.kind == LabelCell::Kind::csv || cell.kind == LabelCell::Kind::literal;
  if (plain && (cell.text == "true" || cell.text == "false")) return cell.text == "true" ? 1.0 : 0.0;
  if (plain && parse_number(cell.text, value)) return value;
  return Status::error(Code::bad_data, fmt::format("{}: '{}' is not a number, and frames hold numbers alone", name, cell.text));
}

/// Columns of a frame; the label's first.
Status FramesOutput::begin(std::uint32_t layout) {
  Result<std::vector<std::string>> added = added_names(layout);
  if (!added.ok()) return added.status();
  v1::Features& rows = *frame_.mutable_features();
  const LabelLayout& label = (*labels_)[layout];
  for (std::size_t i = 0; i < label.names.size(); ++i)
    if (i != label.entity && i != label.time) rows.add_column()->set_name(label.names[i]);
  for (std::size_t i = 3; i < added->size(); ++i) rows.add_column()->set_name((*added)[i]);  // behind the three times
  layout_ = layout;
  feature_count_ = features_->features().size();
  has_digest_ = false;
  return {};
}

Status FramesOutput::put(const Label& label, const PitJoin::Answer& answer, Output& out) {
  const Chosen& chosen = answer.chosen[0];
  const bool found = chosen.missing == Missing::no;
  const std::string* const digest = found ? &features_->layout(chosen.layout).digest : nullptr;
  v1::Features& rows = *frame_.mutable_features();
  if (rows.entity_size() == kRows || (found && has_digest_ && *digest != rows.definition_digest()) || label.layout != layout_ ||
      feature_count_ != features_->features().size())
    flush(out);
  if (rows.entity_size() == 0)
    if (Status status = begin(label.layout); !status.ok()) return status;
  const LabelLayout& layout = (*labels_)[label.layout];
  numbers_.clear();
  for (std::size_t i = 0; i < label.cells.size(); ++i) {
    if (i == layout.entity || i == layout.time) continue;
    Result<double> value = number(label.cells[i], layout.names[i]);
    if (!value.ok()) return value.status();
    numbers_.push_back(*value);
  }
  if (found && !has_digest_) {
    rows.set_definition_digest(*digest);
    has_digest_ = true;
  }
  const std::string_view name = entities_->name(label.entity);
  rows.add_entity(name.data(), name.size());
  rows.add_label_time(label.time);
  rows.add_as_of(found ? chosen.row.as_of : 0);
  rows.add_known_at(found ? chosen.row.known_at : 0);
  rows.add_revision(found ? chosen.row.revision : 0);
  int column = 0;
  for (const double value : numbers_) rows.mutable_column(column++)->add_value(value);
  for (const double value : answer.values) rows.mutable_column(column++)->add_value(value);
  return {};
}

void FramesOutput::flush(Output& out) {
  if (frame_.features().entity_size() > 0) out.frame(frame_);
  frame_.mutable_features()->Clear();  // not the frame: it would throw the columns away, and put() holds them
}

Status FramesOutput::finish(Output& out) {
  flush(out);
  return {};
}

}  // namespace twinpipe
