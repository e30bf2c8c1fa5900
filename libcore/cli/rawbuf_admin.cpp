// SPDX-License-Identifier: Apache-2.0
// rawbuf ls, verify and repair.
#include "cli/rawbuf_admin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/rawbuf_cursors.hpp"
#include "io/rawbuf_directory.hpp"
#include "io/waiter.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "kernel/rawbuf_repair.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "kernel/text_values.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {

// ---- verify and repair ----------------------------------------------------------------------------------------------

namespace {

/// Everything that is damaged. `locked`: nobody writes, so an end that is torn stays torn.
Status find_damage(RawbufDirectory& directory, bool locked, std::vector<rawbuf::Finding>& findings) {
  rawbuf::Listing listing(directory);
  if (Status status = listing.refresh(); !status.ok()) return status;
  if (listing.damaged_entries() > 0)
    findings.push_back(
        {std::string(rawbuf::kCatalogName), {0, 0, fmt::format("{} entries are damaged", listing.damaged_entries())}});
  for (const rawbuf::Listing::Entry& entry : listing.segments()) {
    const Status status = rawbuf::examine(directory, entry.summary.first, !entry.sealed && !locked, findings);
    if (!status.ok() && status.code != Code::no_input) return status;
  }
  return {};
}

}  // namespace

Status rawbuf_verify(const std::string& path) {
  RawbufDirectory directory(path);
  if (const auto there = directory.list(); !there.ok()) return there.status();
  // A reader must not keep a writer from starting: the lock is only looked at.
  const bool locked = !directory.being_written();
  std::vector<rawbuf::Finding> findings;
  if (Status status = find_damage(directory, locked, findings); !status.ok()) return status;
  std::string text;
  for (const rawbuf::Finding& finding : findings) text += finding.text() + "\n";
  if (Status status = print(text); !status.ok() || findings.empty()) return status;
  return Status::error(Code::finding, fmt::format("{}: {} damaged places; see rawbuf repair", path, findings.size()));
}

Status rawbuf_repair(Tool& tool, const std::string& path) {
  RawbufDirectory directory(path);
  if (const auto there = directory.list(); !there.ok()) return there.status();
  if (Status status = directory.lock(); !status.ok()) return status;
  std::vector<rawbuf::Finding> findings;
  if (Status status = find_damage(directory, true, findings); !status.ok()) return status;
  std::set<std::string> files;
  for (const rawbuf::Finding& finding : findings) {
    if (Status status = print(finding.text() + "\n"); !status.ok()) return status;
    files.insert(finding.file);
  }
  std::vector<rawbuf::CatalogEntry> repaired;
  for (const std::string& file : files) {
    const auto first = rawbuf::parse_segment_name(file);
    if (!first) continue;
    const Result<rawbuf::CatalogEntry> entry = rawbuf::rewrite(directory, *first);
    if (!entry.ok()) return entry.status();
    repaired.push_back(*entry);
    tool.say(fmt::format("{}: written anew with {} frames; the old file is {}.damaged", file, entry->frames, file));
  }
  if (!files.empty())
    if (Status status = rawbuf::rewrite_catalog(directory, repaired); !status.ok()) return status;
  // What a writer that died left is the business of every start.
  rawbuf::Writer writer(directory, {});
  const Status started = writer.start();
  for (const std::string& notice : writer.take_notices()) tool.say(notice);
  return started;
}

// ---- ls -------------------------------------------------------------------------------------------------------------

