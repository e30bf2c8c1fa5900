// SPDX-License-Identifier: Apache-2.0
// --policy FILE, --check and --explain SERIES, alike in every tool whose parameters live in a policy.
#pragma once

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

  /// Reads the file; answers --check and --explain on standard output. Errors: usage (none was named), no_input, bad_config.
  Status load();
  /// True when --check or --explain was asked for and answered: there is nothing left to do.
  bool answered() const { return answered_; }
  const Policy& get() const { return policy_; }

 private:
  Status explain() const;

  std::string section_;
  std::string file_, series_;
  bool check_ = false, answered_ = false;
  Policy policy_;
};

}  // namespace twinpipe::cli
