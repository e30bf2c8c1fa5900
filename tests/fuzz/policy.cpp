// SPDX-License-Identifier: Apache-2.0
// Any bytes as a policy file: no crash; what is accepted has a digest, matches and is checked without harm, and differs from
// itself in nothing.
#include "policy/policy.hpp"

#include <cstdint>
#include <cstdlib>

#include "kernel/setting_checks.hpp"
#include "policy/difference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twinpipe;
  const Result<Policy> policy = Policy::parse({reinterpret_cast<const char*>(data), size});
  if (!policy.ok()) {
    if (policy.status().code != Code::bad_config || policy.status().message.empty()) std::abort();
    return 0;
  }
  if (policy->digest().size() != 64) std::abort();
  for (const Section& section : policy_sections())
    (void)policy->match(section.name, "plant-a", "line-1", "pump-1", "temp-1", 1'700'000'000 * kSecond);
  const PolicyFile file{"f", *policy};
  (void)check_policies(std::span(&file, 1), setting_checks(), {});
  if (!compare(*policy, *policy, nullptr).same()) std::abort();
  return 0;
}
