// SPDX-License-Identifier: Apache-2.0
// A source's frames into a buffer on disk by a thread of its own, because a disk that syncs keeps its caller waiting and the
// source must go on reading. Whatever comes while a sync runs is written and synced as one group after it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/rawbuf_recorder.hpp"
#include "io/wake.hpp"
#include "io/write_behind.hpp"

namespace twinpipe::cli {

/// What an owner sees of the buffer, for statistics.
struct RecordCounts {
  std::atomic<std::uint64_t> frames_written = 0, frames_safe = 0, bytes_written = 0, groups = 0;
};

class RecordBehind final : public WriteBehind {
 public:
  /// `enough`: bytes that are written without waiting for more. `tell` hears lines for people, in the owner's thread.
  RecordBehind(RecorderOptions options, std::size_t enough, RawbufRecorder::Tell tell);
  /// Writes and seals what was put, if finish() did not.
  ~RecordBehind() override;

  /// Opens the buffer; then the thread runs. Errors: as RawbufRecorder::start().
  Status start();

  Status put(std::string_view bytes) override;
  /// Under `always` and `none` the group is not kept waiting for more. Under `interval` it is: the sync has its time.
  void hurry() override;
  pollfd polled() const override { return {wake_.fd(), POLLIN, 0}; }
  Status write_more() override;
  Status finish() override;

  std::size_t waiting() const override { return static_cast<std::size_t>(put_ - on_disk_.load()); }
  std::uint64_t written() const override { return safe_.load(); }
  const RecordCounts& counts() const { return counts_; }

 private:
  struct Mark {
    std::uint64_t frames, bytes;  // so many frames of the recorder are so many bytes of put()
  };
  void run();
  bool collect(std::string& group);
  Status record(std::string_view group, bool last);
  void publish();
  void tell();

  RawbufRecorder recorder_;  // the thread's, from start() to finish()
  RawbufRecorder::Tell tell_;
  const std::size_t enough_;
  Wake wake_;
  std::thread thread_;
  std::uint64_t put_ = 0;    // the owner's
  std::uint64_t taken_ = 0;  // the thread's, like marks_
  std::deque<Mark> marks_;   // groups that are not yet safe
  std::atomic<std::uint64_t> on_disk_ = 0, safe_ = 0;
  RecordCounts counts_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex:
  std::string incoming_;
  std::vector<std::string> notices_;
  Status status_;
  bool hurried_ = false, closing_ = false;
};

}  // namespace twinpipe::cli
