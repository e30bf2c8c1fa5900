// SPDX-License-Identifier: Apache-2.0
// The edge node: births, data, deaths and rebirths. Tags name the statements of Sparkplug 3.0.0 that a case proves.
#include "kernel/sparkplug_edge.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "edge_rig.hpp"
#include "kernel/sparkplug_plain.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;
namespace sp = twinpipe::sparkplug;

namespace {

std::vector<std::string> topics(const std::vector<Heard>& heard) {
  std::vector<std::string> all;
  for (const Heard& message : heard) all.push_back(message.topic);
  return all;
}

using Topics = std::vector<std::string>;

/// A node-level metric and a device with two, all born.
std::vector<Heard> born(EdgeRig& rig) {
  REQUIRE(rig.declare("E", "$node", {sensor(0, "cpu")}).ok());
  REQUIRE(rig.declare("E", "D", {sensor(1, "temp"), sensor(2, "state", v1::VALUE_TYPE_STRING)}).ok());
  REQUIRE(rig.value(1, 1000, 20.5).ok());
  REQUIRE(rig.value(2, 1001, "RUN").ok());
  REQUIRE(rig.value(0, 1002, 0.25).ok());
  return rig.heard();
}

}  // namespace

TEST_CASE(
    "the first birth sequence",
    "[tck-id-topics-nbirth-topic][tck-id-topics-dbirth-topic][tck-id-topics-nbirth-mqtt][tck-id-topics-dbirth-mqtt]"
    "[tck-id-payloads-nbirth-qos][tck-id-payloads-dbirth-qos][tck-id-payloads-nbirth-seq][tck-id-topics-nbirth-seq-num]"
    "[tck-id-payloads-sequence-num-req-nbirth][tck-id-payloads-dbirth-seq][tck-id-payloads-dbirth-seq-inc][tck-id-topics-dbirth-"
    "seq]"
    "[tck-id-payloads-dbirth-order][tck-id-payloads-nbirth-bdseq][tck-id-topics-nbirth-bdseq-included]"
    "[tck-id-topics-nbirth-bdseq-matching][tck-id-payloads-nbirth-rebirth-req][tck-id-topics-nbirth-rebirth-metric]"
    "[tck-id-operational-behavior-data-commands-rebirth-name][tck-id-operational-behavior-data-commands-rebirth-name-aliases]"
    "[tck-id-operational-behavior-data-commands-rebirth-datatype][tck-id-operational-behavior-data-commands-rebirth-value]"
    "[tck-id-payloads-nbirth-timestamp][tck-id-topics-nbirth-timestamp][tck-id-payloads-dbirth-timestamp][tck-id-topics-dbirth-"
    "timestamp]"
    "[tck-id-message-flow-edge-node-birth-publish-nbirth-topic][tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq]"
    "[tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdseq][tck-id-message-flow-edge-node-birth-publish-nbirth-qos]"
    "[tck-id-message-flow-device-birth-publish-dbirth-topic][tck-id-message-flow-device-birth-publish-dbirth-payload-seq]"
    "[tck-id-message-flow-device-birth-publish-dbirth-qos][tck-id-message-flow-device-birth-publish-nbirth-wait]"
    "[tck-id-operational-behavior-data-publish-nbirth-values][tck-id-operational-behavior-data-publish-dbirth-values]") {
  EdgeRig rig;
  rig.bdseq = 41;
  const std::vector<Heard> heard = born(rig);
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D"});
  const sp::Payload& node = heard[0].payload;
  const sp::Payload& device = heard[1].payload;
  REQUIRE(heard[0].qos == 0);
  REQUIRE(heard[1].qos == 0);
  REQUIRE((node.has_seq() && node.seq() == 0));
  REQUIRE((device.has_seq() && device.seq() == 1));
  REQUIRE(node.timestamp() == EdgeRig::kNow / kMillisecond);
  REQUIRE(device.timestamp() == EdgeRig::kNow / kMillisecond);
  REQUIRE(node.metrics_size() == 3);
  REQUIRE(node.metrics(0).name() == "bdSeq");
  REQUIRE(node.metrics(0).datatype() == sp::kInt64);
  REQUIRE(node.metrics(0).long_value() == 41);
  REQUIRE(node.metrics(1).name() == "Node Control/Rebirth");
  REQUIRE(node.metrics(1).datatype() == sp::kBoolean);
  REQUIRE((node.metrics(1).has_boolean_value() && !node.metrics(1).boolean_value()));
  REQUIRE_FALSE(node.metrics(1).has_alias());
  REQUIRE(node.metrics(2).name() == "cpu");
  REQUIRE(node.metrics(2).double_value() == 0.25);
  REQUIRE(device.metrics(0).name() == "temp");
  REQUIRE(device.metrics(0).double_value() == 20.5);
  REQUIRE(device.metrics(0).timestamp() == 1000);
  REQUIRE(device.metrics(1).string_value() == "RUN");

  sp::Payload will;
  will.ParseFromString(rig.edge().node(0).will(41, EdgeRig::kNow).payload);
  REQUIRE(will.metrics(0).long_value() == node.metrics(0).long_value());
}

