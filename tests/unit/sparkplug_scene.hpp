// SPDX-License-Identifier: Apache-2.0
// A Sparkplug host, messages made by hand, and the frames that come out: for tests.
#pragma once

#include <string>
#include <vector>

#include "kernel/sparkplug_host.hpp"
#include "wire/scanner.hpp"

namespace twinpipe::sparkplug {

inline constexpr Nanos kStart = Nanos{1'790'000'000} * kSecond;

struct Scene {
  explicit Scene(HostOptions options = {}) : host(std::move(options)) {}

  SparkplugHost host;
  Output out;
  Publications sent;
  Nanos now = kStart;
  std::uint8_t seq = 0;

  Scene& message(const std::string& topic, const std::string& payload, bool retained = false) {
    host.message({topic, payload, retained, now}, out, sent);
    return *this;
  }
  Scene& message(const std::string& topic, const Payload& payload) { return message(topic, payload.SerializeAsString()); }
  Scene& tick(Nanos after = 0) {
    now += after;
    host.tick(now, out, sent);
    return *this;
  }
  std::uint64_t ms(Nanos after = 0) const { return static_cast<std::uint64_t>((now + after) / kMillisecond); }

  /// A payload with the next seq, at now.
  Payload payload() {
    Payload payload;
    payload.set_timestamp(ms());
    payload.set_seq(seq++);
    return payload;
  }
  Payload birth_payload(std::uint64_t bdseq) {
    seq = 0;
    Payload birth = payload();
    Metric& metric = *birth.add_metrics();
    metric.set_name("bdSeq");
    metric.set_datatype(kInt64);
    metric.set_long_value(bdseq);
    return birth;
  }
  static Metric& add(Payload& payload, const std::string& name, std::uint64_t alias, double value) {
    Metric& metric = *payload.add_metrics();
    if (!name.empty()) metric.set_name(name), metric.set_datatype(kDouble);
    if (alias != 0) metric.set_alias(alias);
    metric.set_timestamp(payload.timestamp());
    metric.set_double_value(value);
    return metric;
  }
  /// A node "G/E" with metric load (alias 1), a device D with rpm (alias 2).
  Scene& born(std::uint64_t bdseq = 1, const std::string& edge = "E") {
    Payload birth = birth_payload(bdseq);
    add(birth, "load", 1, 0.5);
    message("spBv1.0/G/NBIRTH/" + edge, birth);
    Payload device = payload();
    add(device, "rpm", 2, 1500);
    return message("spBv1.0/G/DBIRTH/" + edge + "/D", device);
  }
  Payload data(std::uint64_t alias, double value) {
    Payload data = payload();
    add(data, "", alias, value);
    return data;
  }
  static Payload death(std::uint64_t bdseq) {
    Payload payload;
    Metric& metric = *payload.add_metrics();
    metric.set_name("bdSeq");
    metric.set_datatype(kInt64);
    metric.set_long_value(bdseq);
    return payload;
  }

  /// The frames since the last call.
  std::vector<v1::Frame> frames() {
    host.flush(out);
    v1::Stream stream;
    stream.ParseFromArray(out.pending().data(), static_cast<int>(out.pending().size()));
    out.clear();
    return {stream.frame().begin(), stream.frame().end()};
  }
  /// A line a frame, in words: what the tests compare. Arrivals are left out.
  std::vector<std::string> story();
};

inline std::string session_text(const v1::Session& session) {
  return "bd" + std::to_string(session.bdseq()) + "@" + std::to_string((session.birth() - kStart) / kMillisecond);
}

inline std::string number_text(double value) {
  std::string text = std::to_string(value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

inline void tell_readings(const v1::Readings& r, std::vector<std::string>& lines) {
  for (int i = 0; i < r.series_size(); ++i) {
    std::string line = std::string(r.historical() ? "old " : "") + "#" + std::to_string(r.series(i)) + "=";
    if (r.double_value_size() > 0) line += number_text(r.double_value(i));
    if (r.int_value_size() > 0) line += std::to_string(r.int_value(i));
    if (r.uint_value_size() > 0) line += std::to_string(r.uint_value(i));
    if (r.bool_value_size() > 0) line += r.bool_value(i) ? "true" : "false";
    if (r.string_value_size() > 0) line += "'" + r.string_value(i) + "'";
    if (r.bytes_value_size() > 0) line += std::to_string(r.bytes_value(i).size()) + " bytes";
    line += "@" + std::to_string((r.time(i) - kStart) / kMillisecond);
    const std::uint32_t quality = r.quality_size() > 0 ? r.quality(i) : kGood;
    if (quality_code(quality) != kGood) line += " q" + std::to_string(quality_code(quality));
    if (quality & v1::QUALITY_NULL) line += " null";
    if (quality & v1::QUALITY_TIME_OF_PAYLOAD) line += " payload-time";
    if (quality & v1::QUALITY_TIME_OF_ARRIVAL) line += " arrival-time";
    if (quality & v1::QUALITY_AFTER_GAP) line += " after-gap";
    if (r.seq_size() > 0) line += " seq" + std::to_string(r.seq(i)) + "." + std::to_string(r.index(i));
    lines.push_back(line);
  }
}

inline std::vector<std::string> Scene::story() {
  std::vector<std::string> lines;
  for (const v1::Frame& frame : frames()) {
    switch (frame.kind_case()) {
      case v1::Frame::kSeries: {
        const v1::Series& s = frame.series();
        std::string line = "series " + s.site() + "/" + s.line() + "/" + s.asset() + " " + session_text(s.session());
        for (const v1::Sensor& sensor : s.sensor()) line += " #" + std::to_string(sensor.alias()) + ":" + sensor.name();
        lines.push_back(line);
        break;
      }
      case v1::Frame::kReadings: tell_readings(frame.readings(), lines); break;
      case v1::Frame::kLifecycle: {
        const v1::Lifecycle& l = frame.lifecycle();
        static constexpr const char* kReasons[] = {"?", "birth", "death", "will", "blind", "seen"};
        lines.push_back(std::string(l.online() ? "online " : "offline ") + l.node() + (l.asset().empty() ? "" : "/" + l.asset()) +
                        " " + kReasons[l.reason()] + " " + session_text(l.session()));
        break;
      }
      case v1::Frame::kGap: {
        const v1::Gap& g = frame.gap();
        static constexpr const char* kReasons[] = {"?", "sequence", "overflow", "evicted", "malformed", "alias"};
        lines.push_back(std::string("gap ") + g.node() + " " + kReasons[g.reason()] + " " + std::to_string(g.first()) + ".." +
                        std::to_string(g.last()) + (g.messages() > 0 ? " m" + std::to_string(g.messages()) : "") +
                        (g.readings() > 0 ? " r" + std::to_string(g.readings()) : ""));
        break;
      }
      case v1::Frame::kWatermark:
        lines.push_back(std::string(frame.watermark().lane() == v1::LANE_HISTORICAL ? "old mark " : "mark ") +
                        frame.watermark().node() + " " + std::to_string((frame.watermark().time() - kStart) / kMillisecond));
        break;
      case v1::Frame::kWaveform:
        lines.push_back("wave #" + std::to_string(frame.waveform().series()) + " " +
                        std::to_string(frame.waveform().float_sample_size() + frame.waveform().double_sample_size()));
        break;
      default: break;
    }
  }
  return lines;
}

}  // namespace twinpipe::sparkplug
