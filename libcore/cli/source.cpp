// SPDX-License-Identifier: Apache-2.0
// The output side of a source.
#include "cli/source.hpp"

#include <algorithm>
#include <array>

namespace twinpipe::cli {
namespace {

constexpr std::size_t kFlushAt = std::size_t{256} << 10;

}  // namespace

Status Source::open() {
  if (Status status = sink_.open(); !status.ok()) return status;
  out_.open(tool_->producer());
  return {};
}

Status Source::flush() {
  if (!writer_) return sink_.flush(out_);
  handed_over_ += out_.pending().size();
  const Status status = out_.pending().empty() ? Status{} : writer_->put(out_.pending());
  out_.clear();
  return status;
}

void Source::write_behind() { writer_ = std::make_unique<BoundedWriter>(sink_.fd()); }

Status Source::wait(std::span<pollfd> watched, Nanos timeout) {
  if (Status status = flush(); !status.ok()) return status;
  const Nanos due = statistics_.until_due(monotonic_now());
  if (due >= 0 && (timeout < 0 || due < timeout)) timeout = due;
  std::array<pollfd, 6> all{};
  std::ranges::copy(watched, all.begin());
  all[watched.size()] = {writer_->waiting() > 0 ? writer_->fd() : -1, POLLOUT, 0};
  const Ready ready = wait_ready(std::span(all).first(watched.size() + 1), sink_.fd(), signals_, timeout);
  std::ranges::copy_n(all.begin(), static_cast<std::ptrdiff_t>(watched.size()), watched.begin());
  if (all[watched.size()].revents != 0)
    if (Status status = writer_->write_more(); !status.ok()) return status;
  return look(ready);
}

Status Source::pump() {
  if (out_.pending().size() < kFlushAt) return {};
  if (Status status = flush(); !status.ok()) return status;
  return look(wait_ready(-1, sink_.fd(), -1, signals_, 0));
}

Status Source::wait(int fd, Nanos timeout, Ready& ready) {
  if (Status status = flush(); !status.ok()) return status;
  const Nanos due = statistics_.until_due(monotonic_now());
  if (due >= 0 && (timeout < 0 || due < timeout)) timeout = due;
  ready = wait_ready(fd, sink_.fd(), -1, signals_, timeout);
  return look(ready);
}

Status Source::look(const Ready& ready) {
  stop_ = stop_ || ready.stop || ready.reader_left;
  const bool asked = signals_.take_statistics();
  const Nanos now = monotonic_now();
  return asked || statistics_.due(now) ? statistics_.publish(counters(), now, asked) : Status{};
}

Status Source::close(bool final) {
  out_.close(final && !stop_);
  if (Status status = flush(); !status.ok()) return status;
  if (writer_)
    if (Status status = writer_->finish(); !status.ok()) return status;
  return statistics_.publish(counters(), monotonic_now(), false);
}

std::vector<Counter> Source::counters() const {
  std::vector<Counter> all{
      {"frames_out", out_.frames()}, {"readings_out", out_.rows()}, {"bytes_out", sink_.bytes() + written()}};
  if (counters_)
    for (Counter& counter : counters_()) all.push_back(std::move(counter));
  return all;
}

}  // namespace twinpipe::cli
