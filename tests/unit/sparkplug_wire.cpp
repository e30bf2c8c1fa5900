// SPDX-License-Identifier: Apache-2.0
// Sparkplug payloads in place: every limit, compressed bodies, text.
#include "kernel/sparkplug_wire.hpp"

#include <zlib.h>

#include <catch2/catch.hpp>

using namespace twinpipe::sparkplug;

namespace {

PayloadFault fault_of(const std::string& bytes, const PayloadLimits& limits = {}) { return PayloadReader(limits).read(bytes); }
PayloadFault fault_of(const Payload& payload, const PayloadLimits& limits = {}) {
  return fault_of(payload.SerializeAsString(), limits);
}

Template nested(int depth) {
  Template made;
  if (depth > 1) *made.add_metrics()->mutable_template_value() = nested(depth - 1);
  return made;
}

std::string deflated(const std::string& text, int window) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(compressBound(text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Payload compressed(const std::string& body, const std::string& algorithm) {
  Payload outer;
  outer.set_uuid("SPBV1.0_COMPRESSED");
  outer.set_body(body);
  if (algorithm.empty()) return outer;
  outer.add_metrics()->set_name("algorithm");
  outer.mutable_metrics(0)->set_string_value(algorithm);
  return outer;
}

}  // namespace

TEST_CASE("each limit of a payload has its own fault, and what is just below it passes") {
  PayloadLimits limits;
  limits.bytes = 100'000;
  CHECK(fault_of(std::string("\x2A\xFD\x8C\x06", 4) + std::string(99'997, 'x'), limits) == PayloadFault::bytes);

  Payload metrics;
  for (int i = 0; i < 10'000; ++i) metrics.add_metrics();
  CHECK(fault_of(metrics) == PayloadFault::none);
  metrics.add_metrics();
  CHECK(fault_of(metrics) == PayloadFault::metrics);

  Payload name;
  name.add_metrics()->set_name(std::string(1024, 'n'));
  CHECK(fault_of(name) == PayloadFault::none);
  name.mutable_metrics(0)->set_name(std::string(1025, 'n'));
  CHECK(fault_of(name) == PayloadFault::name_bytes);

  for (const int depth : {16, 17}) {
    Payload deep;
    *deep.add_metrics()->mutable_template_value() = nested(depth);
    CHECK(fault_of(deep) == (depth == 16 ? PayloadFault::none : PayloadFault::template_depth));
  }

  Payload cells;
  DataSet& set = *cells.add_metrics()->mutable_dataset_value();
  for (int i = 0; i < 316; ++i)
    for (DataSetRow& row = *set.add_rows(); row.elements_size() < 315;) row.add_elements()->set_int_value(1);
  CHECK(fault_of(cells) == PayloadFault::none);  // 316 rows and 316·315 cells
  for (int i = 0; i < 500; ++i) set.add_rows();
  CHECK(fault_of(cells) == PayloadFault::dataset_cells);

  Payload properties;
  for (int i = 0; i < 1000; ++i) {
    if (i == 0) properties.add_metrics();
    properties.mutable_metrics(0)->mutable_properties()->add_keys("k");
    properties.mutable_metrics(0)->mutable_properties()->add_values()->set_int_value(1);
  }
  CHECK(fault_of(properties) == PayloadFault::none);
  properties.mutable_metrics(0)->mutable_properties()->add_keys("k");
  CHECK(fault_of(properties) == PayloadFault::properties);
}

TEST_CASE("metrics inside templates count as metrics") {
  PayloadLimits limits;
  limits.metrics = 3;
  Payload payload;
  for (int i = 0; i < 2; ++i) payload.add_metrics()->mutable_template_value()->add_metrics();
  CHECK(fault_of(payload, limits) == PayloadFault::metrics);
}

TEST_CASE("seq, times and names that no stream can carry are faults") {
  Payload payload;
  payload.set_seq(256);
  CHECK(fault_of(payload) == PayloadFault::seq);
  payload.set_seq(255);
  payload.set_timestamp(kLastMillisecond);
  CHECK(fault_of(payload) == PayloadFault::none);
  payload.set_timestamp(kLastMillisecond + 1);
  CHECK(fault_of(payload) == PayloadFault::time);
  payload.clear_timestamp();
  payload.add_metrics()->set_timestamp(~std::uint64_t{0});
  CHECK(fault_of(payload) == PayloadFault::time);
  CHECK(fault_of("\x12\x04\x0A\x02\xC3\x28") == PayloadFault::text);
  CHECK(fault_of("\x12\x7F") == PayloadFault::malformed);
  CHECK(fault_of("\x0A\x01x") == PayloadFault::malformed);  // a time that is no number
  CHECK(peek_seq("\x12\x02\x50\x01\x18\x07") == std::uint8_t{7});
}

TEST_CASE("values are found where they lie") {
  Payload payload;
  payload.set_seq(9);
  Metric& metric = *payload.add_metrics();
  metric.set_alias(3'000'000'000'000);
  metric.set_is_historical(true);
  metric.set_float_value(1.5F);
  const std::string bytes = payload.SerializeAsString() + "\x12\x04\x7A\x02\xC3\x28";  // a metric with broken text
  PayloadReader reader;
  REQUIRE(reader.read(bytes) == PayloadFault::none);
  REQUIRE(reader.payload().metrics.size() == 2);
  CHECK(reader.payload().seq == 9);
  CHECK(reader.payload().metrics[0].alias == 3'000'000'000'000);
  CHECK(reader.payload().metrics[0].is_historical);
  ColumnValue value;
  CHECK(decode_value(kFloat, reader.payload().metrics[0].value, value) == ValueError::none);
  CHECK(value.number == 1.5);
  CHECK(reader.payload().metrics[1].broken_text);
}

TEST_CASE("compressed bodies are unpacked, within the limit") {
  Payload inner;
  inner.set_seq(4);
  inner.add_metrics()->set_name("m");
  const std::string text = inner.SerializeAsString();
  for (const auto& [window, algorithm] : {std::pair{15, "DEFLATE"}, {31, "GZIP"}, {-15, "DEFLATE"}, {15, ""}}) {
    const std::string bytes = compressed(deflated(text, window), algorithm).SerializeAsString();
    PayloadReader reader;
    REQUIRE(reader.read(bytes) == PayloadFault::none);
    CHECK(reader.payload().seq == 4);
    REQUIRE(reader.payload().metrics.size() == 1);
    CHECK(reader.payload().metrics[0].name == "m");
    CHECK(reader.compressed() == 1);
  }
  CHECK(fault_of(compressed(deflated(text, 15), "LZMA")) == PayloadFault::compression);
  CHECK(fault_of(compressed(deflated(text, 15).substr(0, 5), "DEFLATE")) == PayloadFault::compression);
  CHECK(fault_of(compressed(deflated(std::string((1 << 20) + 1, '\0'), 15), "DEFLATE")) == PayloadFault::compression);
  const std::string once = compressed(deflated(text, 15), "DEFLATE").SerializeAsString();
  CHECK(fault_of(compressed(deflated(once, 15), "DEFLATE")) == PayloadFault::compression);
  // Outside and inside: seq and time stand in either place.
  Payload outer = compressed(deflated("\x12\x03\x0A\x01m", 15), "DEFLATE");
  outer.set_seq(8);
  const std::string bytes = outer.SerializeAsString();
  PayloadReader reader;
  REQUIRE(reader.read(bytes) == PayloadFault::none);
  CHECK(reader.payload().has_seq);
  CHECK(reader.payload().seq == 8);
}

TEST_CASE("UTF-8 as protobuf wants it") {
  for (const char* good :
       {"", "plain ascii, longer than eight", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    CHECK(is_utf8(good));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                          "\xFF", "12345678\xC3("})
    CHECK_FALSE(is_utf8(bad));
}
