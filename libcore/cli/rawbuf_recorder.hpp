// SPDX-License-Identifier: Apache-2.0
// Frames into a buffer on disk, under one of three promises, with what is too old removed meanwhile: what `rawbuf append` and
// `sp-sub --buffer` share.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "cli/tool.hpp"
#include "io/rawbuf_directory.hpp"
#include "kernel/rawbuf_writer.hpp"

namespace twinpipe::cli {

/// always: a commit each time that somebody waits for it; interval: one every so often; none: the kernel decides.
enum class SyncWhen { always, interval, none };

struct RecorderOptions {
  std::string directory;
  SyncWhen sync = SyncWhen::interval;
  Nanos sync_every = kSecond;
  rawbuf::WriterOptions writer;
};

/// The options of a program that records.
class RecorderOption {
 public:
  /// Declares --sync, --max-age, --max-size. `where`: before each description ("append: "); `sync`: the default.
  RecorderOption(Tool& tool, const std::string& where, const std::string& sync);
  /// Errors: usage.
  Result<RecorderOptions> load(const std::string& directory) const;
  /// The first of them that was given; empty: none was.
  std::string given() const;

 private:
  Tool* tool_;
  std::string sync_;
  RecorderOptions options_;
};

class RawbufRecorder {
 public:
  using Tell = std::function<void(const std::string& notice)>;
  /// `tell` hears lines for people.
  RawbufRecorder(RecorderOptions options, Tell tell);

  /// Takes the writer's lock, puts in order what a crash has left, removes what is too old. Errors: temporary (there is a
  /// writer), cant_create, io_error.
  Status start();

  /// Errors: bad_data (the frame's declaration is wrong; it is left out), io_error: the disk failed and nothing may be added.
  /// Those of the disk say how much is safe.
  Status append(const FrameView& frame);
  /// Writes what there is.
  Status flush();
  /// Writes what there is, and makes it as safe as was promised.
  Status commit();
  /// Time has passed: a block that has waited, a sync that is due, retention. To be called ten times a second.
  Status look_at_time();
  /// How long what nobody waits for may be kept to grow.
  Nanos group_wait() const;
  /// How long look_at_time() may be put off when nothing is appended.
  Nanos until_due() const;
  /// Writes, seals, removes what is too old.
  Status close();

  SyncWhen sync() const { return options_.sync; }
  bool broken() const { return broken_; }
  std::uint64_t taken() const { return writer_.taken(); }
  std::uint64_t written() const { return writer_.written(); }
  std::uint64_t bytes() const { return writer_.bytes(); }
  /// Frames that are as safe as was promised: synced, or written where no sync is promised.
  std::uint64_t safe() const { return options_.sync == SyncWhen::none ? writer_.written() : writer_.safe(); }

 private:
  Status retain();
  void tell();
  Status failed(Status status);

  RecorderOptions options_;
  Tell tell_;
  RawbufDirectory directory_;
  rawbuf::Writer writer_;
  std::set<std::string> told_;  // registrations that cannot be read
  std::uint64_t frames_ = 0, seen_written_ = 0;
  Nanos wall_ = 0;
  Nanos last_write_ = 0, next_sync_ = 0, next_retain_ = 0;  // monotonic
  bool broken_ = false;
};

}  // namespace twinpipe::cli
