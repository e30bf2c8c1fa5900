// SPDX-License-Identifier: Apache-2.0
// The request that the maintenance system gets: evidence put into the shape that it wants, by templates.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/json_template.hpp"
#include "kernel/work_order_evidence.hpp"

namespace twinpipe {

/// The names that a template may use stand in work-order(1).
class WorkOrderShapes {
 public:
  WorkOrderShapes();

  /// A template by the name that rules call it; an empty name replaces the built-in one. Errors (bad_config): not JSON, an
  /// unknown placeholder, a name that is taken.
  Status add(const std::string& name, std::string_view json);
  /// The text of the placeholder {command}. Errors (bad_config): an unknown placeholder.
  Status set_command(std::string_view text);
  /// Errors (bad_config): a rule names a template that there is not, or one that uses a label that it has not.
  Status check(const std::vector<WorkOrderRule>& rules) const;

  /// `key`: the order's external reference. One line of JSON.
  std::string request(const FiredRow& row, const Evidence& evidence, std::string_view key) const;

 private:
  const JsonTemplate& of(const WorkOrderRule& rule) const { return templates_.at(rule.template_name); }

  std::map<std::string, JsonTemplate> templates_;
  bool own_default_ = false;
  TextTemplate command_;
};

}  // namespace twinpipe
