// SPDX-License-Identifier: Apache-2.0
// keep: a sink for tests that keeps the stream itself, as DESIGN demands it of one: a Position is recorded once all before it is
// safe, and what came behind the recorded one is taken back at the next start, because it comes again.
//
// keep OUT CURSOR: appends the frames of standard input to OUT, whatever the end of the input means. Segments are left open, so
// that OUT is a stream however often the ones before were killed.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/cursor.hpp"
#include "io/fd.hpp"
#include "io/frame_reader.hpp"
#include "wire/output.hpp"

using namespace twinpipe;

namespace {

Status write(int fd, std::string_view bytes) {
  const Result<Written> written = write_all(fd, bytes);
  return written.ok() ? Status{} : written.status();
}

/// Calls `each` with every frame of the descriptor until the end.
template <class Each>
Status for_each_frame(int fd, const Each& each) {
  FrameReader reader(fd, kDefaultFrameLimit);
  for (FrameView frame;;) {
    while (reader.next(frame))
      if (Status status = each(frame); !status.ok()) return status;
    if (!reader.refill()) return reader.status();
  }
}

/// Cuts OUT behind the Position that the cursor names; without a cursor, to nothing.
Status cut(const std::string& out, const std::string& cursor) {
  const auto recorded = cli::read_cursor(cursor);
  if (!recorded.ok()) return recorded.status();
  std::uint64_t end = 0;
  const Fd file(open(out.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (*recorded) {
    // What stands behind may be torn: the search ends there.
    (void)for_each_frame(file.get(), [&](const FrameView& frame) {
      if (frame.kind == FrameKind::position && frame.payload == (*recorded)->SerializeAsString())
        end = frame.offset + frame.bytes.size();
      return Status{};
    });
    if (end == 0) return Status::error(Code::internal, "the cursor names a Position that is not in " + out);
  }
  return cut_file(file.get(), out, end);
}

std::string unsealed(const FrameView& open) {
  v1::Frame frame;
  frame.mutable_open()->ParseFromString(std::string(open.payload));
  frame.mutable_open()->set_sealed(false);
  std::string bytes;
  append_frame(frame, bytes);
  return bytes;
}

Status keep(const std::string& out, const std::string& cursor) {
  if (Status status = cut(out, cursor); !status.ok()) return status;
  Result<Fd> file = open_to_append(out);
  if (!file.ok()) return file.status();
  const Status read = for_each_frame(STDIN_FILENO, [&](const FrameView& frame) -> Status {
    if (frame.kind == FrameKind::close) return {};
    const Status written = write(file->get(), frame.kind == FrameKind::open ? unsealed(frame) : std::string(frame.bytes));
    if (!written.ok()) return written;
    if (frame.kind != FrameKind::position) return {};
    v1::Position position;
    position.ParseFromString(std::string(frame.payload));
    if (Status status = sync_file(file->get(), out); !status.ok()) return status;
    return cli::write_cursor(cursor, position);
  });
  return read.code == Code::bad_data ? Status{} : read;  // whoever wrote it was killed
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const Status status = keep(argv[1], argv[2]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "keep: %s\n", status.message.c_str());
  return static_cast<int>(status.code);
}
