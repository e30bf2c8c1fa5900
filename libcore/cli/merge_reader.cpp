// SPDX-License-Identifier: Apache-2.0
// fmerge's loop.
#include "cli/merge_reader.hpp"

#include <algorithm>
#include <array>

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

}  // namespace

MergeReader::MergeReader(Tool& tool, std::vector<std::string> files, const MergeOptions& options, std::string spill)
    : tool_(&tool),
      options_(options),
      files_(std::move(files)),
      source_(tool),
      spill_(std::move(spill)),
      merge_(names_of(files_), options, spill_) {}

Status MergeReader::open() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (Status status = inputs_.add(files_[i]); !status.ok()) return status;
    readers_.push_back(std::make_unique<FrameReader>(inputs_.descriptor(i), options_.max_frame));
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
/// stuck with the one that is not wanted yet, and nothing is read ahead without need. Nor is it stuck with an input that has
/// ended too early: what still comes of that is discarded.
Status MergeReader::read_some() {
  std::vector<bool> watched(files_.size());
  bool found = false;
  const auto watch = [&](bool only_wanted) {
    for (std::uint32_t i = 0; i < watched.size(); ++i) watched[i] = only_wanted ? merge_.wanted(i) : inputs_.descriptor(i) >= 0;
    inputs_.watch(watched);
  };
  watch(true);
  for (std::uint32_t i = 0; i < watched.size(); ++i) {
    if (!watched[i] || !inputs_.always_ready(i)) continue;
    found = true;
    if (Status status = read(i); !status.ok()) return status;
  }
  for (Nanos timeout : {Nanos{0}, Nanos{-1}}) {
    if (found && timeout != 0) break;
    if (timeout != 0) watch(false);
    Ready ready;
    if (Status status = source_.wait(inputs_.fd(), timeout, ready); !status.ok()) return status;
    if (source_.done()) return {};  // a request to stop is seen once: the next wait would not be woken by it
    if (!ready.input) continue;
    for (const std::size_t i : inputs_.ready())
      if (Status status = read(static_cast<std::uint32_t>(i)); !status.ok()) return status;
    break;
  }
  return {};
}

Status MergeReader::read(std::uint32_t number) {
  if (!merge_.open(number)) return discard(number);
  FrameReader& reader = *readers_[number];
  const bool more = reader.refill();
  for (FrameView frame; merge_.open(number) && reader.next(frame);)
    if (Status status = merge_.push(number, frame); !status.ok()) return status;
  if (!more || !reader.status().ok()) merge_.end(number, reader.status().ok() ? reader.placed({}) : reader.status());
  if (!more) inputs_.close(number);
  return {};
}

/// Reads on behind the end of an input. Closing it would not do: tee(1) dies of SIGPIPE when one of its branches has no reader,
/// and takes the other with it; and a shell's /dev/fd/N and standard input are held open by others too, so that the writer would
/// block for ever.
Status MergeReader::discard(std::uint32_t number) {
  std::array<char, std::size_t{64} << 10> nothing;
  const Result<std::size_t> got = twinpipe::read_some(inputs_.descriptor(number), nothing.data(), nothing.size());
  if (!got.ok() || *got == 0) inputs_.close(number);
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
