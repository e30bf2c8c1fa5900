// SPDX-License-Identifier: Apache-2.0
// Plain MQTT topics site/line/asset/sensor as a source of readings: no births, no sequence, whatever payload.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/source_batch.hpp"
#include "kernel/sparkplug_births.hpp"
#include "kernel/sparkplug_clock.hpp"
#include "kernel/sparkplug_host.hpp"
#include "policy/pattern.hpp"

namespace twinpipe {

struct PlainFormat {
  enum class Kind { sparkplug, text, json };
  Kind kind = Kind::sparkplug;
  std::string value, time;  // JSON pointers; an empty time: the payload has none
};

struct PlainOptions {
  std::vector<std::string> patterns;  // what to subscribe to: one glob a level, or '+'
  std::vector<std::string> payloads;  // "[PATTERN=]sparkplug|text|json:/value[@/time]", first match wins
  std::vector<std::string> clocks;    // "[PATTERN=]sensor|arrival"
  std::string node = "{site}/{line}";
  sparkplug::PayloadLimits payload;
  sparkplug::ClockLimits clock;
  Nanos delay = 2 * kSecond;
};

class PlainTopics {
 public:
  /// Shares aliases and batch with the host, because both write one stream. Errors: usage.
  static Result<std::unique_ptr<PlainTopics>> make(PlainOptions options, sparkplug::SparkplugHost& host);

  /// MQTT filters of the patterns: a level with a glob is '+'.
  std::vector<std::string> filters() const;
  void message(const sparkplug::Message& message, Output& out);
  /// Watermarks.
  void tick(Nanos now, Output& out);
  void link_lost(Nanos now, Output& out);
  void link_restored();

  std::uint64_t readings() const { return readings_; }
  std::vector<Counter> counters() const;

 private:
  struct Node {
    std::string name;
    sparkplug::NodeClock clock;
    bool blind = false;
    Nanos watermark = 0;
  };
  struct Series {
    bool wanted = false;  // some pattern matches
    std::uint32_t series = 0, datatype = 0;
    ValueType type = v1::VALUE_TYPE_UNSPECIFIED;
    double sample_period = 0;
    std::string properties;  // as they came last
    std::string site, line, asset, sensor;
    Node* node = nullptr;
    const PlainFormat* format = nullptr;
    bool arrival_clock = false;
  };
  template <class Choice>
  struct Rule {
    std::optional<Pattern> pattern;  // absent: all
    Choice choice{};
  };
  /// One value taken out of a payload.
  struct Value {
    sparkplug::ColumnValue value;
    std::uint32_t datatype = 0, quality = kGood;
    Nanos time = 0;
    bool has_time = false, is_null = false, historical = false;
    std::string_view properties;
  };

  explicit PlainTopics(PlainOptions options, sparkplug::SparkplugHost& host);
  Series& series_of(std::string_view topic);
  Node& node_of(const Series& series);
  /// Empty: fine; otherwise why not.
  std::string read(const Series& series, std::string_view payload, Value& value);
  std::string read_sparkplug(std::string_view payload, Value& value);
  std::string read_json(const PlainFormat& format, std::string_view payload, Value& value);
  static void read_text(std::string_view text, Value& value);
  bool declare(Series& series, const Value& value, Output& out);
  std::string emit(Series& series, Value& value, const sparkplug::Message& message, Output& out);
  void refuse(const Series& series, std::string_view why, Output& out);

  PlainOptions options_;
  sparkplug::SparkplugHost* host_;
  sparkplug::PayloadReader reader_;
  std::vector<Pattern> patterns_;
  std::vector<Rule<PlainFormat>> formats_;
  std::vector<Rule<bool>> arrival_clocks_;
  PlainFormat default_format_;
  sparkplug::TextMap<Series> series_;
  std::vector<std::unique_ptr<Node>> nodes_;
  sparkplug::TextMap<Node*> node_index_;
  struct Json;
  std::shared_ptr<Json> json_;
  std::uint64_t messages_ = 0, readings_ = 0, refused_ = 0, foreign_ = 0;
};

}  // namespace twinpipe
