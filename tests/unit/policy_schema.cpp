// SPDX-License-Identifier: Apache-2.0
// The published schema of policies says what the parser's table of sections says: neither may go on without the other.
#include <simdjson.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>

#include "policy/policy.hpp"

using namespace twinpipe;
namespace dom = simdjson::dom;

namespace {

std::set<std::string> keys(dom::element object) {
  std::set<std::string> all;
  for (const auto& [key, value] : dom::object(object)) all.emplace(key);
  return all;
}

bool refers(dom::element schema, std::string_view what) {
  std::string_view reference;
  return schema["$ref"].get(reference) == simdjson::SUCCESS && reference == "#/$defs/" + std::string(what);
}

void check_parameter(const Parameter& parameter, dom::element schema) {
  std::string_view type;
  double least = -1;
  switch (parameter.kind) {
    case ParameterKind::number:
      CHECK(schema["type"].get(type) == simdjson::SUCCESS);
      CHECK(type == "number");
      if (std::isinf(parameter.least)) {
        CHECK(schema["minimum"].error() == simdjson::NO_SUCH_FIELD);
        return;
      }
      CHECK(schema["minimum"].get(least) == simdjson::SUCCESS);
      CHECK(least == parameter.least);
      return;
    case ParameterKind::duration: CHECK(refers(schema, "duration")); return;
    case ParameterKind::bands: CHECK(refers(schema, "bands")); return;
    case ParameterKind::numbers: CHECK(refers(schema, "numbers")); return;
    case ParameterKind::list: CHECK(refers(schema, "list")); return;
    case ParameterKind::boolean:
      CHECK(schema["type"].get(type) == simdjson::SUCCESS);
      CHECK(type == "boolean");
      return;
    case ParameterKind::text: {
      dom::array choices;
      if (parameter.choices.empty()) {
        CHECK(refers(schema, "text"));
        return;
      }
      REQUIRE(schema["enum"].get(choices) == simdjson::SUCCESS);
      std::vector<std::string_view> names;
      for (const dom::element choice : choices) names.emplace_back(std::string_view(choice));
      CHECK(names == std::vector<std::string_view>(parameter.choices.begin(), parameter.choices.end()));
    }
  }
}

}  // namespace

TEST_CASE("the published schema has exactly the parser's sections and parameters") {
  dom::parser parser;
  const dom::element schema = parser.load(TWINPIPE_SOURCE_DIR "/man/policy.schema.json");
  std::set<std::string> sections{"$schema", "name", "version", "owner"};
  for (const Section& section : policy_sections()) {
    INFO(section.name);
    sections.emplace(section.name);
    dom::element rule;
    REQUIRE(schema["properties"][section.name]["items"].get(rule) == simdjson::SUCCESS);
    std::set<std::string> parameters{"match", "name", "expires", "reason"};
    for (const Parameter& parameter : section.parameters) {
      INFO(parameter.name);
      parameters.emplace(parameter.name);
      dom::element type;
      REQUIRE(rule["properties"][parameter.name].get(type) == simdjson::SUCCESS);
      check_parameter(parameter, type);
    }
    CHECK(keys(rule["properties"]) == parameters);
    CHECK_FALSE(bool(rule["additionalProperties"]));
    CHECK(refers(rule["properties"]["match"], "pattern"));
  }
  CHECK(keys(schema["properties"]) == sections);
  CHECK_FALSE(bool(schema["additionalProperties"]));
}
