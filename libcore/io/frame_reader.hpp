// SPDX-License-Identifier: Apache-2.0
// Frames from a descriptor, in large reads.
#pragma once

#include <memory>

#include "io/fd.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {

/// Frames that come from descriptors, one after another: as frames, or as text that is made into them.
class FrameSource {
 public:
  FrameSource() = default;
  virtual ~FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;

  /// Takes the next whole frame that is in memory already. False: refill first, or see status().
  virtual bool next(FrameView& frame) = 0;
  /// Reads once; may block. False at the end of the input, or on an error: see status().
  virtual bool refill() = 0;
  /// Goes on with another descriptor, after the end of the one before.
  virtual void continue_with(int fd) = 0;

  /// After the end of the last descriptor: true when frames came up that had been held back.
  virtual bool finish() { return false; }

  /// Not ok after a framing error or a failed read. After the end of the input: bad_data when it ended inside a frame.
  virtual const Status& status() const = 0;
  virtual std::uint64_t bytes() const = 0;
  virtual std::uint64_t frames() const = 0;
  /// Content that --skip-bad left out here.
  virtual std::uint64_t skipped() const { return 0; }
  /// A status about the frame taken last, or about the end of the input, with its place.
  virtual Status placed(Status status) const = 0;
};

class FrameReader final : public FrameSource {
 public:
  FrameReader(int fd, std::size_t frame_limit) : fd_(fd), scanner_(frame_limit) {}

  bool next(FrameView& frame) override;
  bool refill() override;
  void continue_with(int fd) override { fd_ = fd; }

  const Status& status() const override { return status_; }
  std::uint64_t bytes() const override { return bytes_; }
  std::uint64_t frames() const override { return scanner_.frames(); }
  std::uint64_t offset() const { return scanner_.offset(); }
  /// The end of what came, unless the status has a place of its own.
  Status placed(Status status) const override;

 private:
  void make_room();

  static constexpr std::size_t kRead = std::size_t{1} << 20;
  int fd_;
  Scanner scanner_;
  Status status_;
  std::unique_ptr<char[]> buffer_;  // not a string: its growth need not be cleared
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace twinpipe
