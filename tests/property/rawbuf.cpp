// SPDX-License-Identifier: Apache-2.0
// Laws of the buffer: byte for byte, whatever is cut, flipped, refused or lost with the power.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <set>

#include "drive.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "kernel/rawbuf_repair.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "model_disk.hpp"
#include "property/arbitrary_stream.hpp"

using namespace twinpipe;
using testing::ModelDisk;

namespace {

std::vector<std::string> frames_in(std::string_view stream) {
  std::vector<std::string> frames;
  REQUIRE(testing::for_each_frame(stream, [&](const FrameView& view) {
            frames.emplace_back(view.bytes);
            return Status{};
          }).ok());
  return frames;
}

FrameView view_of(std::string_view bytes) {
  Scanner scanner(rawbuf::kGreatestBody);
  FrameView view;
  REQUIRE(scanner.next(bytes, view) == Scanner::Outcome::whole);
  return view;
}

/// Segments and blocks so small that a short stream has many.
rawbuf::WriterOptions small() {
  rawbuf::WriterOptions options;
  options.segment_bytes = *rc::gen::inRange<std::uint64_t>(100, 3000);
  options.block_bytes = *rc::gen::inRange<std::size_t>(1, 1500);
  return options;
}

struct Found {
  std::map<std::uint64_t, std::string> frames;  // by number
  std::vector<rawbuf::Piece> missing;
};

Found read_from(rawbuf::Disk& disk, std::uint64_t number) {
  rawbuf::Reader reader(disk);
  rawbuf::Declarations state;
  REQUIRE(reader.seek(number, state).ok());
  Found all;
  for (;;) {
    rawbuf::Piece piece;
    bool found = false;
    const Status status = reader.next(piece, found);
    INFO(status.message);
    REQUIRE(status.ok());
    if (!found) return all;
    if (piece.kind != rawbuf::Piece::Kind::frames) {
      all.missing.push_back(piece);
      continue;
    }
    std::uint64_t at = piece.first;
    for (std::string& frame : frames_in(piece.frames)) all.frames[at++] = std::move(frame);
    REQUIRE(at == piece.next);
  }
}

/// Appends all; flushes and syncs where `each` says so. The numbers that the frames got.
std::vector<std::uint64_t> append_all(rawbuf::Writer& writer, const std::vector<std::string>& frames, Nanos now = 0) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& frame : frames) {
    numbers.push_back(writer.next());
    REQUIRE(writer.append(view_of(frame), now).ok());
    if (*rc::gen::inRange(0, 8) == 0) REQUIRE(writer.flush(now).ok());
  }
  return numbers;
}

/// A stream with rows enough for columns of some length.
rc::Gen<std::string> stream() {
  arbitrary::StreamShape shape;
  shape.most_frames = 20;
  return arbitrary::stream(shape);
}

}  // namespace

TEST_CASE("a block of any frames is those frames again, byte for byte") {
  CHECK(rc::check([] {
    rawbuf::BlockEncoder encoder(1, *rc::gen::element<std::size_t>(0, 2048));
    rawbuf::BlockDecoder decoder;
    // Several blocks by one encoder: what it remembers of one must not be needed for the next.
    for (int block = 0; block < 3; ++block) {
      const std::string raw = *stream();
      for (const std::string& frame : frames_in(raw)) encoder.add(view_of(frame));
      std::string again = "before";
      const std::string encoded(encoder.finish());
      RC_ASSERT(decoder.decode(encoded, raw.size(), again).ok());
      RC_ASSERT(again == "before" + raw);
      // And those frames alone that name no series by columns, at their numbers.
      std::vector<std::uint32_t> numbers;
      std::string others;
      RC_ASSERT(decoder.decode_others(encoded, raw.size(), others, numbers).ok());
      const std::vector<std::string> all = frames_in(raw), some = frames_in(others);
      RC_ASSERT(some.size() == numbers.size());
      std::set<std::uint32_t> told(numbers.begin(), numbers.end());
      for (std::size_t i = 0; i < some.size(); ++i) RC_ASSERT(some[i] == all.at(numbers[i]));
      for (std::uint32_t number = 0; number < all.size(); ++number) {
        const FrameKind kind = view_of(all[number]).kind;
        RC_ASSERT(told.contains(number) || kind == FrameKind::readings || kind == FrameKind::waveform);
      }
    }
  }));
}

