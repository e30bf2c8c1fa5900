// SPDX-License-Identifier: Apache-2.0
// fmerge's loop.
#include "cli/merge_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace twinpipe::cli {
namespace {

constexpr std::size_t kStep = std::size_t{256} << 10;  // bytes written between two looks at signals

/// A lone standard input needs no name in messages.
std::vector<std::string> names_of(const std::vector<std::string>& files) {
  if (files.size() == 1 && files[0] == "-") return {""};
  std::vector<std::string> names = files;
  std::ranges::replace(names, std::string("-"), std::string("standard input"));
  return names;
}

bool is_regular(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && !S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode) && !S_ISCHR(info.st_mode);
}

}  // namespace

MergeReader::MergeReader(Tool& tool, std::vector<std::string> files, const MergeOptions& options, std::string spill)
    : tool_(&tool), options_(options), source_(tool), spill_(std::move(spill)), merge_(names_of(files), options, spill_) {
  for (std::string& file : files) inputs_.emplace_back().path = std::move(file);
}

Status MergeReader::open() {
  for (Input& input : inputs_) {
    if (input.path == "-") {
      input.fd = STDIN_FILENO;
      if (!open_for_reading(input.fd)) return Status::error(Code::io_error, "standard input is closed");
    } else {
      Result<Fd> file = open_to_poll(input.path);
      if (!file.ok()) return file.status();
      input.file = std::move(*file);
      input.fd = input.file.get();
    }
    input.regular = is_regular(input.fd);
    widen_pipe(input.fd);
    input.reader = std::make_unique<FrameReader>(input.fd, options_.max_frame);
  }
  source_.set_counters([this] { return merge_.counters(); });
  return source_.open();
}

Status MergeReader::run() {
  if (Status status = open(); !status.ok()) return status;
  const Status status = merge();
  if (status.ok()) return finish();
  const Status flushed = source_.flush();
  return flushed.ok() ? status : flushed;
}

Status MergeReader::merge() {
  for (;;) {
    Result<bool> more = merge_.step(source_.out(), kStep);
    tell();
    if (!more.ok()) return more.status();
    if (merge_.done()) return {};
    if (Status status = source_.pump(); !status.ok()) return status;
    if (source_.done()) return {};
    if (*more) continue;
    if (Status status = read_some(); !status.ok()) return status;
    if (source_.done()) return {};
  }
}

/// Reads what the merge wants; while that has nothing, whatever is ready. So a writer that fills two inputs by turns is never
/// stuck with the one that is not wanted yet, and nothing is read ahead without need.
Status MergeReader::read_some() {
  std::vector<pollfd> watched(inputs_.size());
  const auto watch = [&](bool wanted) {
    bool now = false;
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      const Input& input = inputs_[i];
      const bool watches = merge_.open(i) && (merge_.wanted(i) || (!wanted && !input.regular));
      watched[i] = {watches && !input.regular ? input.fd : -1, POLLIN, 0};
      now = now || (watches && input.regular);
    }
    return now;
  };
  const bool now = watch(true);
  if (Status status = source_.wait(watched, 0); !status.ok()) return status;
  const auto is_ready = [](const pollfd& entry) { return entry.revents != 0; };
  if (!now && std::ranges::none_of(watched, is_ready)) {
    watch(false);
    if (Status status = source_.wait(watched, -1); !status.ok()) return status;
  }
  for (std::uint32_t i = 0; i < inputs_.size(); ++i)
    if (watched[i].revents != 0 || (now && inputs_[i].regular && merge_.wanted(i)))
      if (Status status = read(i); !status.ok()) return status;
  return {};
}

Status MergeReader::read(std::uint32_t number) {
  Input& input = inputs_[number];
  FrameReader& reader = *input.reader;
  const bool more = reader.refill();
  for (FrameView frame; merge_.open(number) && reader.next(frame);)
    if (Status status = merge_.push(number, frame); !status.ok()) return status;
  if (!more || !reader.status().ok()) merge_.end(number, reader.placed(reader.status()));
  if (!merge_.open(number)) input.file = Fd();
  return {};
}

Status MergeReader::finish() {
  if (source_.reader_left()) return {};
  const Status outcome = source_.told_to_stop() ? Status{} : merge_.outcome();
  if (outcome.ok()) return source_.close(merge_.final());
  // No Close: what is missing of one input is missing here.
  const Status flushed = source_.flush();
  return flushed.ok() ? outcome : flushed;
}

void MergeReader::tell() {
  for (const std::string& line : merge_.take_notices()) tool_->say(line);
  for (const Status& status : merge_.take_failures()) tool_->say(status);
}

}  // namespace twinpipe::cli
