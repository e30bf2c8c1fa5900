// SPDX-License-Identifier: Apache-2.0
// Laws of the edge node, for any stream, any lost connections and any rebirth requests: the order and numbering of
// messages, and that a host which decodes them has every reading, once and in order.
#include "kernel/sparkplug_edge.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "edge_rig.hpp"
#include "kernel/sparkplug_writer.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;
namespace sp = twinpipe::sparkplug;

namespace {

struct Told {
  std::uint64_t time = 0;
  bool null = false, historical = false;
  std::uint64_t quality = kGood;
  std::string value;  // the metric's value field
  auto operator<=>(const Told&) const = default;
};

std::string value_field(const sp::Metric& metric) {
  sp::Metric value = metric;
  value.clear_name();
  value.clear_alias();
  value.clear_timestamp();
  value.clear_datatype();
  value.clear_is_historical();
  value.clear_is_null();
  value.clear_properties();
  return value.SerializeAsString();
}

/// A host of twenty lines: follows births and aliases, and fails the property when an order is broken.
class Host {
 public:
  std::map<std::string, std::vector<Told>> told;  // by device/metric

  void connection() { session_ = born_ = false; }
  void hear(const Heard& message) {
    std::vector<std::string> levels;
    std::stringstream text(message.topic);
    for (std::string level; std::getline(text, level, '/');) levels.push_back(level);
    const std::string& type = levels[2];
    const std::string device = levels.size() > 4 ? levels[4] : "$node";
    if (type == "NDEATH") return connection();
    RC_ASSERT(message.payload.has_seq());
    if (type == "NBIRTH") {
      RC_ASSERT(message.payload.seq() == 0U);
      alive_.clear();
      names_.clear();
      born_ = true;
    } else {
      RC_ASSERT(born_);
      RC_ASSERT(message.payload.seq() == (seq_ + 1) % 256);
    }
    seq_ = message.payload.seq();
    const bool birth = type == "NBIRTH" || type == "DBIRTH";
    if (birth) alive_.insert(device);
    RC_ASSERT(alive_.count(device) == 1U);
    if (type == "DDEATH") alive_.erase(device);
    for (const sp::Metric& metric : message.payload.metrics()) hear_metric(device, metric, birth);
  }

 private:
  void hear_metric(const std::string& device, const sp::Metric& metric, bool birth) {
    if (metric.name() == "bdSeq" || metric.name() == "Node Control/Rebirth") return;
    RC_ASSERT(metric.has_name() == birth);
    if (birth) names_[metric.alias()] = device + "/" + metric.name();
    RC_ASSERT(names_.count(metric.alias()) == 1U);
    const std::string name = names_[metric.alias()];
    RC_ASSERT(name.starts_with(device + "/"));
    const sp::PropertyValue* quality = property(metric, "Quality");
    const Told heard{metric.timestamp(), metric.is_null(), metric.is_historical(), quality ? quality->int_value() : kGood,
                     value_field(metric)};
    // A birth repeats what is known already, and says null with its own time where nothing is.
    if (birth && (metric.timestamp() >= EdgeRig::kNow / kMillisecond || std::ranges::find(told[name], heard) != told[name].end()))
      return;
    told[name].push_back(heard);
  }