TEST_CASE("a block of measurements is small, and those measurements again") {
  CHECK(rc::check([] {
    const auto scale = *rc::gen::element(1.0, 10.0, 1000.0, 3.7, 1e-9, 1e12);
    testing::StreamWriter writer;
    writer.series("n", "a", {"s0", "s1", "s2", "s3"}, 0);
    ReadingsBuilder rows;
    const int count = *rc::gen::inRange(200, 600);
    std::int64_t walk = 1000;
    for (int i = 0; i < count; ++i) {
      walk += *rc::gen::inRange(-3, 4);
      const double value =
          *rc::gen::weightedElement<int>({{40, 0}, {1, 1}}) == 0 ? static_cast<double>(walk) / scale : *arbitrary::number();
      rows.add(static_cast<std::uint32_t>(i % 4), i * 250 * kMillisecond, value);
    }
    writer.out().readings(rows.columns());
    const std::string raw = writer.take();
    rawbuf::BlockEncoder encoder;
    for (const std::string& frame : frames_in(raw)) encoder.add(view_of(frame));
    const std::string body(encoder.finish());
    RC_ASSERT(body.size() * 2 < raw.size());
    std::string again;
    RC_ASSERT(rawbuf::BlockDecoder().decode(body, raw.size(), again).ok());
    RC_ASSERT(again == raw);
  }));
}

TEST_CASE("a block that somebody tampered with is refused or decodes, and never more") {
  CHECK(rc::check([] {
    rawbuf::BlockEncoder encoder(1, 0);
    const std::string raw = *stream();
    for (const std::string& frame : frames_in(raw)) encoder.add(view_of(frame));
    std::string body(encoder.finish());
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i)
      body[*rc::gen::inRange<std::size_t>(0, body.size())] = *rc::gen::arbitrary<char>();
    std::string again;
    const Status status = rawbuf::BlockDecoder().decode(body, raw.size(), again);
    RC_ASSERT(again.size() == (status.ok() ? raw.size() : 0));
  }));
}

TEST_CASE("what is appended is read again, byte for byte, however it was cut into blocks, segments and runs") {
  CHECK(rc::check([] {
    ModelDisk disk;
    std::map<std::uint64_t, std::string> expected;
    for (int run = *rc::gen::inRange(1, 4); run > 0; --run) {
      rawbuf::Writer writer(disk, small());
      REQUIRE(writer.start().ok());
      const std::vector<std::string> frames = frames_in(*stream());
      const std::vector<std::uint64_t> numbers = append_all(writer, frames);
      for (std::size_t i = 0; i < frames.size(); ++i) expected[numbers[i]] = frames[i];
      REQUIRE(writer.close(0).ok());
    }
    const Found found = read_from(disk, 1);
    RC_ASSERT(found.missing.empty());
    RC_ASSERT(found.frames == expected);
    // And from any frame on.
    const auto from = *rc::gen::inRange<std::uint64_t>(1, expected.size() + 2);
    expected.erase(expected.begin(), expected.lower_bound(from));
    RC_ASSERT(read_from(disk, from).frames == expected);
  }));
}

TEST_CASE("what is in force at a frame is what the frames before it declared") {
  CHECK(rc::check([] {
    ModelDisk disk;
    rawbuf::Writer writer(disk, small());
    REQUIRE(writer.start().ok());
    const std::vector<std::string> frames = frames_in(*stream());
    append_all(writer, frames);
    REQUIRE(writer.close(0).ok());
    const auto number = *rc::gen::inRange<std::uint64_t>(1, frames.size() + 2);
    rawbuf::Reader reader(disk);
    rawbuf::Declarations state;
    RC_ASSERT(reader.seek(number, state).ok());
    // A table that saw the stream up to there, and one that saw the state, know the same series under the same aliases.
    SeriesTable walked, told;
    std::vector<Declared> declared;
    const auto declare = [&](SeriesTable& table, const std::string& frame) {
      const FrameView view = view_of(frame);
      v1::Series series;
      if (view.kind == FrameKind::open || view.kind == FrameKind::close) table.open_segment();
      if (view.kind != FrameKind::series || !series.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size())))
        return;
      RC_ASSERT(table.declare(series, declared).ok());
    };
    for (std::uint64_t i = 1; i < number; ++i) declare(walked, frames[static_cast<std::size_t>(i - 1)]);
    std::uint32_t count = 0;
    const std::vector<std::string> repeated = frames_in(state.frames(count));
    RC_ASSERT(repeated.size() == count);
    for (const std::string& frame : repeated) declare(told, frame);
    RC_ASSERT(told.slots().size() == walked.slots().size());
    for (std::uint32_t alias = 0; alias < told.slots().size(); ++alias)
      RC_ASSERT(told.declaration(told.slots()[alias], alias).SerializeAsString() ==
                walked.declaration(walked.slots()[alias], alias).SerializeAsString());
  }));
}

