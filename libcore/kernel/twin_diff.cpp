// SPDX-License-Identifier: Apache-2.0
// Two snapshots of twins compared.
#include "kernel/twin_diff.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <set>

#include "kernel/frame_json.hpp"
#include "kernel/message_json.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

using google::protobuf::Message;

constexpr std::string_view kThere = "there";

class Comparison {
 public:
  explicit Comparison(std::vector<TwinDifference>& found) : json_(table_, JsonStyle::lines), found_(&found) {}

  void twins(const std::string& asset, v1::Twin before, v1::Twin after) {
    std::map<std::string, std::pair<v1::TwinMetric, v1::TwinMetric>> metrics;
    std::set<std::string> left, right;
    for (const v1::TwinMetric& metric : before.metric()) left.insert(metric.sensor()), metrics[metric.sensor()].first = metric;
    for (const v1::TwinMetric& metric : after.metric()) right.insert(metric.sensor()), metrics[metric.sensor()].second = metric;
    before.clear_metric();
    after.clear_metric();
    fields(asset, {}, before, after);
    for (auto& [sensor, pair] : metrics) {
      if (!left.contains(sensor) || !right.contains(sensor)) {
        whole(asset, sensor, left.contains(sensor));
        continue;
      }
      pair.first.clear_age();
      pair.second.clear_age();
      fields(asset, sensor, pair.first, pair.second);
    }
  }

  void whole(const std::string& asset, const std::string& sensor, bool before) {
    found_->push_back({asset, sensor, {}, std::string(before ? kThere : ""), std::string(before ? "" : kThere)});
  }

 private:
  void fields(const std::string& asset, const std::string& sensor, const Message& before, const Message& after) {
    auto left = texts_of(before), right = texts_of(after);
    const auto& descriptor = *before.GetDescriptor();
    for (int i = 0; i < descriptor.field_count(); ++i) {
      const std::string& name = descriptor.field(i)->name();
      if (left[name] != right[name]) found_->push_back({asset, sensor, name, left[name], right[name]});
    }
  }

  /// The fields as JSON, as the snapshot has them.
  std::map<std::string, std::string> texts_of(const Message& message) {
    std::string text;
    json_.append(message, text);
    simdjson::dom::object members;
    std::map<std::string, std::string> texts;
    if (parser_.parse(text).get(members) == simdjson::SUCCESS)
      for (const auto [key, value] : members) texts.emplace(key, simdjson::minify(value));
    return texts;
  }

  SeriesTable table_;  // twins name their series themselves
  MessageJson json_;
  simdjson::dom::parser parser_;
  std::vector<TwinDifference>* found_;
};

}  // namespace

Result<Twins> read_twins(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::array array;
  simdjson::dom::element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document); error != simdjson::SUCCESS)
    return Status::error(Code::bad_data, fmt::format("not JSON: {}", simdjson::error_message(error)));
  if (document["twins"].get(array) != simdjson::SUCCESS)
    return Status::error(Code::bad_data, "not a snapshot: it has no array \"twins\"");
  Twins twins;
  MessageFromJson messages;
  for (const simdjson::dom::element one : array) {
    simdjson::dom::object object;
    v1::Twin twin;
    if (one.get(object) != simdjson::SUCCESS) return Status::error(Code::bad_data, "a twin that is no object");
    if (Status status = messages.read(object, twin, {}); !status.ok()) return status;
    const std::string key = asset_key(twin.site(), twin.line(), twin.asset());
    if (!twins.emplace(key, std::move(twin)).second) return Status::error(Code::bad_data, "two twins of " + key);
  }
  return twins;
}

std::vector<TwinDifference> compare(const Twins& before, const Twins& after) {
  std::vector<TwinDifference> found;
  Comparison comparison(found);
  auto left = before.begin(), right = after.begin();
  while (left != before.end() || right != after.end()) {
    if (right == after.end() || (left != before.end() && left->first < right->first)) {
      comparison.whole((left++)->first, {}, true);
    } else if (left == before.end() || right->first < left->first) {
      comparison.whole((right++)->first, {}, false);
    } else {
      // Nearly all are alike, and bytes are quick to compare. Facts may stand in another order: then the fields tell.
      if (left->second.SerializeAsString() != right->second.SerializeAsString())
        comparison.twins(left->first, left->second, right->second);
      ++left, ++right;
    }
  }
  return found;
}

std::string differences_as_text(const std::vector<TwinDifference>& differences) {
  const auto text = [](const std::string& value) { return value.empty() ? std::string("-") : value; };
  std::string all;
  for (const TwinDifference& one : differences) {
    all += one.asset;
    if (!one.sensor.empty()) all += " " + one.sensor;
    if (one.field.empty()) all += one.before.empty() ? ": only in the second\n" : ": only in the first\n";
    else all += fmt::format(" {}: {} -> {}\n", one.field, text(one.before), text(one.after));
  }
  return all;
}

std::size_t assets_of(const std::vector<TwinDifference>& differences) {
  std::set<std::string_view> assets;
  for (const TwinDifference& one : differences) assets.insert(one.asset);
  return assets.size();
}

}  // namespace twinpipe
