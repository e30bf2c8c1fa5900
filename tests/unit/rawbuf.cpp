// SPDX-License-Identifier: Apache-2.0
// What the buffer is made of: its checks, its tables, and what people see of it.
#include <catch2/catch.hpp>

#include "cli/progress.hpp"
#include "kernel/crc32c.hpp"
#include "kernel/rawbuf_declarations.hpp"
#include "kernel/rawbuf_format.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "kernel/rawbuf_repair.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "model_disk.hpp"
#include "wire/output.hpp"
#include "wire/quantity.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

TEST_CASE("CRC-32C gives the values of RFC 3720, by the instruction and by tables, whole and in pieces") {
  std::string rising(32, '\0');
  for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<char>(i);
  const std::pair<std::string, std::uint32_t> vectors[] = {{std::string(32, '\0'), 0x8A9136AA},
                                                           {std::string(32, '\xff'), 0x62A8AB43},
                                                           {rising, 0x46DD794E},
                                                           {"123456789", 0xE3069283},
                                                           {"", 0}};
  for (const auto& [bytes, crc] : vectors) {
    CHECK(crc32c(bytes) == crc);
    CHECK(crc32c_by_tables(bytes) == crc);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
      CHECK(crc32c(std::string_view(bytes).substr(cut), crc32c(std::string_view(bytes).substr(0, cut))) == crc);
  }
}

TEST_CASE("a catalog with a torn entry keeps all others") {
  rawbuf::CatalogEntry first, second;
  first.first = 1;
  second.first = 7;
  const std::string whole = first.encode(), next = second.encode();
  CHECK(whole.size() == rawbuf::kCatalogEntrySize);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::uint64_t damaged = 0;
    const auto entries = rawbuf::decode_catalog(whole.substr(0, cut) + next, damaged);
    CHECK(damaged == (cut == 0 || cut == whole.size() ? 0 : 1));
    REQUIRE(entries.size() == (cut == whole.size() ? 2 : 1));
    CHECK(entries.back().first == 7);
  }
}

TEST_CASE("a segment of a later format is no damage: it is refused by name, and a repair leaves it alone") {
  testing::ModelDisk disk;
  rawbuf::SegmentHeader header;
  header.first = 7;
  std::string bytes = header.encode();
  CHECK(!rawbuf::SegmentHeader::later_version(bytes));
  bytes[8] = 2;
  CHECK(!rawbuf::SegmentHeader::later_version(bytes));  // damaged
  bytes.resize(bytes.size() - sizeof(std::uint32_t));
  const std::uint32_t crc = crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  CHECK(rawbuf::SegmentHeader::later_version(bytes) == 2U);
  const std::string name = rawbuf::segment_name(7);
  disk.files[name] = std::make_shared<testing::ModelDisk::Node>(testing::ModelDisk::Node{bytes, bytes.size()});
  rawbuf::Segment segment = std::move(*rawbuf::Segment::open(disk, 7));
  CHECK(segment.load().message == name + ": format 2, which only a later twinpipe reads");
  std::vector<rawbuf::Finding> findings;
  CHECK(rawbuf::examine(disk, 7, false, findings).code == Code::bad_data);
  CHECK(rawbuf::rewrite(disk, 7).status().code == Code::bad_data);
  rawbuf::Writer writer(disk, {});
  CHECK(writer.start().code == Code::bad_data);
  CHECK(disk.files.at(name)->bytes == bytes);
}

TEST_CASE("a number is not given twice when the start that sealed a dead writer's segment dies before the catalog knows") {
  testing::ModelDisk disk;
  Output out;
  out.open("test 0");
  FrameView open;
  std::string_view rest = out.pending();
  REQUIRE(Scanner().next(rest, open) == Scanner::Outcome::whole);
  rawbuf::Writer died(disk, {});
  REQUIRE(died.start().ok());
  REQUIRE(died.append(open, 0).ok());
  REQUIRE(died.flush(0).ok());
  rawbuf::Writer second(disk, {});
  REQUIRE(second.start().ok());
  CHECK(second.next() > died.next());  // a reader may have seen more than is left
  disk.files.erase(std::string(rawbuf::kCatalogName));
  rawbuf::Writer third(disk, {});
  REQUIRE(third.start().ok());
  CHECK(third.next() >= second.next());
}

