// SPDX-License-Identifier: Apache-2.0
// sparse_buffer DIR SEGMENTS SERIES: a buffer of the shape that a site leaves in 30 days, in segments of 64 MiB with 64 records
// each, catalog and indexes included. Records are real and short, with holes between them, so that it takes hundreds of times
// less disk than it seems to. Prints the event time of its beginning.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "io/fd.hpp"
#include "io/waiter.hpp"
#include "kernel/crc32c.hpp"
#include "kernel/rawbuf_declarations.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "kernel/rawbuf_series_index.hpp"
#include "wire/columns.hpp"
#include "wire/output.hpp"

using namespace twinpipe;

namespace {

constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20, kRecords = 64, kRows = 200;
constexpr Nanos kDays = 30 * 24 * 3600 * kSecond - 600 * kSecond;  // nothing of it is too old yet

struct Segment {
  Fd file;
  rawbuf::SegmentHeader header;
  std::vector<rawbuf::RecordPlace> places;
  std::vector<rawbuf::RecordSeries> series;

  void put(std::uint64_t at, std::string_view bytes) const {
    if (pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  /// Returns where the record ends.
  std::uint64_t record(std::uint64_t at, rawbuf::RecordHeader record, std::string_view body) {
    record.body = static_cast<std::uint32_t>(body.size());
    record.body_crc = crc32c(body);
    put(at, record.encode(header.first) + std::string(body));
    places.push_back({at, record});
    return at + record.size();
  }
};

std::string declarations(std::uint32_t series, std::uint32_t& count) {
  Output out;
  out.open("sparse_buffer 1");
  for (std::uint32_t alias = 0; alias < series;) {
    v1::Frame frame;
    v1::Series& message = *frame.mutable_series();
    message.set_site("plant-1");
    message.set_line("line-" + std::to_string(alias / 10 % 10));
    message.set_asset("pump-" + std::to_string(alias / 10));
    message.set_node("edge-1");
    for (int sensor = 0; sensor < 10 && alias < series; ++sensor, ++alias) {
      v1::Sensor& declared = *message.add_sensor();
      declared.set_alias(alias);
      declared.set_name("sensor-" + std::to_string(sensor));
      declared.set_type(v1::VALUE_TYPE_DOUBLE);
      declared.set_unit("degC");
    }
    out.frame(frame);
  }
  rawbuf::Declarations state;
  (void)for_each_frame(out.pending(), [&](const FrameView& frame) { return state.observe(frame); });
  return state.frames(count);
}

/// A record of a few hundred readings from `start` on.
std::string block(rawbuf::BlockEncoder& encoder, Nanos start, Nanos step, std::uint32_t series, rawbuf::RecordHeader& header,
                  rawbuf::RecordSeries& held) {
  ReadingsBuilder rows;
  for (std::uint64_t row = 0; row < kRows; ++row)
    rows.add(static_cast<std::uint32_t>((header.first * kRows + row) % series), start + static_cast<Nanos>(row) * step,
             20 + static_cast<double>(row % 10) / 10);
  Output out;
  out.readings(rows.columns());
  (void)for_each_frame(out.pending(), [&](const FrameView& frame) {
    encoder.add(frame);
    held.add(frame);
    return Status{};
  });
  header.frames = encoder.frames();
  header.raw = static_cast<std::uint32_t>(encoder.raw_bytes());
  header.readings = kRows;
  header.min = start;
  header.max = start + static_cast<Nanos>(kRows - 1) * step;
  header.written = header.max;
  return std::string(encoder.finish());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const std::string directory = argv[1];
  const auto segments = static_cast<std::uint64_t>(std::atoll(argv[2]));
  const auto series = static_cast<std::uint32_t>(std::atol(argv[3]));
  if (mkdir(directory.c_str(), 0755) != 0) return 73;
  const Nanos begin = wall_now() - kDays, step = kDays / static_cast<Nanos>(segments * kRecords * kRows);
  std::uint32_t count = 0;
  const std::string repeated = declarations(series, count);
  rawbuf::BlockEncoder encoder;
  FrameView all;
  all.bytes = repeated;
  encoder.add(all);
  const std::string declared(encoder.finish());
  std::string catalog;
  std::uint64_t next = 1;
  for (std::uint64_t number = 0; number < segments; ++number) {
    const Nanos start = begin + static_cast<Nanos>(number * kRecords * kRows) * step;
    Segment segment;
    segment.header = {next, next, start};
    const std::string path = directory + "/" + rawbuf::segment_name(next);
    segment.file = Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!segment.file.valid()) return 73;
    segment.put(0, segment.header.encode());
    rawbuf::RecordHeader header;
    header.kind = rawbuf::RecordKind::declarations;
    header.first = next;
    header.stream = 1;
    header.frames = count;
    header.raw = static_cast<std::uint32_t>(repeated.size());
    header.min = header.max = header.written = start;
    std::uint64_t end = segment.record(rawbuf::kSegmentHeaderSize, header, declared);
    for (std::uint64_t record = 0; record < kRecords; ++record) {
      rawbuf::RecordHeader place;
      place.first = next;
      place.stream = 1;
      rawbuf::RecordSeries& held = segment.series.emplace_back();
      held.first = next;
      const std::string body = block(encoder, start + static_cast<Nanos>(record * kRows) * step, step, series, place, held);
      end = segment.record(std::max(end, record * (kSegmentBytes / kRecords)), place, body);
      next = place.next();
    }
    std::string body;
    const rawbuf::RecordHeader held = rawbuf::series_record(segment.series, next, body);
    const std::uint64_t index = segment.record(kSegmentBytes, held, body);
    rawbuf::RecordHeader last;
    last.kind = rawbuf::RecordKind::index;
    last.first = next;
    const std::vector<rawbuf::RecordPlace> places = segment.places;
    end = segment.record(index, last, rawbuf::encode_index(places, segment.header.first));
    segment.put(end, rawbuf::Trailer{index, next}.encode(segment.header.first));
    rawbuf::CatalogEntry entry = rawbuf::summarize(segment.header, places, end + rawbuf::kTrailerSize);
    entry.resumes = next;
    catalog += entry.encode();
  }
  const Fd file(open((directory + "/catalog").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid() || !write_all(file.get(), catalog).ok()) return 73;
  std::printf("%lld\n", static_cast<long long>(begin));
}
