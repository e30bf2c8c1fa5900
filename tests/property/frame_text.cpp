// SPDX-License-Identifier: Apache-2.0
// Frames to text and back: nothing is lost.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <regex>

#include "kernel/canonical.hpp"
#include "kernel/frame_copy.hpp"
#include "kernel/frame_csv.hpp"
#include "kernel/frame_table.hpp"
#include "kernel/frames_from_csv.hpp"
#include "kernel/frames_from_json.hpp"
#include "kernel/stream_stat.hpp"
#include "property/arbitrary_stream.hpp"
#include "property/rendering.hpp"

using namespace twinpipe;

namespace {

using MadeForm = std::unique_ptr<Form>;

MadeForm exact(const SeriesTable& table) { return std::make_unique<JsonForm>(table, JsonStyle::exact); }
MadeForm lines(const SeriesTable& table) { return std::make_unique<JsonForm>(table, JsonStyle::lines); }
MadeForm csv(const SeriesTable& table) { return std::make_unique<CsvForm>(table); }
MadeForm canonical(const SeriesTable& table) { return std::make_unique<Canonical>(table, std::size_t{1} << 30); }

template <class Make>
std::string rendered(const std::string& stream, const Make& make, SelectionOptions options = {}) {
  Rendered done = render(stream, make, std::move(options));
  if (!done.status.ok()) RC_FAIL(done.status.message);
  return done.text;
}

std::string from_json(const std::string& text, std::size_t rows = 512) {
  FramesFromJson parser("test 0", rows);
  return parse_text(parser, text);
}

std::string from_csv(const std::string& text) {
  FramesFromCsv parser("test 0", 512);
  return parse_text(parser, text);
}

/// Every frame of Readings cut at random places, or joined with its neighbour of the same columns, under other aliases.
std::string regrouped(const std::string& stream) {
  Output out;
  SeriesTable table;
  Scanner scanner;
  FrameView view;
  ReadingsDecoder decoder;
  std::vector<Declared> declared;
  for (std::string_view rest = stream; scanner.next(rest, view) == Scanner::Outcome::whole;
       rest.remove_prefix(view.bytes.size())) {
    v1::Frame frame;
    const std::string_view body = frame_body(view.bytes);
    RC_ASSERT(frame.ParseFromArray(body.data(), static_cast<int>(body.size())));
    if (frame.has_open()) table.open_segment(), out.open("regrouped 0", frame.open().sealed());
    else if (frame.has_close()) out.close(frame.close().final());
    else if (frame.has_readings()) {
      Result<Columns> columns = decoder.decode(view.payload, table);
      RC_ASSERT(columns.ok());
      std::vector<std::uint32_t> rows;
      for (std::uint32_t row = 0; row < columns->rows(); ++row) {
        rows.push_back(row);
        if (!*rc::gen::arbitrary<bool>()) continue;
        out.readings(*columns, rows);
        rows.clear();
      }
      out.readings(*columns, rows);
    } else if (frame.has_series()) {
      RC_ASSERT(table.declare(frame.series(), declared).ok());
      v1::Frame one = frame;
      for (const v1::Sensor& sensor : frame.series().sensor()) {  // a frame each, and again
        one.mutable_series()->clear_sensor();
        *one.mutable_series()->add_sensor() = sensor;
        out.frame(one);
        if (*rc::gen::arbitrary<bool>()) out.frame(one);
      }
    } else {
      out.forward(view);
    }
  }
  return std::string(out.pending());
}

/// A Close's number of frames depends on how readings were grouped; that of its readings does not.
std::string without_frame_counts(const std::string& text) {
  return std::regex_replace(text, std::regex(R"(\{"frame":"close",("frames":[0-9]+,)?)"), "{\"frame\":\"close\",");
}

}  // namespace

TEST_CASE("exact JSON gives the same bytes back") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    RC_ASSERT(from_json(rendered(stream, exact)) == stream);
  }));
}