namespace {

/// A small segment of several records, and where they are.
struct Sample {
  ModelDisk disk;
  std::vector<std::string> frames;
  std::vector<rawbuf::RecordPlace> records;
  std::string name = rawbuf::segment_name(1);

  explicit Sample(bool sealed) {
    rawbuf::WriterOptions options;
    options.block_bytes = 150;
    rawbuf::Writer writer(disk, options);
    REQUIRE(writer.start().ok());
    testing::StreamWriter stream;
    stream.series("n", "a", {"s0", "s1"}, 0);
    for (int i = 0; i < 6; ++i) {
      ReadingsBuilder rows;
      for (int row = 0; row < 4; ++row) rows.add(static_cast<std::uint32_t>(row % 2), (4 * i + row) * kSecond, 0.5 * row);
      stream.out().readings(rows.columns());
      stream.watermark("n", 4 * i * kSecond);
    }
    frames = frames_in(stream.take());
    for (const std::string& frame : frames) REQUIRE(writer.append(view_of(frame), 7).ok());
    REQUIRE((sealed ? writer.close(7) : writer.flush(7)).ok());
    rawbuf::Segment segment = std::move(*rawbuf::Segment::open(disk, 1));
    REQUIRE(segment.load().ok());
    records = segment.records();
    REQUIRE(records.size() >= 4);
  }
  std::string& bytes() { return disk.files.at(name)->bytes; }
  /// The frames of the records that do not hold byte `at`.
  std::map<std::uint64_t, std::string> frames_without(std::size_t at) const {
    std::map<std::uint64_t, std::string> left;
    for (const auto& [offset, header] : records)
      for (std::uint64_t number = header.first; number < header.next(); ++number)
        if (at < offset || at >= offset + header.size()) left[number] = frames[static_cast<std::size_t>(number - 1)];
    return left;
  }
};

bool contains(const std::map<std::uint64_t, std::string>& all, const std::map<std::uint64_t, std::string>& some) {
  return std::ranges::all_of(some, [&](const auto& frame) {
    const auto at = all.find(frame.first);
    return at != all.end() && at->second == frame.second;
  });
}

}  // namespace

TEST_CASE("every bit of a segment, flipped, is detected, and every other record is recovered") {
  for (const bool sealed : {true, false}) {
    Sample sample(sealed);
    const std::string whole = sample.bytes();
    std::vector<rawbuf::Finding> findings;
    REQUIRE(rawbuf::examine(sample.disk, 1, !sealed, findings).ok());
    REQUIRE(findings.empty());
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      sample.bytes() = whole;
      sample.bytes()[bit / 8] = static_cast<char>(sample.bytes()[bit / 8] ^ 1 << bit % 8);
      INFO("bit " << bit << " of " << 8 * whole.size());
      findings.clear();
      REQUIRE(rawbuf::examine(sample.disk, 1, false, findings).ok());
      REQUIRE(!findings.empty());
      const Found found = read_from(sample.disk, 1);
      const auto others = sample.frames_without(bit / 8);
      // The last record of a segment that is still being written may be under way.
      if (sealed || bit / 8 < sample.records.back().offset) REQUIRE(contains(found.frames, others));
      for (const auto& [number, frame] : found.frames) REQUIRE(frame == sample.frames[static_cast<std::size_t>(number - 1)]);
    }
  }
}

