// SPDX-License-Identifier: Apache-2.0
// kbridge's values as JSON: an object a record, in the place and order of the frames.
#include "kernel/json_records.hpp"

#include <catch2/catch.hpp>

#include "kafka_records.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

Status write_json(std::string_view stream, std::size_t max_value, Log& log) {
  const Routes routes = *Routes::parse({"s/l/+/a=one"}, "dead");
  SeriesTable table;
  JsonRecords json(log, max_value, SeriesTable::kDefaultLimit);
  ValueLimits limits;
  limits.max_value = JsonRecords::frame_bytes(max_value);
  KafkaValues values(table, routes, std::vector<std::int32_t>(routes.topics().size(), 3), limits, "test 0", json);
  Output out;
  return drive(stream, values, table, out);
}

}  // namespace

TEST_CASE("every reading is an object under its asset's key, behind its declaration") {
  StreamWriter writer;
  writer.series("n", "x", {"a"}, 0);
  for (int frame = 0; frame < 2; ++frame) {
    ReadingsBuilder builder;
    builder.add(0, frame * kSecond, 1.5 + frame);
    writer.out().readings(builder.columns());
    writer.watermark("n", frame * kSecond);
  }
  Log log;
  REQUIRE(write_json(writer.take(), 10'000, log).ok());
  std::vector<Stored> data;
  for (const Stored& record : log.records)
    if (!record.key.empty()) data.push_back(record);
  REQUIRE(data.size() == 3);  // one declaration, though two values of frames have it
  CHECK(data[0].value.starts_with(R"({"frame":"series","site":"s","line":"l","asset":"x","node":"n")"));
  CHECK(data[1].value == R"({"frame":"reading","series":"s/l/x/a","time":"1970-01-01T00:00:00Z","value":1.5,"type":"double"})");
  CHECK(data[2].value == R"({"frame":"reading","series":"s/l/x/a","time":"1970-01-01T00:00:01Z","value":2.5,"type":"double"})");
  CHECK(data[2].earliest == kSecond);
  CHECK(data[2].latest == kSecond);
  for (const Stored& record : data) CHECK(record.key == "s.l.x");
}

TEST_CASE("a node's frames are objects without a key in every partition of the node") {
  StreamWriter writer;
  writer.series("n", "x", {"a"}, 0);
  writer.series("n", "y", {"a"}, 1);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, kSecond);
  Log log;
  REQUIRE(write_json(writer.take(), 10'000, log).ok());
  std::map<std::int32_t, int> deaths, partitions;
  for (const Stored& record : log.records) {
    if (record.key.empty()) deaths[record.partition] += record.value.starts_with(R"({"frame":"lifecycle")");
    else ++partitions[record.partition];
  }
  CHECK(deaths.size() == partitions.size());
  for (const auto& [partition, count] : deaths) CHECK(count == 1);
}

TEST_CASE("a value that is too long as JSON is refused with its beginning") {
  StreamWriter writer;
  writer.series("n", "x", {"a"}, 0, 1, v1::VALUE_TYPE_STRING);
  ReadingsBuilder builder(v1::VALUE_TYPE_STRING);
  builder.add(0, 0, std::string(2000, '\x01'));  // six characters each
  writer.out().readings(builder.columns());
  Log log;
  const Status status = write_json(writer.take(), 12000, log);
  CHECK(status.code == Code::bad_data);
  CHECK_THAT(status.message, Catch::Contains("s/l/x/a") && Catch::Contains("--max-value is 12000"));
}
