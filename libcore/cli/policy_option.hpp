// SPDX-License-Identifier: Apache-2.0
// --policy FILE, --check, --explain SERIES and --at TIME, alike in every tool whose parameters live in a policy.
#pragma once

#include <optional>
#include <string>

#include "cli/tool.hpp"
#include "policy/policy.hpp"

namespace twinpipe::cli {

class PolicyOption {
 public:
  enum class Need { required, optional };

  /// Declares the options. `section`: the tool's own in the policy file, by default its name. Where the policy is optional
  /// and none is named, get() has no rules.
  explicit PolicyOption(Tool& tool, std::string section = {}, Need need = Need::required);

  /// Reads the file; answers --check and --explain on standard output. Errors: usage (none was named), no_input, bad_config
  /// (a policy that does not parse, or in which --check found errors).
  Status load();
  /// True when --check or --explain was asked for and answered: there is nothing left to do.
  bool answered() const { return answered_; }
  const Policy& get() const { return policy_; }

 private:
  Status check() const;
  Status explain() const;

  std::string section_;
  std::string file_, series_, time_;
  std::optional<Nanos> at_;
  bool check_ = false, answered_ = false;
  Policy policy_;
};

/// Reads a policy file. Errors: no_input, no_permission, bad_config; all name the file.
Result<Policy> read_policy(const std::string& file);

}  // namespace twinpipe::cli
