// SPDX-License-Identifier: Apache-2.0
// An Alert under test: a stream in, and its messages as values.
#pragma once

#include <simdjson.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "drive.hpp"
#include "kernel/alert.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::testing {

struct Told {
  std::string id, phase, condition, rule, subject, text;
  Nanos known_at = 0;
  std::uint64_t count = 0;
  struct Member {
    std::string subject, detail, episode, value;
    Nanos since = 0, until = 0;
  };
  std::vector<Member> members;
};

inline Told read_message(const std::string& json) {
  simdjson::dom::parser parser;
  const simdjson::dom::element message = parser.parse(json);
  const auto text = [](simdjson::dom::element of, const char* key) {
    std::string_view value;
    return of[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  const auto time = [&](simdjson::dom::element of, const char* key) {
    const std::string value = text(of, key);
    return value.empty() ? 0 : *parse_time(value);
  };
  Told told{text(message, "id"),       text(message, "phase"),   text(message, "condition"),
            text(message, "rule"),     text(message, "subject"), text(message, "text"),
            time(message, "known_at"), message["count"],         {}};
  for (const simdjson::dom::element member : message["members"])
    told.members.push_back({text(member, "subject"), text(member, "exception"), text(member, "episode"), text(member, "value"),
                            time(member, "since"), time(member, "until")});
  return told;
}

inline Policy alert_policy(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","alert":[)" + rules + "]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

/// A stage with its table and driver: takes streams one after another.
class AlertRun {
 public:
  explicit AlertRun(const Policy& policy, AlertOptions options = {})
      : stage_(table_, policy, rules_of(policy), options), driver_(stage_, table_, "test 0") {}

  void take(std::string_view stream) {
    const Status status = for_each_frame(stream, [&](const FrameView& frame) { return driver_.take(frame, out_); });
    if (!status.ok()) FAIL(status.message);
    drain();
  }
  void end() {
    REQUIRE(driver_.end(false, out_).ok());
    drain();
  }
  Alert& stage() { return stage_; }
  SeriesTable& table() { return table_; }
  void drain() {
    for (const AlertMessage& message : stage_.take_messages()) json.push_back(message.json);
  }
  std::vector<Told> told() const {
    std::vector<Told> all;
    for (const std::string& message : json) all.push_back(read_message(message));
    return all;
  }
  std::vector<std::string> json;

 private:
  static std::vector<AlertRule> rules_of(const Policy& policy) {
    Result<std::vector<AlertRule>> rules = alert_rules(policy);
    if (!rules.ok()) FAIL(rules.status().message);
    return *rules;
  }
  SeriesTable table_;
  Alert stage_;
  Driver driver_;
  Output out_;
};

/// All of a stream's messages.
inline std::vector<Told> alerts(const Policy& policy, const std::string& stream, AlertOptions options = {}) {
  AlertRun run(policy, options);
  run.take(stream);
  run.end();
  return run.told();
}

}  // namespace twinpipe::testing
