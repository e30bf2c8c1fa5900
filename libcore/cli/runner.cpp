// SPDX-License-Identifier: Apache-2.0
// The loop of every filter and sink.
#include "cli/runner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/state_store.hpp"

namespace twinpipe::cli {
namespace {

constexpr std::size_t kFlushAt = std::size_t{256} << 10;  // so that output stays in the cache
constexpr Nanos kWakeEvery = 100 * kMillisecond;

/// One run from descriptor to descriptor.
class Run {
 public:
  Run(Tool& tool, const Feed& feed, const Hooks& hooks, Stage* stage, SeriesTable* table)
      : tool_(tool),
        source_(feed.source),
        taker_(feed.taker),
        feed_(feed),
        hooks_(hooks),
        stage_(stage),
        table_(table),
        statistics_(tool),
        store_(tool.common().state_directory) {}

  Status loop();

 private:
  enum class Next { more, ended, stopped, reader_left };

  Status open();
  Status open_next_file();
  Status take_all();
  Status at_barrier(const FrameView& frame);
  Status wait(Next& next);
  Status hold(bool ended);
  Status wake();
  Status add();
  Status look_at_statistics();
  Status flush();
  Status fail(const Status& status);
  Status end(bool final);
  Status publish(bool asked);
  std::vector<Counter> counters() const;
  bool is_sink() const { return tool_.role() == Role::sink; }

  Tool& tool_;
  FrameSource& source_;
  FrameTaker& taker_;
  const Feed& feed_;
  const Hooks& hooks_;
  Stage* stage_;        // none: the taker is no filter
  SeriesTable* table_;  // the stage's
  Signals signals_;
  Output out_;
  FrameSink sink_;
  Statistics statistics_;
  StateStore store_;
  Fd file_;
  int input_ = STDIN_FILENO;
  std::size_t files_opened_ = 0;
  bool began_ = false, ended_ = false;  // an Open, and the last Close, were written
};

Status Run::open() {
  if (!feed_.files.empty())
    if (Status status = open_next_file(); !status.ok()) return status;
  if (!open_for_reading(input_)) return Status::error(Code::io_error, "standard input is closed");
  if (feed_.files.empty()) source_.continue_with(input_);
  widen_pipe(input_);
  if (is_sink() || feed_.write) return {};
  return feed_.text ? sink_.open_text() : sink_.open();
}

Status Run::open_next_file() {
  const std::string& path = feed_.files[files_opened_++];
  if (path == "-") {
    input_ = STDIN_FILENO;
  } else {
    Result<Fd> file = open_to_read(path);
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
    input_ = file_.get();
  }
  source_.continue_with(input_);
  return {};
}

/// Whatever goes wrong, what was whole before it leaves first.
Status Run::fail(const Status& status) {
  taker_.abandon(out_);
  Status flushed = flush();
  if (!flushed.ok()) return flushed;
  if (feed_.files.empty()) return status;
  Status placed = status;
  const std::string& path = feed_.files[files_opened_ - 1];
  if (!status.message.starts_with(path)) placed.message = fmt::format("{}: {}", path, status.message);
  return placed;
}

Status Run::loop() {
  if (Status status = open(); !status.ok()) return status;
  for (Next next = Next::more;;) {
    if (Status status = take_all(); !status.ok()) return fail(status);
    if (sink_.reader_left()) return {};
    if (taker_.done()) {
      taker_.end_here(out_);
      return end(true);
    }
    if (signals_.stop()) {
      if (Status status = add(); !status.ok()) return fail(status);
      taker_.stop(out_);
      return end(false);
    }
    if (Status status = wait(next); !status.ok()) return status;
    if (next == Next::reader_left) return {};
    if (next == Next::stopped) {
      if (Status status = add(); !status.ok()) return fail(status);
      taker_.stop(out_);
      return end(false);
    }
    if (next == Next::more && source_.refill()) continue;
    if (!source_.status().ok()) return fail(source_.status());
    if (files_opened_ < feed_.files.size()) {
      if (Status status = open_next_file(); !status.ok()) return fail(status);
      continue;
    }
    if (source_.finish()) continue;
    if (hooks_.add) {
      if (Status status = hold(true); !status.ok()) return fail(status);
      if (sink_.reader_left()) return {};
    }
    const Status ended = taker_.end(tool_.common().finish, out_);
    if (!ended.ok()) {
      const Status flushed = flush();
      return flushed.ok() ? source_.placed(ended) : flushed;
    }
    return end(taker_.guard().ending() == Ending::finished || tool_.common().finish);
  }
}

Status Run::take_all() {
  for (FrameView frame; !taker_.done() && source_.next(frame);) {
    if (frame.kind == FrameKind::position || frame.kind == FrameKind::resume)
      if (Status barrier = at_barrier(frame); !barrier.ok()) return barrier;
    const Status status = taker_.take(frame, out_);
    if (stage_ != nullptr)
      for (const std::string& line : stage_->take_notices()) tool_.say(line);
    if (!status.ok()) return status.code == Code::bad_data ? source_.placed(status) : status;
    began_ = true;
    if (Status held = hold(false); !held.ok()) return held;
    if (signals_.stop() || sink_.reader_left()) return {};
    if (out_.pending().size() >= kFlushAt)
      if (Status flushed = flush(); !flushed.ok() || sink_.reader_left()) return flushed;
  }
  return source_.status();
}

/// Position: everything before it is in the stage, so this is the state to save. Resume: load the state saved there.
Status Run::at_barrier(const FrameView& frame) {
  v1::Position position;
  v1::Resume resume;
  const bool resuming = frame.kind == FrameKind::resume;
  const bool parsed = resuming ? resume.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))
                               : position.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()));
  if (!parsed) return Status{Code::bad_data, "Position or Resume frame does not parse", frame.number, frame.offset};
  const bool stateful = stage_ != nullptr && stage_->stateful() && store_.enabled();
  if (resuming) {
    if (stateful)
      if (Status status = store_.load(resume.position(), *table_, *stage_); !status.ok()) return status;
    return hooks_.on_resume ? hooks_.on_resume(resume.position()) : Status{};
  }
  if (hooks_.before_position)
    if (Status status = hooks_.before_position(); !status.ok()) return status;
  if (stateful)
    if (Status status = store_.save(position, *table_, *stage_); !status.ok()) return status;
  return hooks_.on_position ? hooks_.on_position(position) : Status{};
}