namespace {

struct Contents {
  std::vector<rawbuf::Listing::Entry> segments;
  std::vector<rawbuf::CatalogEntry> tombstones;
  std::vector<RegisteredCursor> cursors;
  std::set<std::string> series;
  std::uint64_t bytes = 0, frames = 0, readings = 0;
  rawbuf::TimeRange times, written;
  std::uint64_t next = 1;
  double bytes_a_day = 0;
  double days_left = -1;  // negative: not known
};

/// Records that come before the first event time of all stand at 0 in their headers, so that a replay begins with them. That is
/// no time to tell: the others have it.
void tell_times_alone(rawbuf::CatalogEntry& summary, const std::vector<rawbuf::RecordPlace>& records) {
  if (summary.min != 0) return;
  summary.min = kForever;
  summary.max = kBeginning;
  for (const auto& [offset, header] : records) {
    const bool timeless = header.readings == 0 && header.min == 0 && header.max == 0;
    if (header.kind != rawbuf::RecordKind::frames || timeless) continue;
    summary.min = std::min(summary.min, header.min);
    summary.max = std::max(summary.max, header.max);
  }
}

/// The same of a segment whose records are gone.
void tell_times_alone(rawbuf::CatalogEntry& tombstone) {
  if (tombstone.min != 0) return;
  tombstone.min = kForever;
  if (tombstone.max == 0) tombstone.max = kBeginning;
}

/// The series in force at the end of each segment: what was declared stays declared while the segment lasts.
Status read_segments(RawbufDirectory& directory, Contents& contents) {
  rawbuf::BlockDecoder decoder;
  for (auto& entry : contents.segments) {
    Result<rawbuf::Segment> segment = rawbuf::Segment::open(directory, entry.summary.first);
    if (!segment.ok()) {
      if (segment.status().code == Code::no_input) continue;  // removed meanwhile
      return segment.status();
    }
    if (Status status = segment->load(); !status.ok()) return status;
    tell_times_alone(entry.summary, segment->records());
    rawbuf::Declarations state;
    std::string frames;
    for (const rawbuf::RecordPlace& record : segment->records()) {
      const bool declares =
          record.header.kind == rawbuf::RecordKind::declarations || (record.header.flags & rawbuf::RecordHeader::kDeclares) != 0;
      if (!declares || !segment->read(record, decoder, frames).ok()) continue;
      const Status each = for_each_frame(frames, [&](const FrameView& frame) -> Status {
        v1::Series series;
        if (frame.kind != FrameKind::series ||
            !series.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())))
          return {};
        for (const v1::Sensor& sensor : series.sensor())
          contents.series.insert(series_name(series.site(), series.line(), series.asset(), sensor.name()));
        return {};
      });
      if (!each.ok()) return each;
    }
  }
  return {};
}

Status read_contents(const std::string& path, Contents& contents) {
  RawbufDirectory directory(path);
  rawbuf::Listing listing(directory);
  if (Status status = listing.refresh(); !status.ok()) return status;
  if (Status status = listing.describe(); !status.ok()) return status;
  contents.segments = listing.segments();
  contents.tombstones = listing.tombstones();
  if (Status status = read_segments(directory, contents); !status.ok()) return status;
  for (rawbuf::CatalogEntry& entry : contents.tombstones) tell_times_alone(entry);
  for (const auto& [summary, sealed] : contents.segments) {
    contents.bytes += summary.bytes;
    contents.frames += summary.frames;
    contents.readings += summary.readings;
    contents.times.min = std::min(contents.times.min, summary.min);
    contents.times.max = std::max(contents.times.max, summary.max);
    contents.written.min = std::min(contents.written.min, summary.written_from);
    contents.written.max = std::max(contents.written.max, summary.written_to);
    contents.next = std::max(contents.next, summary.next);
  }
  Result<std::vector<RegisteredCursor>> cursors = registered_cursors(path);
  if (!cursors.ok()) return cursors.status();
  contents.cursors = std::move(*cursors);
  const double days =
      contents.segments.empty() ? 0 : static_cast<double>(contents.written.max - contents.written.min) / (24 * 3600 * 1e9);
  // Less than a minute says nothing about a day.
  if (days > 1.0 / 1440) {
    contents.bytes_a_day = static_cast<double>(contents.bytes) / days;
    const Result<std::uint64_t> room = directory.room();
    if (!room.ok()) return room.status();
    contents.days_left = static_cast<double>(*room) / contents.bytes_a_day;
  }
  return {};
}

std::string time_or_dash(Nanos time) { return time == kForever || time == kBeginning ? "-" : format_time(time); }

