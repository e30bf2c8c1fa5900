// SPDX-License-Identifier: Apache-2.0
// The asset registry: what its two forms say, and how each mistake is named.
#include "kernel/asset_registry.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

const std::string kHeader = "registry,plant,owner,me,as_of,2026-01-01,slo,90d\n";
const std::string kColumns = "asset,from,until,series,sensor,class\n";

std::string error_of(const std::string& text) {
  const Result<AssetRegistry> registry = AssetRegistry::parse(text, "r");
  if (registry.ok()) return "no error";
  CHECK(registry.status().code == Code::bad_config);
  return registry.status().message;
}

AssetRegistry parsed(const std::string& text) {
  Result<AssetRegistry> registry = AssetRegistry::parse(text, "r");
  INFO((registry.ok() ? "" : registry.status().message));
  REQUIRE(registry.ok());
  return std::move(*registry);
}

}  // namespace

TEST_CASE("registry: mistakes are named with file and line") {
  const std::string json = R"({"registry":"p","owner":"o","as_of":"2026-01-01","slo":"1d","facts":["class"]})";
  const struct {
    std::string text, message;
  } cases[]{
      {"", "r:1: no header: the first record names registry, owner, as_of and slo"},
      {"\xFF", "r:1: the file is not UTF-8"},
      {"asset,class\n", "r:1: header: unknown key 'asset': it names registry, owner, as_of and slo"},
      {"registry,p,owner,o,slo,1d\n", "r:1: header: 'as_of' is missing: it names registry, owner, as_of and slo"},
      {"registry,p,registry,q\n", "r:1: header: 'registry' stands there twice"},
      {"registry,p,owner,o,as_of,yesterday,slo,1d\n",
       "r:1: as_of: 'yesterday' is not a date or time such as 2026-01-31 or 2026-01-31T23:59:59Z"},
      {"registry,p,owner,o,as_of,2026-01-01,slo,0\n", "r:1: slo: '0' is not a duration such as 90d"},
      {kHeader, "r:1: no columns: the second record names them, asset first of all"},
      {kHeader + "from,class\n", "r:2: no column is called 'asset'"},
      {kHeader + "asset,class,class\n", "r:2: two columns are called 'class'"},
      {kHeader + "asset,Class\n", "r:2: column 'Class': names are of a-z, 0-9, '_' and '-'"},
      {kHeader + kColumns + "s.l.a,,,\n", "r:3: 4 fields, there are 6 columns"},
      {kHeader + kColumns + "s.a,,,,,\n", "r:3: asset: 's.a' is not of the form site.line.asset"},
      {kHeader + kColumns + "s.l.a,1969-12-31,,,,\n", "r:3: from: '1969-12-31' is before 1970"},
      {kHeader + kColumns + "s.l.a,2026-02-30,,,,\n",
       "r:3: from: '2026-02-30' is not a date or time such as 2026-01-31 or 2026-01-31T23:59:59Z"},
      {kHeader + kColumns + "s.l.a,2026-02-01,2026-02-01,,,\n", "r:3: asset s.l.a: the row ends before it begins"},
      {kHeader + kColumns + "s.l.a,2026-02-01,,,,x\ns.l.b,,,,,\ns.l.a,2026-02-01,,,,y\n",
       "r:5: asset s.l.a has two rows that hold at 2026-02-01T00:00:00Z, the other one in line 3"},
      {kHeader + kColumns + "s.l.a,,,,,x\ns.l.a,,,,,y\n",
       "r:4: asset s.l.a has two rows that hold from the beginning, the other one in line 3"},
      {kHeader + kColumns + "s.l.a,2026-01-01,2026-03-01,,,\ns.l.a,2026-02-01,,,,\n",
       "r:4: asset s.l.a has two rows that hold at 2026-02-01T00:00:00Z, the other one in line 3"},
      {kHeader + kColumns + "s.l.a,2026-01-01,2026-03-01,s/l/+/t,,\ns.l.b,2026-02-01,,s/l/*/t,,\n",
       "r:4: series s/l/+/t has two rows that hold at 2026-02-01T00:00:00Z, the other one in line 3"},
      {kHeader + kColumns + "s.l.a,,,s/l/t,,\n", "r:3: series: pattern 's/l/t' has not the four levels site/line/asset/sensor"},
      {kHeader + kColumns + "s.l.a,,,s/l/b/t,,x\n",
       "r:3: a row with a 'series' says whose sensor it is; facts of the asset stand in a row of their own"},
      {kHeader + kColumns + "s.l.a,,,s/l/b/t*,u,\n", "r:3: 's/l/b/t*' may be several sensors, and only one can be 'u'"},
      {kHeader + kColumns + "s.l.a,,,,u,\n", "r:3: 'sensor' without 'series': it names a remounted sensor"},
      {kHeader + kColumns + "s.l.a,,,,,\"x\n", "r:3: the file ends inside quotes"},
      {kHeader + kColumns + "s.l.a,,,,,\"x\"y\n", "r:3: text behind a closing quote"},
      {kHeader + "asset,\ns.l.a,x\n", "r:3: 'x' stands in a column without a name"},
      {json + "\n{\"asset\":\"s.l.a\",\"klass\":\"x\"}", "r:2: unknown key 'klass': the header's 'facts' does not name it"},
      {json + "\n\n{\"asset\":\"s.l.a\",\"class\":[]}", "r:3: 'class' is neither a text nor a number nor true or false"},
      {json + "\n{\"asset\":\"s.l.a\",\"asset\":\"s.l.b\"}", "r:2: 'asset' stands there twice"},
      {"{\"facts\":1}", "r:1: 'facts' is not a list of names"},
      {"{\"facts\":[\"a\",\"a\"]}", "r:1: facts: 'a' stands there twice"},
  };
  for (const auto& [text, message] : cases) {
    INFO(text);
    CHECK(error_of(text) == message);
  }
  CHECK_THAT(error_of(json + "\n{\"asset\":"), Catch::StartsWith("r:2: not a JSON object: "));
}

