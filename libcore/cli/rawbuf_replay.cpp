// SPDX-License-Identifier: Apache-2.0
// rawbuf replay.
#include "cli/rawbuf_replay.hpp"

#include "cli/progress.hpp"
#include "io/rawbuf_directory.hpp"

namespace twinpipe::cli {
namespace {

constexpr std::size_t kStep = std::size_t{256} << 10;

/// Keeps event time and the clock in step, from the first event on.
class Pace {
 public:
  explicit Pace(double speed) : speed_(speed) {}
  /// The event time that has come by now.
  Nanos now(Nanos next) {
    if (speed_ <= 0) return kForever;
    const Nanos clock = monotonic_now();
    if (!started_) {
      started_ = true;
      first_ = next;
      clock_ = clock;
    }
    return saturating_add(first_, static_cast<Nanos>(static_cast<double>(clock - clock_) * speed_));
  }
  /// How long it is until event time `next`.
  Nanos until(Nanos next) {
    const auto wait = static_cast<double>(saturating_sub(next, now(next))) / speed_;
    return wait < 1 ? 1 : wait > 3.6e12 ? Nanos{3'600} * kSecond : static_cast<Nanos>(wait) + 1;
  }

 private:
  double speed_;
  bool started_ = false;
  Nanos first_ = 0, clock_ = 0;
};

Status play(Tool& tool, rawbuf::Replay& replay, double speed, Source& source) {
  Progress progress(replay.readings_expected(), "readings");
  Pace pace(speed);
  const auto tell = [&] {
    for (const std::string& notice : replay.take_notices()) {
      progress.clear();
      tool.say(notice);
    }
  };
  for (bool more = true; more && !source.done();) {
    const Nanos next = replay.next_time().value_or(0);
    const Nanos now = pace.now(next);
    const Status status = replay.step(now, kStep, source.out(), more);
    tell();
    if (!status.ok()) {
      const Status flushed = source.flush();
      return flushed.ok() ? status : flushed;
    }
    if (Status pumped = source.pump(); !pumped.ok()) return pumped;
    progress.update(source.out().rows());
    if (more && now != kForever && *replay.next_time() > now) {
      Ready ready;
      if (Status waited = source.wait(-1, pace.until(*replay.next_time()), ready); !waited.ok()) return waited;
    }
  }
  return {};
}

}  // namespace

Status rawbuf_replay(Tool& tool, const ReplayRun& run) {
  RawbufDirectory directory(run.directory);
  rawbuf::Replay replay(directory, run.options);
  if (Status status = replay.start(); !status.ok()) return status;
  Source source(tool);
  source.set_counters([&replay] {
    return std::vector<Counter>{{"records_damaged", replay.damaged()},
                                {"frames_undeclared", replay.undeclared()},
                                {"records_read_again", replay.reloads()}};
  });
  if (Status status = source.open(); !status.ok()) return status;
  if (Status status = play(tool, replay, run.speed, source); !status.ok() || source.reader_left()) return status;
  // A span that was asked for is whole at its end. Without one the record's own end decides.
  return source.close(run.options.to != kForever || replay.finished());
}

}  // namespace twinpipe::cli