std::string as_text(const Contents& contents) {
  std::string out =
      fmt::format("{:>20} {:>12} {:>14} {:>12}  {:<30} {:<30}\n", "first frame", "frames", "readings", "bytes", "from", "to");
  for (const auto& [summary, sealed] : contents.segments)
    out += fmt::format("{:>20} {:>12} {:>14} {:>12}  {:<30} {}{}\n", summary.first, summary.frames, summary.readings,
                       summary.bytes, time_or_dash(summary.min), time_or_dash(summary.max), sealed ? "" : "  (open)");
  for (const rawbuf::CatalogEntry& entry : contents.tombstones)
    out += fmt::format("{:>20} {:>12} {:>14} {:>12}  {:<30} {}  (removed: {})\n", entry.first, entry.frames, entry.readings,
                       entry.bytes, time_or_dash(entry.min), time_or_dash(entry.max),
                       entry.reason == rawbuf::CatalogEntry::Reason::age ? "age" : "size");
  for (const RegisteredCursor& cursor : contents.cursors)
    out += cursor.readable
               ? fmt::format("cursor {}: {} frames to send\n", cursor.path, contents.next - std::min(contents.next, cursor.next))
               : fmt::format("cursor {}: not readable; remove {} to forget it\n", cursor.path.empty() ? "-" : cursor.path,
                             cursor.file);
  out += fmt::format("{} segments, {} frames, {} readings of {} series, {} bytes", contents.segments.size(), contents.frames,
                     contents.readings, contents.series.size(), contents.bytes);
  if (contents.days_left >= 0)
    out += fmt::format(", {:.0f} bytes a day: the disk lasts {:.1f} days more", contents.bytes_a_day, contents.days_left);
  return out + "\n";
}

std::string in_quotes(std::string_view text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

std::string time_as_json(Nanos time) { return time == kForever || time == kBeginning ? "null" : '"' + format_time(time) + '"'; }

std::string summary_as_json(const rawbuf::CatalogEntry& summary) {
  return fmt::format(R"("first":{},"next":{},"frames":{},"readings":{},"bytes":{},"from":{},"to":{},"written":{})", summary.first,
                     summary.next, summary.frames, summary.readings, summary.bytes, time_as_json(summary.min),
                     time_as_json(summary.max), time_as_json(summary.written_to));
}

std::string as_json(const Contents& contents) {
  std::string out = R"({"segments":[)";
  for (const char* comma = ""; const auto& [summary, sealed] : contents.segments)
    out += fmt::format(R"({}{{{},"sealed":{}}})", std::exchange(comma, ","), summary_as_json(summary), sealed);
  out += R"(],"removed":[)";
  for (const char* comma = ""; const rawbuf::CatalogEntry& entry : contents.tombstones)
    out += fmt::format(R"({}{{{},"reason":"{}"}})", std::exchange(comma, ","), summary_as_json(entry),
                       entry.reason == rawbuf::CatalogEntry::Reason::age ? "age" : "size");
  out += R"(],"cursors":[)";
  for (const char* comma = ""; const RegisteredCursor& cursor : contents.cursors)
    out += fmt::format(R"({}{{"path":{},"next":{},"readable":{}}})", std::exchange(comma, ","), in_quotes(cursor.path),
                       cursor.next, cursor.readable);
  out += R"(],"series":[)";
  for (const char* comma = ""; const std::string& name : contents.series) out += std::exchange(comma, ",") + in_quotes(name);
  out += fmt::format(R"(],"frames":{},"readings":{},"bytes":{},"from":{},"to":{},"next":{})", contents.frames, contents.readings,
                     contents.bytes, time_as_json(contents.times.min), time_as_json(contents.times.max), contents.next);
  if (contents.days_left >= 0)
    out += fmt::format(R"(,"bytes_a_day":{:.0f},"days_left":{:.1f})", contents.bytes_a_day, contents.days_left);
  return out + "}\n";
}

}  // namespace

Status rawbuf_ls(const std::string& path, bool json) {
  Contents contents;
  if (Status status = read_contents(path, contents); !status.ok()) return status;
  return print(json ? as_json(contents) : as_text(contents));
}

}  // namespace twinpipe::cli