TEST_CASE("JSON lines come back as the same lines, and as the same canonical form") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    const std::string text = rendered(stream, lines);
    const std::string back = from_json(text, *rc::gen::inRange<std::size_t>(1, 5));
    RC_ASSERT(without_frame_counts(rendered(back, lines)) == without_frame_counts(text));
    RC_ASSERT(rendered(back, canonical) == rendered(stream, canonical));
  }));
}

TEST_CASE("what a later schema added survives as JSON") {
  Output out;
  out.open("test 0", false);
  const std::string stream = std::string(out.pending()) + arbitrary::later_frame(true) + arbitrary::later_frame(false);
  CHECK(from_json(render(stream, exact).text) == stream);
  CHECK(from_json(render(stream, lines).text) == stream);
}

TEST_CASE("the canonical form does not depend on how readings and declarations are grouped") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    RC_ASSERT(rendered(regrouped(stream), canonical) == rendered(stream, canonical));
  }));
}

TEST_CASE("the canonical form of a canonical form is itself") {
  CHECK(rc::check([] {
    const std::string text = rendered(*arbitrary::stream(), canonical);
    RC_ASSERT(rendered(from_json(text), canonical).substr(0, text.rfind("{\"frame\":\"close\"")) ==
              text.substr(0, text.rfind("{\"frame\":\"close\"")));
  }));
}

TEST_CASE("CSV comes back as the same CSV") {
  CHECK(rc::check([] {
    arbitrary::StreamShape shape;
    shape.most_segments = 1;  // a unit that changes from one segment to the next has no place in CSV
    const std::string text = rendered(*arbitrary::stream(shape), csv);
    RC_ASSERT(rendered(from_csv(text), csv) == text);
  }));
}

TEST_CASE("frames come through as the same bytes") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    RC_ASSERT(rendered(stream, [](const SeriesTable& table) -> MadeForm { return std::make_unique<FrameCopy>(table); }) ==
              stream);
  }));
}

TEST_CASE("a stream cut into several is the same stream") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    std::vector<std::string> parts;
    const auto cutting = [&parts](const SeriesTable& table) -> MadeForm {
      return std::make_unique<FrameCopy>(table, FrameSplit{200, [&parts](Output& out) {
                                                             parts.emplace_back(out.pending());
                                                             out.clear();
                                                             return Status{};
                                                           }});
    };
    parts.push_back(rendered(stream, cutting));
    std::string joined;
    for (const std::string& part : parts) {
      RC_ASSERT(render(part, lines).status.ok());
      joined += part;
    }
    // The policies in force are told again in each part.
    SelectionOptions no_policies;
    no_policies.kinds.reset(static_cast<std::size_t>(FrameKind::applied));
    const auto content = [](const std::string& text) { return text.substr(0, text.rfind("{\"frame\":\"close\"")); };
    RC_ASSERT(content(rendered(joined, canonical, no_policies)) == content(rendered(stream, canonical, no_policies)));
  }));
}

TEST_CASE("every form takes every stream") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    const bool flag = *rc::gen::arbitrary<bool>();
    rendered(stream, [flag](const SeriesTable& table) -> MadeForm { return std::make_unique<TableForm>(table, flag); });
    rendered(stream, [flag](const SeriesTable& table) -> MadeForm { return std::make_unique<StreamStat>(table, flag); });
  }));
}

TEST_CASE("a selection is the rows that match, and what is left is a stream") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    SelectionOptions options;
    options.patterns.push_back(*Pattern::parse(*rc::gen::element<std::string>("P1/*/*/*", "*/*/*/a*", "*/+/p*/*", "*/*/*0/*")));
    options.since = *arbitrary::time();
    const std::string selected = rendered(
        stream, [](const SeriesTable& table) -> MadeForm { return std::make_unique<FrameCopy>(table); }, options);
    SelectionOptions data;
    data.kinds.reset();
    data.kinds.set(static_cast<std::size_t>(FrameKind::readings)).set(static_cast<std::size_t>(FrameKind::waveform));
    SelectionOptions both = options;
    both.kinds = data.kinds;
    RC_ASSERT(rendered(selected, lines, data) == rendered(stream, lines, both));
  }));
}
