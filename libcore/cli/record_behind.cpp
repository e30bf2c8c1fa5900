// SPDX-License-Identifier: Apache-2.0
// A source's frames into a buffer on disk by a thread of its own.
#include "cli/record_behind.hpp"

#include <chrono>

#include "kernel/rawbuf_reader.hpp"

namespace twinpipe::cli {
RecordBehind::RecordBehind(RecorderOptions options, std::size_t enough, RawbufRecorder::Tell tell)
    : recorder_(std::move(options),
                [this](const std::string& notice) {
                  const std::lock_guard lock(mutex_);
                  notices_.push_back(notice);
                }),
      tell_(std::move(tell)),
      enough_(enough) {}

RecordBehind::~RecordBehind() { (void)finish(); }

Status RecordBehind::start() {
  const Status started = recorder_.start();
  tell();
  if (started.ok()) thread_ = std::thread([this] { run(); });
  return started;
}

Status RecordBehind::put(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!status_.ok()) return status_;
  const std::size_t before = incoming_.size();
  incoming_ += bytes;
  put_ += bytes.size();
  if (before == 0 || (before < enough_ && incoming_.size() >= enough_)) changed_.notify_one();
  return {};
}

void RecordBehind::hurry() {
  if (recorder_.sync() == SyncWhen::interval) return;
  const std::lock_guard lock(mutex_);
  if (incoming_.empty()) return;  // what is not in here is being committed
  hurried_ = true;
  changed_.notify_one();
}

Status RecordBehind::write_more() {
  wake_.drain();
  tell();
  const std::lock_guard lock(mutex_);
  return status_;
}

Status RecordBehind::finish() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }
  return write_more();
}

void RecordBehind::tell() {
  std::vector<std::string> notices;
  {
    const std::lock_guard lock(mutex_);
    notices.swap(notices_);
  }
  for (const std::string& notice : notices) tell_(notice);
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void RecordBehind::run() {
  std::string group;
  for (bool last = false; !last;) {
    last = collect(group);
    Status status = record(group, last);
    publish();
    if (status.ok()) on_disk_ = taken_;
    if (!group.empty()) ++counts_.groups;
    if (!status.ok()) {
      const std::lock_guard lock(mutex_);
      status_ = std::move(status);
      last = true;
    }
    wake_.ring();
  }
}

/// Waits for a group, or until the recorder has something to do without one. True: it is the last.
bool RecordBehind::collect(std::string& group) {
  if (group.capacity() > 4 * enough_) group = {};  // a stall's memory is given back
  group.clear();
  std::unique_lock lock(mutex_);
  (void)changed_.wait_for(lock, std::chrono::nanoseconds(recorder_.until_due()),
                          [this] { return closing_ || !incoming_.empty(); });
  if (!incoming_.empty())
    (void)changed_.wait_for(lock, std::chrono::nanoseconds(recorder_.group_wait()),
                            [this] { return closing_ || hurried_ || incoming_.size() >= enough_; });
  group.swap(incoming_);
  hurried_ = false;
  taken_ += group.size();
  return closing_;
}

Status RecordBehind::record(std::string_view group, bool last) {
  const Status taken = for_each_frame(group, [this](const FrameView& frame) { return recorder_.append(frame); });
  if (!taken.ok()) return taken;
  if (!group.empty()) marks_.push_back({recorder_.taken(), taken_});
  if (last) return recorder_.close();
  if (Status status = recorder_.sync() == SyncWhen::always ? recorder_.commit() : recorder_.flush(); !status.ok()) return status;
  return recorder_.look_at_time();
}

/// What became of the groups, for the owner.
void RecordBehind::publish() {
  while (!marks_.empty() && recorder_.safe() >= marks_.front().frames) {
    safe_ = marks_.front().bytes;
    marks_.pop_front();
  }
  counts_.frames_written = recorder_.written();
  counts_.frames_safe = recorder_.safe();
  counts_.bytes_written = recorder_.bytes();
}

}  // namespace twinpipe::cli
