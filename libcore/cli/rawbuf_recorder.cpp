// SPDX-License-Identifier: Apache-2.0
// Frames into a buffer on disk.
#include "cli/rawbuf_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/rawbuf_cursors.hpp"
#include "io/waiter.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

/// How long a block that is not full waits for more, unless every record is synced.
constexpr Nanos kBlockWait = 100 * kMillisecond;
constexpr Nanos kRetainEvery = 10 * kSecond;

}  // namespace

// ---- options --------------------------------------------------------------------------------------------------------

RecorderOption::RecorderOption(Tool& tool, const std::string& where, const std::string& sync) : tool_(&tool), sync_(sync) {
  tool.option("--sync", sync_, "WHEN",
              where + "force to disk always, every interval (or so often: 5s), or never by itself (none)")
      ->capture_default_str();
  duration_option(tool, "--max-age", options_.writer.max_age, where + "remove segments written so long ago and sent; 0: none");
  bytes_option(tool, "--max-size", options_.writer.max_bytes,
               where + "remove the oldest segments beyond so many bytes, sent or not; 0: none");
}

Result<RecorderOptions> RecorderOption::load(const std::string& directory) const {
  RecorderOptions options = options_;
  options.directory = directory;
  if (sync_ == "always" || sync_ == "none") {
    options.sync = sync_ == "always" ? SyncWhen::always : SyncWhen::none;
  } else if (sync_ != "interval") {
    const Result<Nanos> every = parse_duration(sync_);
    if (!every.ok() || *every <= 0)
      return Status::error(Code::usage, fmt::format("--sync '{}': it is always, interval, none, or a time like 5s", sync_));
    options.sync_every = *every;
  }
  options.writer.durable = options.sync != SyncWhen::none;
  // Retention removes whole segments: of a small buffer a sixteenth at a time.
  if (options.writer.max_bytes > 0)
    options.writer.segment_bytes = std::clamp(options.writer.max_bytes / 16, std::uint64_t{1}, options.writer.segment_bytes);
  return options;
}

std::string RecorderOption::given() const {
  for (const char* option : {"--sync", "--max-age", "--max-size"})
    if (tool_->app().count(option) > 0) return option;
  return {};
}

// ---- recording ------------------------------------------------------------------------------------------------------

RawbufRecorder::RawbufRecorder(RecorderOptions options, Tell tell)
    : options_(std::move(options)),
      tell_(std::move(tell)),
      directory_(options_.directory),
      writer_(directory_, options_.writer) {}

Status RawbufRecorder::start() {
  if (Status status = directory_.lock(); !status.ok()) return status;
  const Status started = writer_.start();
  tell();
  if (!started.ok()) return started;
  wall_ = wall_now();
  last_write_ = monotonic_now();
  next_sync_ = last_write_ + options_.sync_every;
  return retain();
}

Status RawbufRecorder::append(const FrameView& frame) {
  if (Status status = writer_.append(frame, wall_); !status.ok())
    return status.code == Code::bad_data ? status : failed(std::move(status));
  // The clock costs as much as a small frame.
  if (++frames_ % 64 == 0 || writer_.written() != seen_written_) return look_at_time();
  return {};
}

Status RawbufRecorder::look_at_time() {
  wall_ = wall_now();
  const Nanos now = monotonic_now();
  const bool wrote = std::exchange(seen_written_, writer_.written()) != writer_.written();
  if (wrote) last_write_ = now;
  const bool due = options_.sync == SyncWhen::always ? wrote : options_.sync == SyncWhen::interval && now >= next_sync_;
  if (due) {
    if (Status status = commit(); !status.ok()) return status;
  } else if (now - last_write_ >= kBlockWait) {
    if (Status status = flush(); !status.ok()) return status;
  }
  seen_written_ = writer_.written();
  return now >= next_retain_ ? retain() : Status{};
}

Nanos RawbufRecorder::group_wait() const {
  return options_.sync == SyncWhen::interval ? std::min(options_.sync_every, kBlockWait) : kBlockWait;
}

Nanos RawbufRecorder::until_due() const {
  Nanos due = next_retain_;
  if (writer_.written() != writer_.taken()) due = std::min(due, last_write_ + kBlockWait);
  if (options_.sync == SyncWhen::interval && writer_.safe() != writer_.taken()) due = std::min(due, next_sync_);
  return std::max<Nanos>(0, due - monotonic_now());
}

Status RawbufRecorder::flush() {
  if (Status status = writer_.flush(wall_now()); !status.ok()) return failed(std::move(status));
  last_write_ = monotonic_now();
  return {};
}

Status RawbufRecorder::commit() {
  if (Status status = flush(); !status.ok()) return status;
  if (Status status = writer_.sync(); !status.ok()) return failed(std::move(status));
  last_write_ = monotonic_now();
  next_sync_ = last_write_ + options_.sync_every;
  return {};
}

Status RawbufRecorder::retain() {
  next_retain_ = monotonic_now() + kRetainEvery;
  const Result<std::vector<RegisteredCursor>> cursors = registered_cursors(options_.directory);
  if (!cursors.ok()) return cursors.status();
  std::uint64_t unsent = std::numeric_limits<std::uint64_t>::max();
  for (const RegisteredCursor& cursor : *cursors) {
    unsent = std::min(unsent, cursor.next);
    if (!cursor.readable && told_.insert(cursor.file).second)
      tell_(fmt::format("{} is not a readable cursor, so what it may not have sent outlives its age; remove it to let that go",
                        cursor.file));
  }
  Status status = writer_.retain(wall_now(), unsent);
  tell();
  return status.ok() ? status : failed(std::move(status));
}

Status RawbufRecorder::close() {
  if (Status status = writer_.close(wall_now()); !status.ok()) return failed(std::move(status));
  return retain();
}

void RawbufRecorder::tell() {
  for (const std::string& notice : writer_.take_notices()) tell_(notice);
}

Status RawbufRecorder::failed(Status status) {
  broken_ = true;
  status.message += options_.sync == SyncWhen::none
                        ? fmt::format("; {} of {} frames of this input were written", writer_.written(), writer_.taken())
                        : fmt::format("; {} of {} frames of this input are safe on disk", writer_.safe(), writer_.taken());
  return status;
}

}  // namespace twinpipe::cli