TEST_CASE("a damaged segment is repaired to what is whole of it") {
  CHECK(rc::check([] {
    Sample sample(true);
    const auto at = *rc::gen::inRange<std::size_t>(0, sample.bytes().size());
    sample.bytes()[at] = static_cast<char>(~sample.bytes()[at]);
    const Result<rawbuf::CatalogEntry> entry = rawbuf::rewrite(sample.disk, 1);
    RC_ASSERT(entry.ok());
    std::vector<rawbuf::Finding> findings;
    RC_ASSERT(rawbuf::examine(sample.disk, 1, false, findings).ok());
    RC_ASSERT(findings.empty());
    RC_ASSERT(contains(read_from(sample.disk, 1).frames, sample.frames_without(at)));
    RC_ASSERT(rawbuf::rewrite_catalog(sample.disk, {*entry}).ok());
    rawbuf::Writer writer(sample.disk, {});
    RC_ASSERT(writer.start().ok());
    RC_ASSERT(writer.next() == sample.frames.size() + 1);
  }));
}

TEST_CASE("a segment cut at any byte keeps every whole record, is sealed at the next start, and its numbers do not come again") {
  Sample sample(false);
  const std::string whole = sample.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ModelDisk disk;
    disk.files[sample.name] = std::make_shared<ModelDisk::Node>(ModelDisk::Node{whole.substr(0, size), size});
    std::map<std::uint64_t, std::string> expected;
    for (const auto& [offset, header] : sample.records)
      for (std::uint64_t number = header.first; number < header.next() && offset + header.size() <= size; ++number)
        expected[number] = sample.frames[static_cast<std::size_t>(number - 1)];
    INFO("cut at " << size << " of " << whole.size());
    rawbuf::Writer writer(disk, {});
    REQUIRE(writer.start().ok());
    const bool on_boundary = size == rawbuf::kSegmentHeaderSize || std::ranges::any_of(sample.records, [&](const auto& record) {
                               return record.offset + record.header.size() == size;
                             });
    CHECK(writer.take_notices().empty() == on_boundary);
    CHECK(writer.next() > sample.frames.size());
    CHECK(read_from(disk, 1).frames == expected);
    std::vector<rawbuf::Finding> findings;
    if (disk.files.contains(sample.name)) REQUIRE(rawbuf::examine(disk, 1, false, findings).ok());
    for (const auto& finding : findings) INFO(finding.text());
    CHECK((findings.empty() || size < rawbuf::kSegmentHeaderSize));
    // Goes on.
    const std::vector<std::string> more = frames_in(sample.frames[0]);
    const std::uint64_t number = writer.next();
    REQUIRE(writer.append(view_of(more[0]), 8).ok());
    REQUIRE(writer.close(8).ok());
    expected[number] = more[0];
    CHECK(read_from(disk, 1).frames == expected);
  }
}

TEST_CASE("what was safe survives a power cut at any point, and nothing else than what was written is ever read") {
  CHECK(rc::check([] {
    ModelDisk disk;
    std::map<std::uint64_t, std::string> written, safe;
    std::uint64_t greatest_read = 0;
    for (int life = *rc::gen::inRange(1, 4); life > 0; --life) {
      disk.fail_at = disk.changes + *rc::gen::inRange<std::uint64_t>(1, 60);
      rawbuf::Writer writer(disk, small());
      std::map<std::uint64_t, std::string> pending;
      bool alive = writer.start().ok();
      for (const std::string& frame : frames_in(*stream())) {
        const std::uint64_t number = writer.next();
        // Whoever reads before the power goes may have seen any of it.
        RC_ASSERT(!alive || number > greatest_read);
        if (!alive || !writer.append(view_of(frame), 0).ok()) break;
        written[number] = pending[number] = frame;
        if (*rc::gen::inRange(0, 3) == 0) {
          if (!writer.flush(0).ok() || !writer.sync().ok()) break;
          RC_ASSERT(writer.safe() == writer.taken());
          safe.merge(pending);
          pending.clear();
        }
      }
      const Found before = read_from(disk, 1);
      if (!before.frames.empty()) greatest_read = std::max(greatest_read, before.frames.rbegin()->first);
      disk.cut_power(*rc::gen::arbitrary<std::uint32_t>());
    }
    rawbuf::Writer writer(disk, small());
    RC_ASSERT(writer.start().ok());
    const Found found = read_from(disk, 1);
    RC_ASSERT(contains(found.frames, safe));
    RC_ASSERT(contains(written, found.frames));
  }));
}