/// Decides what to do next. Looks without blocking while there may be input; flushes before it blocks.
Status Run::wait(Next& next) {
  for (Nanos timeout = 0;;) {
    const Ready ready = wait_ready(input_, sink_.fd(), hooks_.fd, signals_, timeout);
    if (Status status = look_at_statistics(); !status.ok()) return status;
    if (ready.extra || timeout != 0)
      if (Status status = wake(); !status.ok()) return status;
    next = ready.stop ? Next::stopped : ready.reader_left ? Next::reader_left : Next::more;
    if (next != Next::more || ready.input) return {};
    if (Status status = flush(); !status.ok()) return status;
    if (sink_.reader_left()) {
      next = Next::reader_left;
      return {};
    }
    timeout = statistics_.until_due(monotonic_now());
    if (hooks_.on_wake) timeout = timeout < 0 ? kWakeEvery : std::min(timeout, kWakeEvery);
    if (timeout == 0) timeout = 1;
  }
}

/// Lets a sink work off what it has, as long as it wants no more.
Status Run::hold(bool ended) {
  while (hooks_.hold && !signals_.stop()) {
    Result<Nanos> wait = hooks_.hold(ended);
    if (!wait.ok()) return wait.status();
    if (Status status = add(); !status.ok()) return status;
    if (*wait <= 0) break;
    if (hooks_.add) {
      if (Status status = flush(); !status.ok()) return status;
      if (sink_.reader_left()) break;
    }
    const Ready ready = wait_ready(-1, sink_.fd(), hooks_.fd, signals_, *wait);
    if (Status status = look_at_statistics(); !status.ok()) return status;
    if (ready.extra)
      if (Status status = wake(); !status.ok()) return status;
    if (hooks_.add && ready.reader_left) {
      sink_.leave();
      break;
    }
  }
  return {};
}

Status Run::wake() {
  if (hooks_.on_wake)
    if (Status status = hooks_.on_wake(); !status.ok()) return status;
  return add();
}

Status Run::add() { return hooks_.add && began_ && !ended_ ? hooks_.add(out_) : Status{}; }

Status Run::look_at_statistics() {
  if (signals_.take_statistics())
    if (Status status = publish(true); !status.ok()) return status;
  return statistics_.due(monotonic_now()) ? publish(false) : Status{};
}

Status Run::flush() {
  if (feed_.write) return feed_.write(out_);
  if (!is_sink()) return sink_.flush(out_);
  out_.clear();
  return {};
}

Status Run::end(bool final) {
  ended_ = true;
  if (Status status = flush(); !status.ok()) return status;
  if (Status status = hold(true); !status.ok()) return status;
  if (hooks_.on_end)
    if (Status status = hooks_.on_end(final); !status.ok()) return status;
  return publish(false);
}

Status Run::publish(bool asked) { return statistics_.publish(counters(), monotonic_now(), asked); }

std::vector<Counter> Run::counters() const {
  std::vector<Counter> all{{"frames_in", source_.frames()},
                           {"readings_in", taker_.guard().rows()},
                           {"bytes_in", source_.bytes()},
                           {"skipped_bad", source_.skipped() + taker_.skipped()}};
  if (!is_sink()) {
    all.push_back({"frames_out", out_.frames()});
    all.push_back({"readings_out", out_.rows()});
    all.push_back({"bytes_out", sink_.bytes()});
  }
  if (stage_ != nullptr)
    for (Counter& counter : stage_->counters()) all.push_back(std::move(counter));
  if (hooks_.counters)
    for (Counter& counter : hooks_.counters()) all.push_back(std::move(counter));
  return all;
}

}  // namespace

Status FrameSink::open(int fd) {
  if (isatty(fd))
    return Status::error(Code::usage, "standard output is a terminal and frames are binary: pipe them into fcat to read them");
  return open_text(fd);
}

Status FrameSink::open_text(int fd) {
  if (!open_for_writing(fd)) return Status::error(Code::io_error, "standard output is closed");
  fd_ = fd;
  widen_pipe(fd);
  return {};
}

Status FrameSink::flush(Output& out) {
  if (out.pending().empty() || reader_left_) {
    out.clear();
    return {};
  }
  Result<Written> written = write_all(fd_, out.pending());
  if (!written.ok()) return Status::error(written.status().code, "standard output: " + written.status().message);
  reader_left_ = *written == Written::reader_left;
  bytes_ += out.pending().size();
  out.clear();
  return {};
}

Status run_stage(Tool& tool, SeriesTable& table, Stage& stage, const Hooks& hooks) {
  Driver driver(stage, table, tool.producer());
  driver.set_skip_bad(tool.common().skip_bad);
  FrameReader reader(STDIN_FILENO, tool.common().max_frame);
  const Feed feed{reader, driver, {}, false, {}};
  return Run(tool, feed, hooks, &stage, &table).loop();
}

Status run_feed(Tool& tool, const Feed& feed, const Hooks& hooks) { return Run(tool, feed, hooks, nullptr, nullptr).loop(); }

}  // namespace twinpipe::cli