TEST_CASE("registry: a row holds until its end, or until the next one begins; the time before and between is unknown") {
  const AssetRegistry registry = parsed(kHeader + kColumns +
                                        "s.l.a,2025-03-01,2025-06-01,,,third\n"
                                        "s.l.a,2025-01-01,,,,first\r\n"
                                        "s.l.a,2025-02-01,,,,second\n"
                                        "s.l.a,2025-07-01,,,,\"fo\"\"urth\"\n");
  std::string said;
  for (const AssetRegistry::Part& part : registry.parts_of("s", "l", "a"))
    said += (part.row == nullptr ? "unknown" : part.row->facts.at(0).second) + (part.stale ? ", stale; " : "; ");
  CHECK(said == "unknown; first; second; third; unknown; fo\"urth; fo\"urth, stale; ");
  const auto parts = registry.parts_of("s", "l", "a");
  for (std::size_t i = 1; i < parts.size(); ++i) CHECK(parts[i].period.from == parts[i - 1].period.until);
  CHECK(parts.front().period.from == kBeginning);
  CHECK(parts.back().period.until == kForever);
  CHECK(parts.back().period.from == registry.as_of() + 90 * 24 * 3600 * kSecond);
  CHECK(registry.parts_of("s", "l", "b").size() == 2);  // unknown, and unknown to a stale registry
}

TEST_CASE("registry: the first row that matches a series and holds says where it is") {
  const AssetRegistry registry = parsed(kHeader + kColumns +
                                        "s.l.b,2025-01-01,2025-06-01,s/l/a/t1,t9,\n"
                                        "s.l.c,2025-03-01,,s/l/a/+,,\n"
                                        "s.l.d,2025-08-01,,s/l/a/t1,,\n");
  std::string said;
  for (const AssetRegistry::Stay& stay : registry.stays_of("s", "l", "a", "t1"))
    said += stay.mount == nullptr ? "a " : stay.mount->asset + stay.mount->sensor + " ";
  // The last row comes behind the pattern in the file, and so never counts.
  CHECK(said == "a bt9 c ");
  CHECK(registry.stays_of("s", "l", "a", "t2").size() == 2);
  CHECK(registry.stays_of("s", "l", "b", "t1").size() == 1);
  const Nanos march = registry.mounts()[1].period.from;
  CHECK(registry.renumbered("s", "l", "a", march - 1) == nullptr);
  REQUIRE(registry.renumbered("s", "l", "a", march) != nullptr);
  CHECK(registry.renumbered("s", "l", "a", march)->asset == "c");
}

TEST_CASE("registry: the digest is of the content, not of its form") {
  const AssetRegistry csv =
      parsed(kHeader + "asset,class,from,series,remark\ns.l.b,x,,,\ns.l.a,y,2026-01-01,,hello\ns.l.a,,,s/l/c/t,\n");
  const AssetRegistry json = parsed(
      "{\"slo\":\"2160h\",\"registry\":\"plant\",\"owner\":\"me\",\"as_of\":\"2026-01-01T00:00:00Z\",\"facts\":[\"class\"]}\n"
      "{\"asset\":\"s.l.a\",\"from\":\"2026-01-01\",\"class\":\"y\"}\n"
      "{\"asset\":\"s.l.a\",\"series\":\"s/l/c/t\"}\n"
      "{\"asset\":\"s.l.b\",\"class\":\"x\"}\n");
  CHECK(csv.digest() == json.digest());
  CHECK(csv.digest().size() == 64);
  CHECK(csv.digest() != parsed(kHeader + "asset,class\ns.l.b,x\n").digest());
}