TEST_CASE("every metric of a birth has name, alias, datatype and time; aliases are unique in the node",
          "[tck-id-payloads-name-requirement][tck-id-payloads-name-birth-data-requirement][tck-id-payloads-alias-uniqueness]"
          "[tck-id-payloads-alias-birth-requirement][tck-id-payloads-metric-datatype-req][tck-id-payloads-metric-datatype-value]"
          "[tck-id-payloads-metric-datatype-value-type][tck-id-topics-nbirth-metric-reqs][tck-id-topics-dbirth-metric-reqs]"
          "[tck-id-topics-nbirth-metrics][tck-id-topics-dbirth-metrics][tck-id-operational-behavior-data-publish-nbirth]"
          "[tck-id-operational-behavior-data-publish-dbirth][tck-id-payloads-metric-timestamp-in-utc][tck-id-payloads-timestamp-"
          "in-utc]") {
  EdgeRig rig;
  std::set<std::uint64_t> aliases;
  int count = 0;
  for (const Heard& message : born(rig))
    for (const sp::Metric& metric : message.payload.metrics()) {
      CAPTURE(metric.name());
      REQUIRE(metric.has_name());
      REQUIRE(metric.has_timestamp());
      REQUIRE((metric.datatype() >= 1 && metric.datatype() <= 34));
      const bool control = metric.name() == "bdSeq" || metric.name() == "Node Control/Rebirth";
      REQUIRE(metric.has_alias() != control);
      if (control) continue;
      ++count;
      aliases.insert(metric.alias());
    }
  REQUIRE(count == 3);
  REQUIRE(aliases.size() == 3);
}

