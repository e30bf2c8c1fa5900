// SPDX-License-Identifier: Apache-2.0
// rawbuf append.
#include "cli/rawbuf_append.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "cli/rawbuf_cursors.hpp"
#include "cli/runner.hpp"
#include "io/rawbuf_directory.hpp"

namespace twinpipe::cli {
namespace {

/// How long a block that is not full waits for more, unless every record is synced.
constexpr Nanos kBlockWait = 100 * kMillisecond;
constexpr Nanos kRetainEvery = 10 * kSecond;

class Append final : public FrameTaker {
 public:
  Append(Tool& tool, const AppendOptions& options)
      : tool_(&tool),
        options_(options),
        directory_(options.directory),
        writer_(directory_, options.writer),
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
  Status commit();
  Status look_at_time();
  Status retain();
  Status acknowledge();
  void tell();
  Status failed(Status status);

  Tool* tool_;
  AppendOptions options_;
  RawbufDirectory directory_;
  rawbuf::Writer writer_;
  SeriesTable table_;
  SegmentGuard guard_;
  ReadingsDecoder decoder_;
  v1::Series series_;
  std::vector<Declared> declared_;
  std::uint64_t skipped_ = 0, frames_ = 0, acknowledged_ = 0, seen_written_ = 0;
  Nanos wall_ = wall_now();
  Nanos last_write_ = 0, next_sync_ = 0, next_retain_ = 0;  // monotonic
  bool broken_ = false;                                     // the disk failed: nothing may be added
};

Status Append::run() {
  if (Status status = directory_.lock(); !status.ok()) return status;
  const Status started = writer_.start();
  tell();
  if (!started.ok()) return started;
  if (Status status = retain(); !status.ok()) return status;
  last_write_ = monotonic_now();
  next_sync_ = last_write_ + options_.sync_every;
  FrameReader reader(STDIN_FILENO, options_.max_frame);
  const Feed feed{reader, *this, {}, false, [this](Output&) { return on_quiet(); }};
  Hooks hooks;
  hooks.on_wake = [this] { return on_wake(); };
  hooks.counters = [this] {
    return std::vector<Counter>{
        {"frames_written", writer_.written()}, {"frames_safe", writer_.safe()}, {"bytes_written", writer_.bytes()}};
  };
  Status ran = run_feed(*tool_, feed, hooks);
  tell();
  if (broken_) return ran;
  // Whatever ended the input: what came whole before is kept.
  Status closed = writer_.close(wall_now());
  if (!closed.ok()) return failed(std::move(closed));
  if (Status status = retain(); !status.ok()) return status;
  tell();
  if (Status status = acknowledge(); !status.ok()) return status;
  return ran;
}

Status Append::take(const FrameView& frame, Output&) {
  Status status = guard_.observe(frame);
  const bool framing_ok = status.ok();
  if (framing_ok) status = check(frame);
  if (status.ok()) {
    status = writer_.append(frame, wall_);
    if (status.code != Code::bad_data && !status.ok()) return failed(std::move(status));
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
  // The clock costs as much as a small frame.
  if (++frames_ % 64 == 0 || writer_.written() != seen_written_) return look_at_time();
  return {};
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
  if (broken_ || options_.sync != SyncWhen::always) return {};
  return commit();
}

/// At least ten times a second while the input is quiet, and whenever it was waited for.
Status Append::on_wake() { return broken_ ? Status{} : look_at_time(); }

Status Append::look_at_time() {
  wall_ = wall_now();
  const Nanos now = monotonic_now();
  const bool wrote = std::exchange(seen_written_, writer_.written()) != writer_.written();
  if (wrote) last_write_ = now;
  const bool due = options_.sync == SyncWhen::always ? wrote : options_.sync == SyncWhen::interval && now >= next_sync_;
  if (due) {
    if (Status status = commit(); !status.ok()) return status;
  } else if (now - last_write_ >= kBlockWait) {
    if (Status status = writer_.flush(wall_); !status.ok()) return failed(std::move(status));
    last_write_ = now;
    if (Status status = acknowledge(); !status.ok()) return status;
  }
  seen_written_ = writer_.written();
  return now >= next_retain_ ? retain() : Status{};
}

/// Writes and syncs what there is.
Status Append::commit() {
  if (Status status = writer_.flush(wall_now()); !status.ok()) return failed(std::move(status));
  if (Status status = writer_.sync(); !status.ok()) return failed(std::move(status));
  last_write_ = monotonic_now();
  next_sync_ = last_write_ + options_.sync_every;
  return acknowledge();
}

Status Append::retain() {
  next_retain_ = monotonic_now() + kRetainEvery;
  const Result<std::vector<RegisteredCursor>> cursors = registered_cursors(options_.directory);
  if (!cursors.ok()) return cursors.status();
  std::uint64_t unsent = std::numeric_limits<std::uint64_t>::max();
  for (const RegisteredCursor& cursor : *cursors) unsent = std::min(unsent, cursor.next);
  Status status = writer_.retain(wall_now(), unsent);
  tell();
  return status.ok() ? status : failed(std::move(status));
}

/// How many frames of this input are safe, as far as the promise goes.
Status Append::acknowledge() {
  const std::uint64_t safe = options_.sync == SyncWhen::none ? writer_.written() : writer_.safe();
  if (!options_.acknowledge || std::exchange(acknowledged_, safe) == safe) return {};
  return print(fmt::format("{}\n", safe));
}

void Append::tell() {
  for (const std::string& notice : writer_.take_notices()) tool_->say(notice);
}

Status Append::failed(Status status) {
  broken_ = true;
  status.message += options_.sync == SyncWhen::none
                        ? fmt::format("; {} of {} frames of this input were written", writer_.written(), writer_.taken())
                        : fmt::format("; {} of {} frames of this input are safe on disk", writer_.safe(), writer_.taken());
  return status;
}

}  // namespace

Status rawbuf_append(Tool& tool, const AppendOptions& options) { return Append(tool, options).run(); }

}  // namespace twinpipe::cli