TEST_CASE("the names of segments are the numbers of their first frames, and sort as these do") {
  CHECK(rawbuf::segment_name(42) == "00000000000000000042.seg");
  CHECK(rawbuf::parse_segment_name("00000000000000000042.seg") == 42U);
  CHECK(rawbuf::segment_name(9) < rawbuf::segment_name(10));
  for (const char* name :
       {"catalog", "42.seg", "00000000000000000042.seg.tmp", "0000000000000000004x.seg", "00000000000000000042.sex"})
    CHECK(!rawbuf::parse_segment_name(name));
}

TEST_CASE("an asset that was born again in part is declared under its newest session last") {
  const auto series = [](Nanos birth, std::vector<std::uint32_t> aliases) {
    v1::Frame frame;
    v1::Series& message = *frame.mutable_series();
    message.set_asset("a");
    message.mutable_session()->set_birth(birth);
    for (const std::uint32_t alias : aliases) {
      v1::Sensor& sensor = *message.add_sensor();
      sensor.set_alias(alias);
      sensor.set_name("s" + std::to_string(alias));
    }
    return frame;
  };
  Output out;
  out.open("test 0");
  out.frame(series(1, {0, 1, 2}));
  out.frame(series(2, {0}));
  rawbuf::Declarations state;
  Scanner scanner;
  std::string_view rest = out.pending();
  for (FrameView view; scanner.next(rest, view) == Scanner::Outcome::whole; rest.remove_prefix(view.bytes.size()))
    REQUIRE(state.observe(view).ok());
  CHECK(state.series() == 3);
  std::uint32_t count = 0;
  v1::Stream frames;
  REQUIRE(frames.ParseFromString(state.frames(count)));
  REQUIRE(count == 4);
  CHECK(frames.frame(1).series().session().birth() == 2);  // alias 0 comes first: aliases are dense
  CHECK(frames.frame(2).series().session().birth() == 1);
  CHECK(frames.frame(2).series().sensor_size() == 2);
  CHECK(frames.frame(3).series().session().birth() == 2);  // and the session that the asset is in, last
  CHECK(frames.frame(3).series().sensor(0).alias() == 0);
}

TEST_CASE("a segment that is only just being made is no damage to a reader that follows") {
  testing::ModelDisk disk;
  Output out;
  out.open("test 0");
  v1::Frame tick;
  tick.mutable_watermark()->set_node("n");
  out.frame(tick);
  const auto append = [&](rawbuf::Writer& writer) {
    REQUIRE(writer.start().ok());
    Scanner scanner;
    std::string_view rest = out.pending();
    for (FrameView view; scanner.next(rest, view) == Scanner::Outcome::whole; rest.remove_prefix(view.bytes.size()))
      REQUIRE(writer.append(view, 0).ok());
    REQUIRE(writer.flush(0).ok());
  };
  rawbuf::Writer killed(disk, {});
  append(killed);
  rawbuf::Reader reader(disk);
  rawbuf::Declarations state;
  REQUIRE(reader.seek(1, state).ok());
  rawbuf::Piece piece;
  bool found = true;
  while (found) REQUIRE(reader.next(piece, found).ok());

  // The next writer's numbers leap, and its segment grows under the reader's eyes.
  rawbuf::Writer next(disk, {});
  append(next);
  std::string newest;
  for (const auto& [name, node] : disk.files)
    if (rawbuf::parse_segment_name(name)) newest = name;
  const std::string whole = disk.files[newest]->bytes;
  for (std::size_t size = 0; size < rawbuf::kSegmentHeaderSize; ++size) {
    disk.files[newest]->bytes = whole.substr(0, size);
    REQUIRE(reader.next(piece, found).ok());
    CHECK_FALSE(found);
  }
  disk.files[newest]->bytes = whole;
  REQUIRE(reader.next(piece, found).ok());
  CHECK(found);
  CHECK(piece.kind == rawbuf::Piece::Kind::frames);
  CHECK(reader.take_notices().empty());
}

