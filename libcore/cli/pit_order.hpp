// SPDX-License-Identifier: Apache-2.0
// Whether the files of pit-join are in order: each is looked through once, before any is read for good.
#pragma once

#include <string>

#include "cli/pit_inputs.hpp"

namespace twinpipe::cli {

/// What is wrong with a file is left to the reading that counts: as far as it can be read, it may be in order. Errors: those of
/// opening it.
class PitOrder {
 public:
  /// References must outlive this. Entities and layouts become known as they are met.
  PitOrder(Tool& tool, Pull& pull, EntityTable& entities) : tool_(&tool), pull_(&pull), entities_(&entities) {}

  Result<bool> rows(const std::string& path, FeatureLayouts& layouts, WalkBy walk_by);
  /// True of a pipe, too, which is read once.
  Result<bool> labels(const std::string& path, LabelForm form, LabelLayouts& layouts);

 private:
  Tool* tool_;
  Pull* pull_;
  EntityTable* entities_;
};

}  // namespace twinpipe::cli
