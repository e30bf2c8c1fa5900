// SPDX-License-Identifier: Apache-2.0
// Laws of the edge node, for any stream, any lost connections and any rebirth requests: the order and numbering of
// messages, and that a host which decodes them has every reading, once and in order.
#include "kernel/sparkplug_edge.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "edge_rig.hpp"
#include "kernel/sparkplug_host.hpp"
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

namespace {

/// What a host's stream says of one reading.
struct Said {
  std::string series;
  Nanos time = 0;
  double value = 0;
  bool historical = false;
};

std::vector<Said> said_in(std::string_view stream) {
  std::vector<Said> all;
  std::map<std::uint32_t, std::string> names;
  (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    for (const v1::Sensor& sensor : one.frame(0).series().sensor())
      names[sensor.alias()] = one.frame(0).series().asset() + "/" + sensor.name();
    const v1::Readings& rows = one.frame(0).readings();
    for (int i = 0; i < rows.double_value_size(); ++i)
      if (i >= rows.quality_size() || rows.quality(i) == kGood)
        all.push_back({names[rows.series(i)], rows.time(i), rows.double_value(i), rows.historical()});
    return {};
  });
  return all;
}

}  // namespace

TEST_CASE("store and forward: whatever a broken connection loses comes as history, exactly once, however often it breaks") {
  CHECK(rc::check([] {
    sparkplug::EdgeOptions options;
    options.metrics_per_message = *rc::gen::inRange<std::size_t>(1, 4);
    options.forward = 60 * kSecond;
    testing::EdgeRig rig(options);
    RC_ASSERT(rig.declare("E", "D", {testing::sensor(0, "x"), testing::sensor(1, "y")}).ok());
    RC_ASSERT(rig.declare("E", "F", {testing::sensor(2, "z")}).ok());
    sparkplug::SparkplugHost host(sparkplug::HostOptions{});
    Output out;
    sparkplug::Publications asked;
    const auto deliver = [&](const std::vector<sparkplug::EdgeMessage>& messages, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) host.message({messages[i].topic, messages[i].payload, false, rig.now}, out, asked);
      host.flush(out);
    };
    sparkplug::EdgeNode& node = rig.edge().node(0);
    std::uint8_t bdseq = 0;
    std::set<std::pair<std::string, Nanos>> fed;
    std::set<Nanos> stored;  // read while there was no connection
    const std::array<std::string, 3> names{"D/x", "D/y", "F/z"};
    bool broken = true, first = true;
    Nanos lost_since = 0;
    const auto work = [&](bool losing) {
      std::vector<sparkplug::EdgeMessage> sent;
      if (!node.is_open()) node.open(bdseq, rig.now, sent);
      for (sparkplug::SparkplugEdge::Work next; rig.edge().next(next);) {
        rig.edge().set_event_clock(0, rig.now, kSecond);
        rig.edge().take(rig.now, sent);
      }
      // A silent network: from some message on nothing arrives any more, until the connection is given up.
      std::size_t through = lost_since != 0 ? 0 : sent.size();
      if (losing && lost_since == 0) through = *rc::gen::inRange<std::size_t>(0, sent.size() + 1), lost_since = rig.now;
      deliver(sent, through);
    };
    for (int step = 0, n = *rc::gen::inRange(5, 60); step < n; ++step) {
      rig.now += 1500 * kMillisecond;
      for (int i = 0, rows = *rc::gen::inRange(1, 4); i < rows; ++i) {
        const auto alias = *rc::gen::inRange<std::uint32_t>(0, 3);
        const Nanos time = rig.now / kMillisecond + i;
        RC_ASSERT(rig.value(alias, time, static_cast<double>(time % 1000)).ok());
        fed.insert({names[alias], time * kMillisecond});
        if (broken && !first) stored.insert(time * kMillisecond);
      }
      const int what = *rc::gen::inRange(0, 6);
      if (broken) {
        if (what < 3) continue;
        broken = first = false;
        lost_since = 0;
        ++bdseq;
        work(what == 5);
      } else if (what < 4) {
        work(what == 3);
      } else if (lost_since != 0 || what == 5) {
        const sparkplug::EdgeMessage will = node.will(bdseq, rig.now);
        node.lose();
        broken = true;
        host.message({will.topic, will.payload, false, rig.now}, out, asked);
      }
    }
    if (!broken && lost_since != 0) node.lose();
    rig.now += 1500 * kMillisecond;
    lost_since = 0;
    if (!node.is_open()) ++bdseq;
    work(false);
    std::vector<sparkplug::EdgeMessage> last;
    node.settle(rig.now, rig.now, last);
    deliver(last, last.size());

    std::set<std::pair<std::string, Nanos>> had;
    for (const Said& said : said_in(out.pending())) {
      const bool is_new = had.insert({said.series, said.time}).second;
      RC_ASSERT(said.value == static_cast<double>(said.time / kMillisecond % 1000));
      RC_ASSERT(is_new || !said.historical);  // only a birth says again what was said
    }
    RC_ASSERT(had == fed);
  }));
}