  bool session_ = false, born_ = false;
  std::uint64_t seq_ = 0;
  std::set<std::string> alive_;
  std::map<std::uint64_t, std::string> names_;
};

struct Series {
  std::string device, name;
  ValueType type;
};

const std::vector<Series> kSeries = {
    {"$node", "cpu", v1::VALUE_TYPE_DOUBLE}, {"$node", "up", v1::VALUE_TYPE_BOOL},  {"A", "x", v1::VALUE_TYPE_DOUBLE},
    {"A", "n", v1::VALUE_TYPE_INT64},        {"A", "state", v1::VALUE_TYPE_STRING}, {"B", "u", v1::VALUE_TYPE_UINT64},
    {"B", "blob", v1::VALUE_TYPE_BYTES},     {"B", "y", v1::VALUE_TYPE_DOUBLE},     {"C", "z", v1::VALUE_TYPE_DOUBLE},
};

/// Adds a row with a random value and notes what a host must hear of it.
Told add_random(ReadingsBuilder& rows, std::uint32_t alias, Nanos time) {
  const auto quality = *rc::gen::weightedElement<std::uint32_t>({{6, kGood},
                                                                 {1, v1::QUALITY_STALE},
                                                                 {1, v1::QUALITY_BAD},
                                                                 {1, v1::QUALITY_NULL | kGood},
                                                                 {1, v1::QUALITY_NULL | v1::QUALITY_BAD}});
  sp::Metric metric;
  sp::ColumnValue value;
  value.type = rows.type();
  std::string text;
  switch (rows.type()) {
    case v1::VALUE_TYPE_BOOL: rows.add(alias, time, value.truth = *rc::gen::arbitrary<bool>(), quality); break;
    case v1::VALUE_TYPE_INT64: rows.add(alias, time, value.integer = *rc::gen::arbitrary<std::int64_t>(), quality); break;
    case v1::VALUE_TYPE_UINT64: rows.add(alias, time, value.natural = *rc::gen::arbitrary<std::uint64_t>(), quality); break;
    case v1::VALUE_TYPE_DOUBLE: rows.add(alias, time, value.number = *rc::gen::arbitrary<double>(), quality); break;
    default:
      text = *rc::gen::string<std::string>();
      if (rows.type() == v1::VALUE_TYPE_STRING) text = std::to_string(text.size());
      value.text = text;
      rows.add(alias, time, value.text, quality);
  }
  if (!is_null(quality)) RC_ASSERT(sp::set_value(sp::default_datatype(rows.type()), value, metric));
  return Told{sp::to_milliseconds(time), is_null(quality), false, quality_code(quality), value_field(metric)};
}

}  // namespace