namespace {

/// A file whose size is seen before the writer has gone on.
class OvertakenFile final : public rawbuf::DiskFile {
 public:
  OvertakenFile(std::string bytes, std::shared_ptr<std::uint64_t> seen) : bytes_(std::move(bytes)), seen_(std::move(seen)) {}
  Result<std::uint64_t> size() override { return *seen_; }
  Status read(std::uint64_t offset, std::size_t length, std::string& out) override {
    out = offset < bytes_.size() ? bytes_.substr(static_cast<std::size_t>(offset), length) : std::string();
    return {};
  }
  Status append(std::string_view) override { return Status::error(Code::internal, "read only"); }
  Status truncate(std::uint64_t) override { return append({}); }
  Status sync() override { return {}; }

 private:
  std::string bytes_;
  std::shared_ptr<std::uint64_t> seen_;
};

class OvertakenDisk final : public rawbuf::Disk {
 public:
  std::string bytes;
  std::shared_ptr<std::uint64_t> seen = std::make_shared<std::uint64_t>(0);
  Result<std::unique_ptr<rawbuf::DiskFile>> open(const std::string&) override {
    return std::unique_ptr<rawbuf::DiskFile>(std::make_unique<OvertakenFile>(bytes, seen));
  }
  Result<std::unique_ptr<rawbuf::DiskFile>> open_to_append(const std::string& name) override { return open(name); }
  Result<std::vector<std::string>> list() override { return std::vector<std::string>(); }
  Status remove(const std::string&) override { return {}; }
  Status rename(const std::string&, const std::string&) override { return {}; }
  Status sync_names() override { return {}; }
};

}  // namespace

TEST_CASE("a record that is being written while a reader looks is no damage, and neither is it when the next one is there") {
  testing::ModelDisk made;
  rawbuf::Writer writer(made, {});
  REQUIRE(writer.start().ok());
  Output out;
  out.open("test 0");
  for (int i = 0; i < 3; ++i) {
    v1::Frame tick;
    tick.mutable_watermark()->set_node("node " + std::to_string(i));
    out.frame(tick);
  }
  std::string_view rest = out.pending();
  Scanner scanner;
  for (FrameView frame; scanner.next(rest, frame) == Scanner::Outcome::whole; rest.remove_prefix(frame.bytes.size())) {
    REQUIRE(writer.append(frame, 0).ok());
    REQUIRE(writer.flush(0).ok());  // a record each
  }
  OvertakenDisk disk;
  disk.bytes = made.files.at(rawbuf::segment_name(1))->bytes;
  for (std::uint64_t seen = rawbuf::kSegmentHeaderSize; seen <= disk.bytes.size(); ++seen) {
    *disk.seen = seen;
    rawbuf::Segment segment = std::move(*rawbuf::Segment::open(disk, 1));
    REQUIRE(segment.load().ok());
    CHECK(segment.damages().empty());
    *disk.seen = disk.bytes.size();
    REQUIRE(segment.refresh().ok());
    CHECK(segment.damages().empty());
    CHECK(segment.next() == 5);
  }
}

TEST_CASE("speeds are numbers with or without an x, or max") {
  CHECK(*parse_speed("max") == 0);
  CHECK(*parse_speed("1x") == 1);
  CHECK(*parse_speed("60") == 60);
  CHECK(*parse_speed("0.5x") == 0.5);
  for (const char* text : {"", "x", "0", "-1x", "1y", "fast", "1e12"}) CHECK(parse_speed(text).status().code == Code::usage);
}

TEST_CASE("a progress line has a bar, a rate and the time left, as far as they are known") {
  CHECK(cli::progress_line(50, 100, "readings", 10 * kSecond) ==
        "[===============>              ]  50 %  5 readings/s  10s left");
  CHECK(cli::progress_line(100, 100, "readings", 10 * kSecond) == "[==============================] 100 %  10 readings/s");
  CHECK(cli::progress_line(2'500'000, 0, "readings", kSecond) == "2.5 M readings/s");
}
