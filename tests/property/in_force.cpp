// SPDX-License-Identifier: Apache-2.0
// Law: of each tool and name of a policy, the last Applied frame that speaks of a node is in force there, and no other.
#include "policy/in_force.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

const std::vector<std::string> kNodes{"", "a", "b", "c"};

std::vector<std::string> digests(const PoliciesInForce& policies, const std::string& node) {
  std::vector<std::string> found;
  for (const auto& policy : policies.of(node)) found.push_back(policy->words().digest());
  return found;
}

}  // namespace

TEST_CASE("policies in force are the last ones that were said of the node") {
  const bool ok = rc::check([] {
    std::vector<v1::Applied> said(*rc::gen::inRange<std::size_t>(0, 20));
    PoliciesInForce policies;
    for (v1::Applied& applied : said) {
      applied.set_tool(*rc::gen::element<std::string>("t", "u"));
      applied.set_policy(*rc::gen::element<std::string>("p", "q"));
      const std::string version = *rc::gen::element<std::string>("1", "2");
      applied.set_digest(applied.tool() + applied.policy() + version);
      for (const std::string& node : kNodes)
        if (*rc::gen::arbitrary<bool>()) applied.add_node(node);
      policies.take(applied);
      RC_ASSERT(!policies.take(applied));
    }
    PoliciesInForce copy;
    for (const v1::Applied& applied : policies.words()) copy.take(applied);
    for (const std::string& node : kNodes) {
      std::map<std::string, std::string> last;
      for (const v1::Applied& applied : said)
        if (concerns(applied, node)) last[applied.tool() + applied.policy()] = applied.digest();
      std::vector<std::string> expected, found = digests(policies, node);
      for (const auto& [name, digest] : last) expected.push_back(digest);
      RC_ASSERT(digests(copy, node) == found);
      std::ranges::sort(found);
      RC_ASSERT(found == expected);
    }
  });
  CHECK(ok);
}
