// SPDX-License-Identifier: Apache-2.0
// Templates: values are escaped, a placeholder alone keeps its type, and what is no placeholder is an error at start.
#include "kernel/json_template.hpp"

#include <simdjson.h>

#include <catch2/catch.hpp>
#include <map>

using namespace twinpipe;

namespace {

const TemplateValue& value(std::string_view name) {
  static const std::map<std::string, TemplateValue, std::less<>> values{
      {"text", {"say \"hi\"\n", {}}}, {"number", {"4.5", "4.5"}}, {"list", {"a, b", R"(["a","b"])"}}};
  return values.find(name)->second;
}

std::string rendered(std::string_view json) {
  const Result<JsonTemplate> made = JsonTemplate::parse(json);
  if (!made.ok()) FAIL(made.status().message);
  std::string text = made->render(value);
  simdjson::dom::parser parser;
  CHECK(parser.parse(text).error() == simdjson::SUCCESS);
  return text;
}

}  // namespace

TEST_CASE("template: placeholders in text, and alone") {
  CHECK(rendered(R"({"a": "{number}", "b": "{number} mm", "c": "{list}", "d": "of {list}"})") ==
        R"({"a":4.5,"b":"4.5 mm","c":["a","b"],"d":"of a, b"})");
  CHECK(rendered(R"({"a": ["{text}", {"b": "\"{text}\""}]})") == R"({"a":["say \"hi\"\n",{"b":"\"say \"hi\"\n\""}]})");
  CHECK(rendered(R"({"a": "{{text}}", "b": null, "c": [1, 2.5, true, -3], "ä": "{number}{number}", "e": {}, "f": []})") ==
        R"({"a":"{text}","b":null,"c":[1,2.5,true,-3],"ä":"4.54.5","e":{},"f":[]})");
}

TEST_CASE("template: the names that it uses") {
  const Result<JsonTemplate> made = JsonTemplate::parse(R"({"a": "{x} and {y}", "b": ["{x}", "plain"]})");
  REQUIRE(made.ok());
  CHECK(made->names() == std::vector<std::string_view>{"x", "y", "x"});
}

TEST_CASE("template: what is none") {
  for (const char* json : {"", "{", "[]", "\"{x}\"", R"({"a": "{"})", R"({"a": "}"})", R"({"a": "{}"})", R"({"a": "{x"})",
                           R"({"a": "{x{y}}"})", R"({"{x}": 1})", R"({"a": "x} {y}"})"}) {
    INFO(json);
    const Result<JsonTemplate> made = JsonTemplate::parse(json);
    CHECK_FALSE(made.ok());
    if (!made.ok()) CHECK(made.status().code == Code::bad_config);
  }
}
