// SPDX-License-Identifier: Apache-2.0
// The examples that are installed: every section of this version is in one of them, and checks find nothing.
#include <catch2/catch.hpp>
#include <set>
#include <span>

#include "io/fd.hpp"
#include "kernel/setting_checks.hpp"

using namespace twinpipe;

TEST_CASE("the example policies have a rule in every section, and checks find nothing") {
  std::vector<PolicyFile> files;
  std::set<std::string_view> sections;
  for (const char* name : {"edge-policy.json", "refine-policy.json", "features-policy.json", "score-policy.json"}) {
    const Result<std::string> text = read_file(std::string(TWINPIPE_SOURCE_DIR "/man/") + name);
    REQUIRE(text.ok());
    const Result<Policy> policy = Policy::parse(*text);
    if (!policy.ok()) FAIL(policy.status().message);
    for (const Section& section : policy_sections())
      if (!policy->rules(section.name).empty()) sections.insert(section.name);
    files.push_back({name, *policy});
  }
  for (const Section& section : policy_sections()) {
    INFO(section.name);
    CHECK(sections.contains(section.name));
  }
  for (const Finding& finding : check_policies(files, setting_checks(), {})) FAIL_CHECK(finding.text);
}