TEST_CASE("whatever comes, messages are in order and a host has every reading once") {
  REQUIRE(rc::check([] {
    sp::EdgeOptions options;
    options.metrics_per_message = *rc::gen::inRange<std::size_t>(1, 5);
    EdgeRig rig(options);
    Host host;
    std::map<std::string, std::vector<Told>> sent;
    std::vector<bool> declared(kSeries.size(), false);
    std::map<std::uint32_t, std::uint32_t> alias_of;
    std::uint32_t next_alias = 0;
    Nanos clock = 1'000'000;  // ms; every time of a reading is its own
    const auto listen = [&](const std::vector<Heard>& heard) {
      for (const Heard& message : heard) host.hear(message);
    };
    const auto declare = [&](std::uint32_t series) {
      if (!alias_of.count(series)) alias_of[series] = next_alias++;
      RC_ASSERT(
          rig.declare("E", kSeries[series].device, {sensor(alias_of[series], kSeries[series].name, kSeries[series].type)}).ok());
      declared[series] = true;
    };
    const int steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      const auto series = *rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(kSeries.size()));
      const std::string name = kSeries[series].device + "/" + kSeries[series].name;
      switch (*rc::gen::weightedElement<int>({{20, 0}, {4, 1}, {2, 2}, {2, 3}, {1, 4}, {1, 5}})) {
        case 0: {
          if (!declared[series]) declare(series);
          ReadingsBuilder rows(kSeries[series].type);
          const bool historical = *rc::gen::weightedElement<bool>({{5, false}, {1, true}});
          rows.set_historical(historical);
          for (int count = *rc::gen::inRange(1, 6); count > 0; --count) {
            const Nanos late = *rc::gen::weightedElement<Nanos>({{5, 0}, {1, 500'000}});
            Told told =
                add_random(rows, alias_of[series], (++clock - late) * kMillisecond + *rc::gen::inRange<Nanos>(0, kMillisecond));
            told.historical = historical;
            sent[name].push_back(told);
          }
          RC_ASSERT(rig.feed(rows).ok());
          break;
        }
        case 1: declare(series); break;
        case 2:
          listen(rig.heard());
          if (rig.edge().nodes() > 0) listen(rig.rebirth());
          break;
        case 3:
          listen(rig.heard());
          if (rig.edge().nodes() > 0 && rig.edge().node(0).is_open()) {
            rig.edge().node(0).lose();
            host.connection();
          }
          break;
        case 4:
          if (declared[series]) RC_ASSERT(rig.offline("E", kSeries[series].device == "$node" ? "" : kSeries[series].device).ok());
          break;
        default: {
          listen(rig.heard());
          if (rig.edge().nodes() == 0) break;
          std::vector<sp::EdgeMessage> out;
          rig.edge().node(0).settle(rig.now, rig.now, out);
          listen(EdgeRig::decode(out));
        }
      }
    }
    listen(rig.heard());
    if (rig.edge().nodes() > 0) {
      std::vector<sp::EdgeMessage> out;
      if (!rig.edge().node(0).is_open()) rig.edge().node(0).open(rig.bdseq++, rig.now, out);
      rig.edge().node(0).settle(rig.now, rig.now, out);
      listen(EdgeRig::decode(out));
    }
    for (auto& [name, rows] : host.told)
      if (rows.empty()) sent.try_emplace(name);
    RC_ASSERT(host.told == sent);
  }));
}

TEST_CASE("every datatype comes back from its metric as it went in") {
  REQUIRE(rc::check([] {
    const auto datatype = *rc::gen::suchThat(rc::gen::inRange<std::uint32_t>(1, sp::kDataTypes), [](std::uint32_t type) {
      return sp::column_type(type) != v1::VALUE_TYPE_UNSPECIFIED;
    });
    sp::ColumnValue in, out;
    in.type = sp::column_type(datatype);
    const unsigned width = datatype == sp::kInt8 || datatype == sp::kUInt8     ? 8
                           : datatype == sp::kInt16 || datatype == sp::kUInt16 ? 16
                           : datatype == sp::kInt32 || datatype == sp::kUInt32 ? 32
                                                                               : 64;
    const auto bits = *rc::gen::arbitrary<std::uint64_t>();
    in.integer = static_cast<std::int64_t>(bits) >> (64 - width);
    in.natural = bits >> (64 - width);
    in.truth = (bits & 1) != 0;
    in.number = datatype == sp::kFloat ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))
                                       : std::bit_cast<double>(bits);
    std::string text = *rc::gen::string<std::string>();
    if (datatype == sp::kDataSet) {
      sp::DataSet set;
      set.set_num_of_columns(1);
      set.add_columns("a");
      set.add_types(sp::kDouble);
      set.add_rows()->add_elements()->set_double_value(in.number);
      text = set.SerializeAsString();
    } else if (datatype == sp::kTemplate) {
      sp::Template part;
      part.set_template_ref("motor");
      part.set_is_definition(false);
      part.add_metrics()->set_name("rpm");
      text = part.SerializeAsString();
    } else if (in.type == v1::VALUE_TYPE_STRING) {
      text = std::to_string(bits);
    }
    in.text = text;
    std::string field, payload_bytes;
    RC_ASSERT(sp::append_value(datatype, in, field));
    const std::string definition = sp::definition_fields("m", datatype);
    sp::WrittenMetric written;
    written.definition = definition;
    written.alias = 7;
    written.value = field;
    written.time = 1'700'000'000'123 * kMillisecond;
    sp::append_metric(written, payload_bytes);
    sp::Payload payload;
    RC_ASSERT(payload.ParseFromString(payload_bytes));
    const sp::Metric& metric = payload.metrics(0);
    RC_ASSERT(metric.datatype() == datatype);
    RC_ASSERT(metric.alias() == 7U);
    RC_ASSERT(metric.timestamp() == 1'700'000'000'123U);
    const std::string nested =
        metric.has_dataset_value() ? metric.dataset_value().SerializeAsString() : metric.template_value().SerializeAsString();
    sp::RawValue raw;
    raw.field = static_cast<std::uint32_t>(metric.value_case());
    switch (metric.value_case()) {
      case sp::Metric::kIntValue: raw.bits = metric.int_value(); break;
      case sp::Metric::kLongValue: raw.bits = metric.long_value(); break;
      case sp::Metric::kFloatValue: raw.bits = std::bit_cast<std::uint32_t>(metric.float_value()); break;
      case sp::Metric::kDoubleValue: raw.bits = std::bit_cast<std::uint64_t>(metric.double_value()); break;
      case sp::Metric::kBooleanValue: raw.bits = metric.boolean_value(); break;
      case sp::Metric::kStringValue: raw.bytes = metric.string_value(); break;
      case sp::Metric::kBytesValue: raw.bytes = metric.bytes_value(); break;
      default: raw.bytes = nested;
    }
    RC_ASSERT(sp::decode_value(datatype, raw, out) == sp::ValueError::none);
    switch (in.type) {
      case v1::VALUE_TYPE_INT64: RC_ASSERT(out.integer == in.integer); break;
      case v1::VALUE_TYPE_UINT64: RC_ASSERT(out.natural == in.natural); break;
      case v1::VALUE_TYPE_BOOL: RC_ASSERT(out.truth == in.truth); break;
      case v1::VALUE_TYPE_DOUBLE:
        RC_ASSERT((std::isnan(in.number) && std::isnan(out.number)) ||
                  std::bit_cast<std::uint64_t>(out.number) == std::bit_cast<std::uint64_t>(in.number));
        break;
      default: RC_ASSERT(out.text == in.text);
    }
  }));
}
