// SPDX-License-Identifier: Apache-2.0
// The two kinds of input of pit-join.
#include "cli/pit_inputs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "kernel/ending.hpp"

namespace twinpipe::cli {

Result<NamedInput> NamedInput::open(const std::string& path) {
  NamedInput input;
  if (path == "-") {
    input.fd = STDIN_FILENO;
    if (!open_for_reading(input.fd)) return Status::error(Code::io_error, "standard input is closed");
  } else {
    Result<Fd> file = open_to_read(path);
    if (!file.ok()) return file.status();
    input.name = path;
    input.file = std::move(*file);
    input.fd = input.file.get();
    input.size = file_size(input.fd);
  }
  widen_pipe(input.fd);
  return input;
}

Status NamedInput::named(Status status) const {
  if (!name.empty()) status.message = fmt::format("{}: {}", name, status.message);
  return status;
}

PitFrames::PitFrames(const Tool& tool, NamedInput input)
    : tool_(&tool), input_(std::move(input)), reader_(input_.fd, tool.common().max_frame) {}

Status PitFrames::refuse(Status status) {
  if (status.code == Code::bad_data && tool_->common().skip_bad) {
    ++skipped_;
    return {};
  }
  return placed(std::move(status));
}

Status PitFrames::placed(Status status) const {
  status.frame = number_;
  status.offset = offset_;
  return input_.named(std::move(status));
}

Status PitFrames::end() {
  const Ending ending = guard_.ending();
  over_ = true;
  complete_ = ending == Ending::finished || (ending == Ending::unsealed && tool_->common().finish);
  return ending == Ending::cut ? input_.named(reader_.placed(cut_status(guard_))) : Status{};
}

Result<bool> PitFrames::next(Pull& pull, FrameView& frame) {
  while (!over_) {
    while (reader_.next(frame)) {
      number_ = frame.number;
      offset_ = frame.offset;
      if (Status status = guard_.observe(frame); !status.ok()) return placed(std::move(status));
      if (frame.kind == FrameKind::features) return true;
    }
    if (!reader_.status().ok()) return input_.named(reader_.status());
    Result<Pull::Got> got = pull.read(input_.fd, [this] { return reader_.refill(); });
    if (!got.ok()) return got.status();
    if (*got == Pull::Got::more) continue;
    if (*got == Pull::Got::stopped) return false;
    if (!reader_.status().ok()) return input_.named(reader_.status());
    if (Status status = end(); !status.ok()) return status;
  }
  return false;
}

FeatureInput::FeatureInput(const Tool& tool, NamedInput input, EntityTable& entities, FeatureLayouts& layouts, WalkBy walk_by)
    : frames_(tool, std::move(input)), decoder_(entities, layouts), walk_by_(walk_by) {
  if (walk_by != WalkBy::known_at) decoder_.set_known_at_optional();
}

Result<bool> FeatureInput::fill(Pull& pull) {
  while (at_ == rows_.rows()) {
    FrameView frame;
    Result<bool> more = frames_.next(pull, frame);
    if (!more.ok() || !*more) return more;
    Result<FeatureRows> rows = decoder_.decode(frame.payload);
    if (!rows.ok()) {
      rows_ = {};
      at_ = 0;
      if (Status refused = frames_.refuse(rows.status()); !refused.ok()) return refused;
      continue;
    }
    rows_ = *rows;
    walk_ = walk_by_ == WalkBy::known_at ? rows_.known_at : rows_.as_of;
    if (walk_by_ == WalkBy::label_time && !rows_.label_time.empty()) walk_ = rows_.label_time;
    at_ = 0;
    taken_ += rows_.rows();
  }
  return true;
}

std::size_t FeatureInput::until(Nanos limit, bool before) const {
  std::size_t row = at_;
  const std::size_t rows = rows_.rows();
  if (before) {
    while (row < rows && walk_[row] < limit) ++row;
  } else {
    while (row < rows && walk_[row] <= limit) ++row;
  }
  return row;
}

LabelInput::LabelInput(const Tool& tool, NamedInput input, LabelForm form, EntityTable& entities, LabelLayouts& layouts)
    : tool_(&tool), lines_(tool.common().max_frame, LabelParser::kPadding) {
  if (form == LabelForm::frames) {
    frames_ = std::make_unique<PitFrames>(tool, std::move(input));
    frame_labels_ = std::make_unique<FrameLabels>(entities, layouts);
    return;
  }
  input_ = std::move(input);
  lines_.continue_with(input_.fd);
  if (form == LabelForm::csv) parser_ = std::make_unique<CsvLabels>(entities, layouts);
  else parser_ = std::make_unique<JsonLabels>(entities, layouts);
}

Status LabelInput::placed(Status status) const {
  if (frames_) return frames_->placed(std::move(status));
  const std::string& name = input_.name.empty() ? "labels" : input_.name;
  status.message = fmt::format("{}:{}: {}", name, lines_.line(), status.message);
  return status;
}

Result<bool> LabelInput::next_line(Pull& pull, Label& label) {
  for (;;) {
    for (std::string_view line; lines_.next(line);) {
      Result<bool> taken = parser_->take(line, label);
      if (taken.ok() && *taken) return true;
      if (taken.ok()) continue;
      if (taken.status().code != Code::bad_data || !tool_->common().skip_bad) return placed(taken.status());
      ++skipped_;
    }
    Result<Pull::Got> got = pull.read(input_.fd, [this] { return lines_.refill(); });
    if (!got.ok()) return got.status();
    if (*got == Pull::Got::more) continue;
    if (*got == Pull::Got::stopped) return false;
    if (!lines_.status().ok())
      return lines_.status().code == Code::bad_data ? placed(lines_.status()) : input_.named(lines_.status());
    if (Status status = parser_->end(); !status.ok()) return placed(std::move(status));
    return false;
  }
}

Result<bool> LabelInput::next(Pull& pull, Label& label) {
  if (parser_) return next_line(pull, label);
  while (!frame_labels_->next(label)) {
    FrameView frame;
    Result<bool> more = frames_->next(pull, frame);
    if (!more.ok() || !*more) return more;
    Status status = frame_labels_->take(frame.payload);
    if (!status.ok())
      if (Status refused = frames_->refuse(std::move(status)); !refused.ok()) return refused;
  }
  return true;
}

}  // namespace twinpipe::cli