TEST_CASE(
    "data names metrics by alias alone, and the node and its devices share one sequence",
    "[tck-id-topics-ndata-topic][tck-id-topics-ddata-topic][tck-id-topics-ndata-mqtt][tck-id-topics-ddata-mqtt]"
    "[tck-id-payloads-ndata-qos][tck-id-payloads-ddata-qos][tck-id-payloads-ndata-seq][tck-id-payloads-ddata-seq]"
    "[tck-id-payloads-ndata-seq-inc][tck-id-payloads-ddata-seq-inc][tck-id-topics-ndata-seq-num][tck-id-topics-ddata-seq-num]"
    "[tck-id-payloads-ndata-timestamp][tck-id-payloads-ddata-timestamp][tck-id-topics-ndata-timestamp][tck-id-topics-ddata-"
    "timestamp]"
    "[tck-id-payloads-ndata-order][tck-id-payloads-ddata-order][tck-id-topics-ndata-payload][tck-id-topics-ddata-payload]"
    "[tck-id-payloads-alias-data-cmd-requirement][tck-id-payloads-metric-datatype-not-req][tck-id-operational-behavior-data-"
    "publish-nbirth-change]"
    "[tck-id-operational-behavior-data-publish-dbirth-change][tck-id-payloads-sequence-num-always-included]"
    "[tck-id-payloads-sequence-num-incrementing]") {
  EdgeRig rig;
  const std::vector<Heard> births = born(rig);
  REQUIRE(rig.value(1, 2000, 21.5).ok());
  REQUIRE(rig.value(0, 2001, 0.5).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/DDATA/E/D", "spBv1.0/G/NDATA/E"});
  REQUIRE(heard[0].payload.seq() == 2);
  REQUIRE(heard[1].payload.seq() == 3);
  const sp::Metric& metric = heard[0].payload.metrics(0);
  REQUIRE_FALSE(metric.has_name());
  REQUIRE_FALSE(metric.has_datatype());
  REQUIRE(metric.alias() == births[1].payload.metrics(0).alias());
  REQUIRE(metric.timestamp() == 2000);
  REQUIRE(metric.double_value() == 21.5);
  REQUIRE(heard[0].payload.has_timestamp());
}

TEST_CASE("seq runs from 255 to 0", "[tck-id-payloads-sequence-num-incrementing]") {
  EdgeRig rig;
  born(rig);
  for (int i = 0; i < 600; ++i) REQUIRE(rig.value(1, 2000 + i, 1.0 * i).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(heard.size() == 600);
  for (std::size_t i = 0; i < heard.size(); ++i) REQUIRE(heard[i].payload.seq() == (i + 2) % 256);
}

TEST_CASE("null, quality and historical",
          "[tck-id-payloads-propertyset-quality-value-type][tck-id-payloads-propertyset-quality-value-value]"
          "[tck-id-payloads-propertyset-keys-array-size][tck-id-payloads-propertyset-values-array-size]") {
  EdgeRig rig;
  born(rig);
  REQUIRE(rig.value(1, 2000, 0.0, v1::QUALITY_NULL | kGood).ok());
  REQUIRE(rig.value(1, 2001, 7.0, v1::QUALITY_STALE).ok());
  REQUIRE(rig.value(1, 2002, 0.0, v1::QUALITY_NULL | v1::QUALITY_BAD).ok());
  REQUIRE(rig.value(1, 2003, 8.0, 77).ok());
  REQUIRE(rig.value(1, 500, 9.0, kGood, true).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(heard.size() == 5);
  const auto metric = [&heard](std::size_t i) -> const sp::Metric& { return heard[i].payload.metrics(0); };
  REQUIRE((metric(0).is_null() && !metric(0).has_double_value() && !metric(0).has_properties()));
  REQUIRE(property(metric(1), "Quality")->int_value() == 500);
  REQUIRE(property(metric(1), "Quality")->type() == sp::kInt32);
  REQUIRE(metric(1).properties().keys_size() == metric(1).properties().values_size());
  REQUIRE((metric(2).is_null() && property(metric(2), "Quality")->int_value() == 0));
  REQUIRE(property(metric(3), "Quality")->int_value() == 0);  // not one of the specification's codes: not good
  REQUIRE((metric(4).is_historical() && metric(4).double_value() == 9.0));
  REQUIRE_FALSE(metric(3).is_historical());
  // A rebirth tells the newest live value; the past does not move it.
  const std::vector<Heard> again = rig.rebirth();
  REQUIRE(again[1].payload.metrics(0).double_value() == 8.0);
  REQUIRE(property(again[1].payload.metrics(0), "Quality")->int_value() == 0);
}

TEST_CASE("a birth waits for values, and leaves without them when one comes twice or time is up") {
  EdgeRig rig;
  REQUIRE(rig.declare("E", "D", {sensor(0, "a"), sensor(1, "b")}).ok());
  REQUIRE(rig.value(0, 1000, 1.0).ok());
  REQUIRE(rig.heard().empty());
  SECTION("the second value") {
    REQUIRE(rig.value(0, 1001, 2.0).ok());
    const std::vector<Heard> heard = rig.heard();
    REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
    REQUIRE(heard[1].payload.metrics(0).double_value() == 1.0);
    REQUIRE(heard[1].payload.metrics(1).is_null());
    REQUIRE(heard[2].payload.metrics(0).double_value() == 2.0);
  }
  SECTION("time") {
    std::vector<sp::EdgeMessage> out;
    rig.edge().node(0).settle(rig.now - 1, rig.now, out);
    REQUIRE(out.empty());
    rig.edge().node(0).settle(rig.now, rig.now, out);
    REQUIRE(topics(EdgeRig::decode(out)) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D"});
  }
  SECTION("a death") {
    REQUIRE(rig.offline("E", "D").ok());
    REQUIRE(topics(rig.heard()) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDEATH/E/D"});
  }
  SECTION("a value of the past is no birth value") {
    REQUIRE(rig.value(1, 900, 5.0, kGood, true).ok());
    const std::vector<Heard> heard = rig.heard();
    REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
    REQUIRE(heard[1].payload.metrics(1).is_null());
  }
}

TEST_CASE(
    "a rebirth request repeats the births under the same bdSeq",
    "[tck-id-operational-behavior-data-commands-rebirth-action-1][tck-id-operational-behavior-data-commands-rebirth-action-2]"
    "[tck-id-operational-behavior-data-commands-rebirth-action-3][tck-id-payloads-nbirth-bdseq-repeat]"
    "[tck-id-message-flow-edge-node-ncmd-subscribe][tck-id-message-flow-device-dcmd-subscribe]") {
  EdgeRig rig;
  rig.bdseq = 7;
  born(rig);
  REQUIRE(rig.value(1, 2000, 33.0).ok());
  rig.heard();
  REQUIRE(rig.edge().subscriptions(0) == Topics{"spBv1.0/G/NCMD/E", "spBv1.0/G/DCMD/E/#"});
  const auto command = [&rig](const std::string& topic, const std::string& name, bool value) {
    sp::Payload payload;
    payload.add_metrics()->set_name(name);
    payload.mutable_metrics(0)->set_boolean_value(value);
    std::vector<sp::EdgeMessage> out;
    rig.edge().command(0, topic, payload.SerializeAsString(), rig.now, out);
    return EdgeRig::decode(out);
  };
  REQUIRE(command("spBv1.0/G/NCMD/E", "Node Control/Rebirth", false).empty());
  REQUIRE(command("spBv1.0/G/NCMD/E", "Node Control/Reboot", true).empty());
  REQUIRE(command("spBv1.0/G/DCMD/E/D", "Node Control/Rebirth", true).empty());
  const std::vector<Heard> heard = command("spBv1.0/G/NCMD/E", "Node Control/Rebirth", true);
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D"});
  REQUIRE(heard[0].payload.seq() == 0);
  REQUIRE(heard[0].payload.metrics(0).long_value() == 7);
  REQUIRE(heard[1].payload.metrics(0).double_value() == 33.0);
  REQUIRE(rig.value(1, 3000, 34.0).ok());
  REQUIRE(rig.heard()[0].payload.seq() == 2);
}

TEST_CASE("a new series gives its device, or its node, another birth") {
  EdgeRig rig;
  born(rig);
  SECTION("of a device") {
    REQUIRE(rig.declare("E", "D", {sensor(3, "rpm")}).ok());
    REQUIRE(rig.value(3, 2000, 1500.0).ok());
    REQUIRE(rig.value(1, 2000, 22.0).ok());
    REQUIRE(rig.value(2, 2000, "STOP").ok());
    const std::vector<Heard> heard = rig.heard();
    REQUIRE(topics(heard) == Topics{"spBv1.0/G/DBIRTH/E/D"});
    REQUIRE(heard[0].payload.metrics_size() == 3);
    REQUIRE(heard[0].payload.seq() == 2);
    REQUIRE(heard[0].payload.metrics(0).double_value() == 22.0);
    for (const sp::Metric& metric : heard[0].payload.metrics()) REQUIRE(metric.alias() > 3);  // not one of the births before
  }
  SECTION("of the node") {
    REQUIRE(rig.declare("E", "$node", {sensor(3, "memory")}).ok());
    REQUIRE(rig.value(3, 2000, 1.0).ok());
    REQUIRE(rig.value(0, 2000, 2.0).ok());
    REQUIRE(topics(rig.heard()) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D"});
  }
  SECTION("the same again changes nothing") {
    REQUIRE(rig.declare("E", "D", {sensor(1, "temp"), sensor(2, "state", v1::VALUE_TYPE_STRING)}).ok());
    REQUIRE(rig.heard().empty());
    REQUIRE(rig.value(1, 2000, 22.0).ok());
    REQUIRE(topics(rig.heard()) == Topics{"spBv1.0/G/DDATA/E/D"});
  }
  SECTION("a unit that changes") {
    v1::Sensor temp = sensor(1, "temp");
    temp.set_declared_unit("K");
    REQUIRE(rig.declare("E", "D", {temp}).ok());
    REQUIRE(rig.value(1, 2000, 295.0).ok());
    REQUIRE(rig.value(1, 2001, 296.0).ok());
    const std::vector<Heard> heard = rig.heard();
    REQUIRE(topics(heard) == Topics{"spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
    REQUIRE(property(heard[0].payload.metrics(0), "engUnit")->string_value() == "K");
    REQUIRE(heard[0].payload.metrics(1).string_value() == "RUN");  // still what it was
  }
}

TEST_CASE("a device's death and its next birth",
          "[tck-id-topics-ddeath-topic][tck-id-topics-ddeath-mqtt][tck-id-topics-ddeath-seq-num][tck-id-payloads-ddeath-seq]"
          "[tck-id-payloads-ddeath-seq-inc][tck-id-payloads-ddeath-seq-number][tck-id-payloads-ddeath-timestamp]"
          "[tck-id-operational-behavior-device-ddeath]") {
  EdgeRig rig;
  born(rig);
  REQUIRE(rig.offline("E", "D").ok());
  REQUIRE(rig.offline("E", "D").ok());
  std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/DDEATH/E/D"});
  REQUIRE(heard[0].payload.seq() == 2);
  REQUIRE(heard[0].payload.has_timestamp());
  REQUIRE(topics(rig.rebirth()) == Topics{"spBv1.0/G/NBIRTH/E"});  // the dead stay dead
  REQUIRE(rig.value(1, 3000, 1.0).ok());
  REQUIRE(rig.value(1, 3001, 2.0).ok());
  heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
  REQUIRE(heard[0].payload.metrics(1).is_null());  // what it was before its death is not current
}

TEST_CASE("a node's death ends its session; its next values open another one",
          "[tck-id-topics-ndeath-topic][tck-id-topics-ndeath-payload][tck-id-topics-ndeath-seq][tck-id-payloads-ndeath-seq]"
          "[tck-id-payloads-ndeath-bdseq][tck-id-payloads-ndeath-will-message-qos]") {
  EdgeRig rig;
  rig.bdseq = 3;
  born(rig);
  REQUIRE(rig.offline("E", "").ok());
  std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NDEATH/E"});
  REQUIRE_FALSE(heard[0].payload.has_seq());
  REQUIRE(heard[0].payload.metrics_size() == 1);
  REQUIRE(heard[0].payload.metrics(0).name() == "bdSeq");
  REQUIRE(heard[0].payload.metrics(0).long_value() == 3);
  REQUIRE(heard[0].qos == 1);
  REQUIRE(rig.value(1, 3000, 1.0).ok());
  REQUIRE(rig.value(1, 3001, 2.0).ok());
  heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
  REQUIRE(heard[0].payload.metrics(0).long_value() == 4);
}

TEST_CASE("a new connection repeats the births with current values under its own bdSeq",
          "[tck-id-topics-nbirth-bdseq-matching][tck-id-payloads-nbirth-seq]") {
  EdgeRig rig;
  born(rig);
  REQUIRE(rig.value(1, 2000, 33.0).ok());
  rig.heard();
  rig.edge().node(0).lose();
  std::vector<sp::EdgeMessage> out;
  rig.edge().node(0).open(9, rig.now, out);
  const std::vector<Heard> heard = EdgeRig::decode(out);
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D"});
  REQUIRE(heard[0].payload.metrics(0).long_value() == 9);
  REQUIRE(heard[1].payload.metrics(0).double_value() == 33.0);
}

TEST_CASE("waveforms are arrays with a sample period") {
  EdgeRig rig;
  const auto datatype = GENERATE(as<std::uint32_t>{}, sp::kFloatArray, sp::kDoubleArray);
  REQUIRE(rig.declare("E", "D", {sensor(0, "vibration", v1::VALUE_TYPE_WAVEFORM, datatype)}).ok());
  v1::Frame frame;
  v1::Waveform& wave = *frame.mutable_waveform();
  wave.set_time(1000 * kMillisecond);
  wave.set_sample_period(0.000125);
  for (const float sample : {1.5F, -2.25F, 0.0F}) wave.add_float_sample(sample);
  REQUIRE(rig.feed(frame).ok());
  wave.set_time(2000 * kMillisecond);
  REQUIRE(rig.feed(frame).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
  for (const std::size_t i : {1U, 2U}) {
    const sp::Metric& metric = heard[i].payload.metrics(0);
    REQUIRE(property(metric, "samplePeriod")->double_value() == 0.000125);
    REQUIRE(property(metric, "samplePeriod")->type() == sp::kDouble);
    REQUIRE(metric.timestamp() == 1000 * i);
    v1::Waveform back;
    REQUIRE(sp::decode_samples(datatype, metric.bytes_value(), back));
    if (datatype == sp::kFloatArray) REQUIRE((back.float_sample_size() == 3 && back.float_sample(1) == -2.25F));
    else REQUIRE((back.double_sample_size() == 3 && back.double_sample(1) == -2.25));
  }
  REQUIRE(heard[1].payload.metrics(0).datatype() == datatype);
}

TEST_CASE("another sample period gets another birth, which carries the waveform") {
  EdgeRig rig;
  REQUIRE(rig.declare("E", "D", {sensor(0, "vibration", v1::VALUE_TYPE_WAVEFORM), sensor(1, "temp")}).ok());
  v1::Frame frame;
  v1::Waveform& wave = *frame.mutable_waveform();
  const auto send = [&](Nanos milliseconds, double period, bool historical) {
    wave.set_time(milliseconds * kMillisecond);
    wave.set_sample_period(period);
    wave.set_historical(historical);
    wave.clear_double_sample();
    wave.add_double_sample(static_cast<double>(milliseconds));
    REQUIRE(rig.feed(frame).ok());
  };
  REQUIRE(rig.value(1, 1000, 20.0).ok());
  REQUIRE(rig.value(1, 1001, 21.0).ok());  // the birth leaves without a waveform
  rig.heard();
  send(2000, 0.5, false);
  send(3000, 0.5, false);
  send(1500, 0.25, true);
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D", "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D"});
  const auto metric = [&heard](std::size_t i) -> const sp::Metric& { return heard[i].payload.metrics(0); };
  REQUIRE((property(metric(0), "samplePeriod")->double_value() == 0.5 && metric(0).timestamp() == 2000));
  REQUIRE(metric(1).timestamp() == 3000);
  REQUIRE((property(metric(2), "samplePeriod")->double_value() == 0.25 && metric(2).timestamp() == 3000));
  REQUIRE((metric(3).timestamp() == 1500 && metric(3).is_historical()));
  REQUIRE(heard[0].payload.metrics(1).double_value() == 21.0);
}

TEST_CASE("a birth before the first waveform says that one will come") {
  EdgeRig rig;
  REQUIRE(rig.declare("E", "D", {sensor(0, "vibration", v1::VALUE_TYPE_WAVEFORM)}).ok());
  rig.heard();
  std::vector<sp::EdgeMessage> out;
  rig.edge().node(0).open(0, rig.now, out);
  rig.edge().node(0).settle(rig.now, rig.now, out);
  const std::vector<Heard> heard = EdgeRig::decode(out);
  const sp::Metric& metric = heard.at(1).payload.metrics(0);
  REQUIRE(metric.is_null());
  REQUIRE(property(metric, "samplePeriod")->is_null());
}

TEST_CASE("units and ranges are properties; a canonical unit drops the range of the declared one",
          "[tck-id-payloads-metric-propertyvalue-type-req][tck-id-payloads-metric-propertyvalue-type-type]"
          "[tck-id-payloads-metric-propertyvalue-type-value]") {
  EdgeRig rig;
  v1::Sensor raw = sensor(0, "a"), normed = sensor(1, "b");
  for (v1::Sensor* each : {&raw, &normed}) {
    each->set_declared_unit("degF");
    each->set_low(0);
    each->set_high(200);
    v1::Property& own = *each->add_property();
    own.set_name("vendor");
    own.set_datatype(sp::kString);
    own.mutable_value()->set_string_value("acme");
  }
  normed.set_unit("K");
  REQUIRE(rig.declare("E", "D", {raw, normed}).ok());
  REQUIRE(rig.value(0, 1000, 1.0).ok());
  REQUIRE(rig.value(1, 1000, 1.0).ok());
  const std::vector<Heard> heard = rig.heard();
  const sp::Metric &a = heard[1].payload.metrics(0), &b = heard[1].payload.metrics(1);
  REQUIRE(property(a, "engUnit")->string_value() == "degF");
  REQUIRE(property(a, "engUnit")->type() == sp::kString);
  REQUIRE(property(a, "engLow")->double_value() == 0);
  REQUIRE(property(a, "engHigh")->double_value() == 200);
  REQUIRE(property(b, "engUnit")->string_value() == "K");
  REQUIRE(property(b, "engLow") == nullptr);
  REQUIRE(property(b, "vendor")->string_value() == "acme");
}

TEST_CASE("rows of a frame become messages by device, of a greatest size and span, in row order") {
  sp::EdgeOptions options;
  options.metrics_per_message = 3;
  EdgeRig rig(options);
  REQUIRE(rig.declare("E", "A", {sensor(0, "a")}).ok());
  REQUIRE(rig.declare("E", "B", {sensor(1, "b")}).ok());
  ReadingsBuilder rows;
  for (int i = 0; i < 16; ++i) rows.add(static_cast<std::uint32_t>(i % 2), (1000 + i) * kMillisecond, 1.0 * i);
  REQUIRE(rig.feed(rows).ok());
  std::vector<double> a;
  int messages = 0;
  for (const Heard& heard : rig.heard()) {
    REQUIRE(heard.payload.metrics_size() <= 3);
    ++messages;
    if (heard.topic.ends_with("/A"))
      for (const sp::Metric& metric : heard.payload.metrics()) a.push_back(metric.double_value());
  }
  REQUIRE(messages == 1 + 2 + 2 * 3);
  REQUIRE(a == std::vector<double>{0, 2, 4, 6, 8, 10, 12, 14});
}

TEST_CASE("every node has its own session and sequence",
          "[tck-id-topic-structure-namespace-duplicate-device-id-across-edge-node]") {
  EdgeRig rig;
  for (const auto& [line, alias] : {std::pair{"E1", 0U}, std::pair{"E2", 1U}}) {
    REQUIRE(rig.declare(line, "D", {sensor(alias, "a")}).ok());
    for (int i = 0; i < 3; ++i) REQUIRE(rig.value(alias, 1000 + i, 1.0 * i).ok());
  }
  REQUIRE(rig.edge().nodes() == 2);
  std::map<std::string, std::uint64_t> next;
  for (const Heard& heard : rig.heard()) {
    const std::string node = heard.topic.find("/E1") != std::string::npos ? "E1" : "E2";
    REQUIRE(heard.payload.seq() == next[node]++);
  }
  REQUIRE(next["E1"] == 4);
  REQUIRE(next["E2"] == 4);
}

TEST_CASE("ids in topics have no character that MQTT or Sparkplug reserves",
          "[tck-id-intro-group-id-chars][tck-id-intro-edge-node-id-chars][tck-id-intro-device-id-chars]"
          "[tck-id-topic-structure-namespace-valid-group-id][tck-id-topic-structure-namespace-valid-edge-node-id]"
          "[tck-id-topic-structure-namespace-valid-device-id][tck-id-topic-structure][tck-id-topic-structure-namespace-a]") {
  EdgeRig rig;
  REQUIRE(rig.declare("a+b", "c/d#e.f", {sensor(0, "x/y")}).ok());
  REQUIRE(rig.value(0, 1000, 1.0).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/a%2Bb", "spBv1.0/G/DBIRTH/a%2Bb/c%2Fd%23e.f"});
  REQUIRE(heard[1].payload.metrics(0).name() == "x/y");
}

TEST_CASE("a value that its datatype cannot hold is refused with its whole frame") {
  EdgeRig rig;
  REQUIRE(rig.declare("E", "D", {sensor(0, "a", v1::VALUE_TYPE_INT64, sp::kInt8), sensor(1, "b", v1::VALUE_TYPE_INT64)}).ok());
  ReadingsBuilder rows(v1::VALUE_TYPE_INT64);
  rows.add(1, kSecond, std::int64_t{5});
  rows.add(0, kSecond, std::int64_t{128});
  const Status status = rig.feed(rows);
  REQUIRE(status.code == Code::bad_data);
  REQUIRE(status.message == "G/E/D/a: row 1: the value does not fit datatype Int8");
  REQUIRE(rig.heard().empty());
  REQUIRE(rig.value(0, -1, std::int64_t{1}).code == Code::bad_data);
  REQUIRE(rig.value(0, 1, 1.5).code == Code::bad_data);
}

TEST_CASE("the node's own controls are not published twice") {
  EdgeRig rig;
  REQUIRE(rig.declare("E", "$node",
                      {sensor(0, "bdSeq", v1::VALUE_TYPE_INT64), sensor(1, "Node Control/Rebirth", v1::VALUE_TYPE_BOOL),
                       sensor(2, "cpu")})
              .ok());
  REQUIRE(rig.value(0, 1000, std::int64_t{77}).ok());
  REQUIRE(rig.value(1, 1000, false).ok());
  REQUIRE(rig.value(2, 1000, 0.5).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"spBv1.0/G/NBIRTH/E"});
  REQUIRE(heard[0].payload.metrics_size() == 3);
  REQUIRE(heard[0].payload.metrics(0).long_value() == 0);
}

TEST_CASE("plain series go to their own topics") {
  sp::EdgeOptions options;
  const std::string format = GENERATE("sparkplug", "text", "json");
  options.payload = format == "text"   ? sp::PlainPayload::text
                    : format == "json" ? sp::PlainPayload::json
                                       : sp::PlainPayload::sparkplug;
  options.plain.push_back(*Pattern::parse("+/+/+/state"));
  EdgeRig rig(std::move(options));
  REQUIRE(rig.declare("E", "D.1", {sensor(0, "temp"), sensor(1, "state", v1::VALUE_TYPE_STRING)}).ok());
  REQUIRE(rig.value(1, 1000, "RUN \"fast\"", v1::QUALITY_STALE).ok());
  REQUIRE(rig.value(0, 1000, 1.0).ok());
  const std::vector<Heard> heard = rig.heard();
  REQUIRE(topics(heard) == Topics{"G/E/D%2E1/state", "spBv1.0/G/NBIRTH/E", "spBv1.0/G/DBIRTH/E/D.1"});
  REQUIRE(heard[0].qos == 1);
  REQUIRE(heard[2].payload.metrics_size() == 1);
  if (format == "text") REQUIRE(heard[0].bytes == "RUN \"fast\"");
  if (format == "json") REQUIRE(heard[0].bytes == R"({"time":"1970-01-01T00:00:01Z","value":"RUN \"fast\"","quality":500})");
  if (format != "sparkplug") return;
  sp::Payload payload;
  REQUIRE(payload.ParseFromString(heard[0].bytes));
  REQUIRE(payload.has_timestamp());
  REQUIRE_FALSE(payload.has_seq());
  REQUIRE(payload.metrics_size() == 1);
  REQUIRE(payload.metrics(0).name() == "state");
  REQUIRE(payload.metrics(0).datatype() == sp::kString);
  REQUIRE(payload.metrics(0).string_value() == "RUN \"fast\"");
  REQUIRE(property(payload.metrics(0), "Quality")->int_value() == 500);
}

TEST_CASE("numbers, truth and nothing as plain text and JSON") {
  const auto row = [](std::uint32_t quality, bool historical) { return sp::EdgeRow{0, quality, kSecond, 0, 0, 0, historical}; };
  struct Case {
    double number;
    std::uint32_t quality;
    bool historical;
    const char *text, *json;
  };
  const Case cases[] = {
      {0.1, kGood, false, "0.1", R"({"time":"1970-01-01T00:00:01Z","value":0.1})"},
      {1e300, kGood, true, "1e+300", R"({"time":"1970-01-01T00:00:01Z","value":1e+300,"historical":true})"},
      {std::numeric_limits<double>::quiet_NaN(), kGood, false, "NaN", R"({"time":"1970-01-01T00:00:01Z","value":"NaN"})"},
      {1, v1::QUALITY_NULL | v1::QUALITY_BAD, false, "", R"({"time":"1970-01-01T00:00:01Z","value":null,"quality":0})"},
  };
  for (const Case& c : cases) {
    sp::ColumnValue value;
    value.type = v1::VALUE_TYPE_DOUBLE;
    value.number = c.number;
    REQUIRE(*sp::plain_text(value, row(c.quality, c.historical)) == c.text);
    REQUIRE(*sp::plain_json(value, row(c.quality, c.historical)) == c.json);
  }
  sp::ColumnValue bytes;
  bytes.type = v1::VALUE_TYPE_BYTES;
  REQUIRE(sp::plain_text(bytes, row(kGood, false)).status().code == Code::bad_data);
}