TEST_CASE("a disk that refuses the n-th change loses nothing that was safe, and what it took is whole") {
  CHECK(rc::check([] {
    ModelDisk disk;
    disk.fail_at = *rc::gen::inRange<std::uint64_t>(1, 80);
    rawbuf::WriterOptions options = small();
    options.max_bytes = *rc::gen::element<std::uint64_t>(0, 0, 2000);
    rawbuf::Writer writer(disk, options);
    std::map<std::uint64_t, std::string> given;
    std::uint64_t written = 0;
    Status status = writer.start();
    for (const std::string& frame : frames_in(*stream())) {
      const std::uint64_t number = writer.next();
      if (!status.ok()) break;
      given[number] = frame;
      status = writer.append(view_of(frame), 0);
      if (status.ok() && *rc::gen::inRange(0, 3) == 0) status = writer.flush(0);
      if (status.ok()) status = writer.retain(0, 0);
      written = writer.written();
    }
    if (status.ok()) status = writer.close(0);
    if (status.ok()) written = writer.written();
    disk.fail_at = 0;
    rawbuf::Writer again(disk, options);
    RC_ASSERT(again.start().ok());
    const Found found = read_from(disk, 1);
    RC_ASSERT(contains(given, found.frames));
    if (options.max_bytes == 0) RC_ASSERT(found.frames.size() >= written);
    for (const auto& piece : found.missing) RC_ASSERT(piece.kind == rawbuf::Piece::Kind::evicted);
  }));
}

TEST_CASE("retention removes whole segments from the oldest on, keeps what is unsent, and leaves tombstones that add up") {
  CHECK(rc::check([] {
    ModelDisk disk;
    rawbuf::WriterOptions options = small();
    options.max_age = 100 * kSecond;
    const bool by_size = *rc::gen::arbitrary<bool>();
    if (by_size) options.max_bytes = *rc::gen::inRange<std::uint64_t>(1, 6000);
    rawbuf::Writer writer(disk, options);
    REQUIRE(writer.start().ok());
    std::map<std::uint64_t, std::string> expected;
    Nanos now = 0;
    for (const std::string& frame : frames_in(*stream())) {
      expected[writer.next()] = frame;
      REQUIRE(writer.append(view_of(frame), now += 3 * kSecond).ok());
      REQUIRE(writer.flush(now).ok());
    }
    REQUIRE(writer.close(now).ok());
    now += *rc::gen::inRange<Nanos>(0, 200) * kSecond;
    const std::uint64_t unsent = *rc::gen::inRange<std::uint64_t>(1, expected.size() + 2);
    REQUIRE(writer.retain(now, unsent).ok());

    rawbuf::Listing listing(disk);
    REQUIRE(listing.refresh().ok());
    std::uint64_t gone = 1, frames = 0, bytes = 0;
    for (const rawbuf::CatalogEntry& tombstone : listing.tombstones()) {
      RC_ASSERT(tombstone.first == gone);
      gone = tombstone.next;
      frames += tombstone.frames;
      if (tombstone.reason == rawbuf::CatalogEntry::Reason::age) {
        RC_ASSERT(tombstone.next <= unsent);
        RC_ASSERT(tombstone.written_to < now - options.max_age);
      }
    }
    RC_ASSERT(frames == gone - 1);
    for (const auto& segment : listing.segments()) bytes += segment.summary.bytes;
    if (by_size) RC_ASSERT(bytes <= options.max_bytes || listing.segments().empty());
    if (!listing.segments().empty()) {
      const rawbuf::CatalogEntry& oldest = listing.segments().front().summary;
      RC_ASSERT(oldest.first == gone);
      RC_ASSERT(oldest.next > unsent || oldest.written_to >= now - options.max_age);
    }
    // A reader is told what it will never see.
    const Found found = read_from(disk, 1);
    expected.erase(expected.begin(), expected.lower_bound(gone));
    RC_ASSERT(found.frames == expected);
    if (gone > 1 && !expected.empty()) {
      RC_ASSERT(found.missing.size() == 1U);
      RC_ASSERT(found.missing[0].kind == rawbuf::Piece::Kind::evicted);
      RC_ASSERT(found.missing[0].next == gone);
    }
  }));
}
