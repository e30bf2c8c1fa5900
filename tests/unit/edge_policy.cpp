// SPDX-License-Identifier: Apache-2.0
// The example that is installed: it is read, every section of this version is in it, and nothing is wrong with it.
#include <catch2/catch.hpp>
#include <span>

#include "io/fd.hpp"
#include "kernel/setting_checks.hpp"

using namespace twinpipe;

TEST_CASE("the example policy has a rule in every section, and checks find nothing") {
  const Result<std::string> text = read_file(TWINPIPE_SOURCE_DIR "/man/edge-policy.json");
  REQUIRE(text.ok());
  const Result<Policy> policy = Policy::parse(*text);
  if (!policy.ok()) FAIL(policy.status().message);
  for (const Section& section : policy_sections()) {
    INFO(section.name);
    CHECK_FALSE(policy->rules(section.name).empty());
  }
  const PolicyFile file{"edge-policy.json", *policy};
  for (const Finding& finding : check_policies(std::span(&file, 1), setting_checks(), {})) FAIL_CHECK(finding.text);
}
