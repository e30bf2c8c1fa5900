// SPDX-License-Identifier: Apache-2.0
// Which policies shape the values of a stream, as its Applied frames say.
#include "policy/in_force.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace twinpipe {
namespace {

using Policy = std::shared_ptr<const AppliedPolicy>;

/// The one of the same tool and name.
auto find_same(auto& policies, const v1::Applied& words) {
  return std::ranges::find_if(policies, [&words](const Policy& other) {
    return other->words().tool() == words.tool() && other->words().policy() == words.policy();
  });
}

}  // namespace

bool concerns(const v1::Applied& applied, std::string_view node) {
  return applied.node().empty() || std::ranges::find(applied.node(), node) != applied.node().end();
}

AppliedPolicy::AppliedPolicy(v1::Applied applied) : words_(std::move(applied)) {
  for (const v1::AppliedRule& rule : words_.rule()) {
    const Result<Pattern> pattern = Pattern::parse(rule.pattern());
    if (!pattern.ok()) status_ = Status::error(Code::bad_data, "Applied frame: " + pattern.status().message);
    patterns_.push_back(pattern.ok() ? std::optional(*pattern) : std::nullopt);
  }
}

bool AppliedPolicy::matches(int rule, std::string_view site, std::string_view line, std::string_view asset,
                            std::string_view sensor) const {
  const std::optional<Pattern>& pattern = patterns_[static_cast<std::size_t>(rule)];
  return pattern && pattern->matches(site, line, asset, sensor);
}

void PoliciesInForce::clear() {
  everywhere_ = {};
  own_.clear();
  merged_.clear();
}

PoliciesInForce::Policy PoliciesInForce::intern(const v1::Applied& applied) {
  v1::Applied words = applied;
  words.clear_node();
  std::erase_if(policies_, [](const auto& known) { return known.second.expired(); });
  std::weak_ptr<const AppliedPolicy>& known = policies_[words.SerializeAsString()];
  Policy policy = known.lock();
  if (policy == nullptr) known = policy = std::make_shared<const AppliedPolicy>(std::move(words));
  return policy;
}

/// False: it was said already.
bool PoliciesInForce::put(const Policy& policy, Said& said) {
  const bool another = std::exchange(said.segment, segment_) != segment_;
  if (another) said.policies.clear();
  const auto same = find_same(said.policies, policy->words());
  if (same != said.policies.end() && *same == policy) return false;
  if (same == said.policies.end()) said.policies.push_back(policy);
  else *same = policy;
  return true;
}

bool PoliciesInForce::take(const v1::Applied& applied) {
  const Policy policy = intern(applied);
  bool changed = false;
  if (!applied.node().empty() && everywhere_.segment != segment_) changed = !std::exchange(everywhere_, {}).policies.empty();
  for (const std::string& node : applied.node()) changed |= put(policy, own_[node]);
  if (applied.node().empty()) {
    changed = put(policy, everywhere_);
    for (auto& [node, said] : own_) {
      const auto same = find_same(said.policies, policy->words());
      changed |= same != said.policies.end();
      if (said.segment != segment_) said.policies.clear();
      else if (same != said.policies.end()) said.policies.erase(same);
    }
    std::erase_if(own_, [](const auto& own) { return own.second.policies.empty(); });
  }
  if (changed) merged_.clear();
  return changed;
}

/// A filter writes its own frame, which names no node, before it forwards those of hosts upstream, which do.
const PoliciesInForce::Policies& PoliciesInForce::of(std::string_view node) const {
  const auto own = own_.find(node);
  if (own == own_.end()) return everywhere_.policies;
  const auto [at, is_new] = merged_.try_emplace(std::string(node));
  if (!is_new) return at->second;
  const Policies& said = own->second.policies;
  std::ranges::copy_if(everywhere_.policies, std::back_inserter(at->second),
                       [&](const Policy& policy) { return find_same(said, policy->words()) == said.end(); });
  at->second.insert(at->second.end(), said.begin(), said.end());
  return at->second;
}

std::vector<v1::Applied> PoliciesInForce::words() const {
  std::vector<v1::Applied> all;
  for (const Policy& policy : everywhere_.policies) all.push_back(policy->words());
  std::vector<std::pair<const Policies*, std::vector<const std::string*>>> groups;  // nodes of which the same was said
  for (const auto& [node, said] : own_) {
    const auto same = std::ranges::find_if(groups, [&](const auto& group) { return *group.first == said.policies; });
    if (same == groups.end()) groups.push_back({&said.policies, {&node}});
    else same->second.push_back(&node);
  }
  for (const auto& [policies, nodes] : groups)
    for (const Policy& policy : *policies) {
      v1::Applied& words = all.emplace_back(policy->words());
      for (const std::string* node : nodes) words.add_node(*node);
    }
  return all;
}

}  // namespace twinpipe
