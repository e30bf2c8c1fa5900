// SPDX-License-Identifier: Apache-2.0
// rawbuf append.
#include "cli/rawbuf_append.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/runner.hpp"

namespace twinpipe::cli {
namespace {

class Append final : public FrameTaker {
 public:
  Append(Tool& tool, const AppendOptions& options)
      : tool_(&tool),
        options_(options),
        recorder_(options.recorder, [&tool](const std::string& notice) { tool.say(notice); }),
        table_(options.max_series) {}

  Status run();

  Status take(const FrameView& frame, Output& out) override;
  Status end(bool, Output&) override;
  void stop(Output&) override {}
  const SegmentGuard& guard() const override { return guard_; }
  std::uint64_t skipped() const override { return skipped_; }

 private:
  Status check(const FrameView& frame);
  Status on_quiet();
  Status on_wake();
  Status acknowledge();

  Tool* tool_;
  AppendOptions options_;
  RawbufRecorder recorder_;
  SeriesTable table_;
  SegmentGuard guard_;
  ReadingsDecoder decoder_;
  v1::Series series_;
  std::vector<Declared> declared_;
  std::uint64_t skipped_ = 0, acknowledged_ = 0;
};

Status Append::run() {
  if (Status status = recorder_.start(); !status.ok()) return status;
  FrameReader reader(STDIN_FILENO, options_.max_frame);
  const Feed feed{reader, *this, {}, false, [this](Output&) { return on_quiet(); }};
  Hooks hooks;
  hooks.on_wake = [this] { return on_wake(); };
  hooks.counters = [this] {
    return std::vector<Counter>{
        {"frames_written", recorder_.written()}, {"frames_safe", recorder_.safe()}, {"bytes_written", recorder_.bytes()}};
  };
  Status ran = run_feed(*tool_, feed, hooks);
  if (recorder_.broken()) return ran;
  // Whatever ended the input: what came whole before is kept.
  if (Status status = recorder_.close(); !status.ok()) return status;
  if (Status status = acknowledge(); !status.ok()) return status;
  return ran;
}

Status Append::take(const FrameView& frame, Output&) {
  Status status = guard_.observe(frame);
  const bool framing_ok = status.ok();
  if (framing_ok) status = check(frame);
  if (status.ok()) {
    status = recorder_.append(frame);
    if (!status.ok() && status.code != Code::bad_data) return status;
  }
  if (!status.ok()) {
    if (framing_ok && options_.skip_bad) {
      ++skipped_;
      return {};
    }
    status.frame = frame.number;
    status.offset = frame.offset;
    return status;
  }
  return acknowledge();
}

/// What readers would refuse is refused here: a buffer of it would be found out when it is too late.
Status Append::check(const FrameView& frame) {
  switch (frame.kind) {
    case FrameKind::open: table_.open_segment(); return {};
    case FrameKind::series:
      if (!series_.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())))
        return Status::error(Code::bad_data, "Series frame does not parse");
      return table_.declare(series_, declared_);
    case FrameKind::readings: {
      const Result<Columns> columns = decoder_.decode(frame.payload, table_);
      return columns.ok() ? Status{} : columns.status();
    }
    default: return {};
  }
}

Status Append::end(bool, Output&) {
  if (guard_.ending() != Ending::cut) return {};
  return Status::error(Code::bad_data, guard_.segments() == 0
                                           ? "the input is empty: upstream wrote nothing"
                                           : fmt::format("end of input without Close: {} died", guard_.producer()));
}

/// The input has nothing more for now.
Status Append::on_quiet() {
  if (recorder_.broken() || recorder_.sync() != SyncWhen::always) return {};
  if (Status status = recorder_.commit(); !status.ok()) return status;
  return acknowledge();
}

/// At least ten times a second while the input is quiet, and whenever it was waited for.
Status Append::on_wake() {
  if (recorder_.broken()) return {};
  if (Status status = recorder_.look_at_time(); !status.ok()) return status;
  return acknowledge();
}

/// How many frames of this input are safe, as far as the promise goes.
Status Append::acknowledge() {
  if (!options_.acknowledge) return {};
  const std::uint64_t safe = recorder_.safe();
  return std::exchange(acknowledged_, safe) == safe ? Status{} : print(fmt::format("{}\n", safe));
}

}  // namespace

Status rawbuf_append(Tool& tool, const AppendOptions& options) { return Append(tool, options).run(); }

}  // namespace twinpipe::cli