TEST_CASE("store and forward: a host that came late, or asks for births, hears what a birth told once, and never as history") {
  CHECK(rc::check([] {
    sparkplug::EdgeOptions options;
    options.metrics_per_message = *rc::gen::inRange<std::size_t>(1, 4);
    options.forward = 60 * kSecond;
    testing::EdgeRig rig(options);
    RC_ASSERT(rig.declare("E", "$node", {testing::sensor(0, "x")}).ok());
    RC_ASSERT(rig.declare("E", "D", {testing::sensor(1, "y"), testing::sensor(2, "z")}).ok());
    sparkplug::SparkplugHost host(sparkplug::HostOptions{});
    sparkplug::EdgeNode& node = rig.edge().node(0);
    Output out;
    const auto subscribed = *rc::gen::inRange(0, 15);
    int step = 0;
    const auto deliver = [&](std::vector<sparkplug::EdgeMessage> messages) {
      // What the host asks for is answered at once, within the millisecond in which the data left that made it ask.
      while (!messages.empty() && step >= subscribed) {
        sparkplug::Publications asked;
        for (const auto& message : messages) host.message({message.topic, message.payload, false, rig.now}, out, asked);
        messages.clear();
        for (const auto& request : asked) rig.edge().command(0, request.topic, request.payload, rig.now, messages);
      }
    };
    std::set<std::pair<std::string, Nanos>> fed;
    const std::array<std::string, 3> names{"$node/x", "D/y", "D/z"};
    std::uint8_t bdseq = 0;
    for (const int steps = *rc::gen::inRange(15, 40); step < steps; ++step) {
      rig.now += *rc::gen::element<Nanos>(0, 1500) * kMillisecond;
      for (int i = 0, rows = *rc::gen::inRange(1, 4); i < rows; ++i) {
        const auto alias = *rc::gen::inRange<std::uint32_t>(0, 3);
        const Nanos time = rig.now / kMillisecond + 4 * step + i;
        RC_ASSERT(rig.value(alias, time, static_cast<double>(time % 1000)).ok());
        fed.insert({names[alias], time * kMillisecond});
      }
      std::vector<sparkplug::EdgeMessage> sent;
      const bool more = node.births() < 2 * sparkplug::HadMessages::kSessions - 10;  // two a session: the host remembers them
      if (step + 1 == steps || (more && *rc::gen::inRange(0, 8) == 0)) {
        const sparkplug::EdgeMessage will = node.will(bdseq, rig.now);
        node.lose();
        if (step >= subscribed) deliver({will});
        node.open(++bdseq, rig.now, sent);
      } else if (!node.is_open()) {
        node.open(bdseq, rig.now, sent);
      }
      for (sparkplug::SparkplugEdge::Work next; rig.edge().next(next);) {
        rig.edge().set_event_clock(0, rig.now, kSecond);
        rig.edge().take(rig.now, sent);
      }
      if (more && *rc::gen::inRange(0, 4) == 0) node.rebirth(rig.now, sent);  // another host asked
      deliver(std::move(sent));
    }
    std::vector<sparkplug::EdgeMessage> last;
    node.settle(rig.now, rig.now, last);
    deliver(std::move(last));
    host.flush(out);

    std::set<std::pair<std::string, Nanos>> had;
    for (const Said& said : said_in(out.pending())) RC_ASSERT(had.insert({said.series, said.time}).second || !said.historical);
    RC_ASSERT(had == fed);
  }));
}
