// SPDX-License-Identifier: Apache-2.0
// Columns against protobuf's own code: every legal encoding decodes alike, and what we encode is what protobuf would.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "property/arbitrary_stream.hpp"
#include "wire/fields.hpp"

using namespace twinpipe;

namespace {

constexpr std::uint32_t kAliases = 4;

/// A table in which aliases below kAliases are declared; `shifted`: they differ from their slots.
SeriesTable table_of(bool shifted) {
  SeriesTable table;
  std::vector<Declared> declared;
  for (const bool reversed : {false, true}) {
    if (reversed && !shifted) break;
    table.open_segment();
    for (std::uint32_t alias = 0; alias < kAliases; ++alias) {
      v1::Series series;
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(alias);
      sensor.set_name(std::string(1, static_cast<char>('a' + (reversed ? kAliases - 1 - alias : alias))));
      if (!table.declare(series, declared).ok()) RC_FAIL("declaration refused");
    }
  }
  return table;
}

ReadingsBuilder some_rows() {
  std::vector<arbitrary::detail::Sensor> sensors;
  for (std::uint32_t alias = 0; alias < kAliases; ++alias) sensors.push_back({alias});
  ReadingsBuilder rows(*arbitrary::detail::column_type());
  rows.set_historical(*rc::gen::arbitrary<bool>());
  rows.set_pinned(*rc::gen::arbitrary<bool>());
  const bool origin = *rc::gen::arbitrary<bool>();
  for (int i = *rc::gen::inRange(1, 9); i > 0; --i) {
    arbitrary::detail::add_reading(rows, *rc::gen::elementOf(sensors));
    if (origin) rows.set_origin(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint32_t>());
  }
  return rows;
}

v1::Readings message_of(const std::string& frame_bytes) {
  v1::Stream stream;
  if (!stream.ParseFromString(frame_bytes) || stream.frame_size() != 1) RC_FAIL("what was encoded is not a Stream of one frame");
  return stream.frame(0).readings();
}

void put_tag(std::string& out, std::uint32_t field, unsigned type) {
  char tag[10];
  out.append(tag, static_cast<std::size_t>(put_varint(tag, field << 3 | type) - tag));
}

/// The same message in another legal encoding: packed columns cut in pieces, unpacked, a varint padded with zeros.
std::string oddly(const v1::Readings& message) {
  const std::string usual = message.SerializeAsString();
  std::string odd;
  std::string_view rest = usual;
  for (Field field; take_field(rest, field);) {
    const auto number = static_cast<std::uint32_t>(field.number);
    const bool fixed32 = number == 1, varints = number == 6 || number >= 9;
    const std::size_t width = fixed32 ? 4 : 8;
    if (field.type != WireType::length_delimited || number == 7 || number == 8) {
      put_tag(odd, number, static_cast<unsigned>(field.type));
      if (field.type == WireType::length_delimited) odd += static_cast<char>(field.value.size());
      odd += field.value;
      continue;
    }
    for (std::string_view column = field.value; !column.empty();) {
      std::uint64_t value = 0;
      const std::size_t one = varints ? static_cast<std::size_t>(read_varint(column, value)) : width;
      std::string element(column.substr(0, one));
      column.remove_prefix(one);
      if (varints && one < 9 && *rc::gen::arbitrary<bool>()) {
        element.back() = static_cast<char>(element.back() | '\x80');
        element += '\0';
      }
      const bool packed = *rc::gen::arbitrary<bool>();
      put_tag(odd, number, packed ? 2 : varints ? 0 : fixed32 ? 5 : 1);
      if (packed) odd += static_cast<char>(element.size());
      odd += element;
    }
  }
  return odd;
}

bool same(const Columns& a, const Columns& b) {
  const auto bits = [](std::span<const double> x, std::span<const double> y) {
    return std::ranges::equal(
        x, y, [](double p, double q) { return std::bit_cast<std::uint64_t>(p) == std::bit_cast<std::uint64_t>(q); });
  };
  return std::ranges::equal(a.alias, b.alias) && std::ranges::equal(a.slot, b.slot) && std::ranges::equal(a.time, b.time) &&
         a.type == b.type && bits(a.doubles, b.doubles) && std::ranges::equal(a.ints, b.ints) &&
         std::ranges::equal(a.uints, b.uints) && std::ranges::equal(a.bools, b.bools) && std::ranges::equal(a.texts, b.texts) &&
         std::ranges::equal(a.quality, b.quality) && std::ranges::equal(a.seq, b.seq) && std::ranges::equal(a.index, b.index) &&
         a.historical == b.historical && a.pinned == b.pinned;
}

}  // namespace

TEST_CASE("rows are encoded as protobuf would") {
  CHECK(rc::check([] {
    ReadingsBuilder rows = some_rows();
    const Columns columns = rows.columns();
    const auto kept = *rc::gen::container<std::vector<bool>>(columns.rows(), rc::gen::arbitrary<bool>());
    std::vector<std::uint32_t> selected;
    for (std::uint32_t row = 0; row < kept.size(); ++row)
      if (kept[row]) selected.push_back(row);
    std::string ours;
    encode_rows(columns, selected, ours);
    if (selected.empty()) {
      RC_ASSERT(ours.empty());
      return;
    }
    v1::Frame frame;
    *frame.mutable_readings() = message_of(ours);
    RC_ASSERT(static_cast<std::size_t>(frame.readings().series_size()) == selected.size());
    std::string theirs;
    append_frame(frame, theirs);
    RC_ASSERT(ours == theirs);
  }));
}

TEST_CASE("every legal encoding decodes to the same columns") {
  CHECK(rc::check([] {
    const SeriesTable table = table_of(*rc::gen::arbitrary<bool>());
    ReadingsBuilder rows = some_rows();
    std::string bytes;
    encode_columns(rows.columns(), bytes);
    const v1::Readings message = message_of(bytes);
    const std::string usual = message.SerializeAsString(), odd = oddly(message);
    ReadingsDecoder fast, slow;
    Result<Columns> a = fast.decode(usual, table), b = slow.decode(odd, table);
    RC_ASSERT(a.ok());
    RC_ASSERT(b.ok());
    RC_ASSERT(same(*a, *b));
    RC_ASSERT(std::ranges::equal(a->alias, rows.columns().alias));
    for (std::size_t row = 0; row < a->rows(); ++row) RC_ASSERT(a->slot[row] == table.slots()[a->alias[row]]);
    RC_ASSERT(count_rows(usual) == a->rows());
    RC_ASSERT(count_rows(odd) == a->rows());
  }));
}
