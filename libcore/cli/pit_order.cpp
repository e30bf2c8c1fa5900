// SPDX-License-Identifier: Apache-2.0
// Whether the files of pit-join are in order.
#include "cli/pit_order.hpp"

#include <utility>

namespace twinpipe::cli {

Result<bool> PitOrder::rows(const std::string& path, FeatureLayouts& layouts, WalkBy walk_by) {
  Result<NamedInput> file = NamedInput::open(path);
  if (!file.ok()) return file.status();
  FeatureInput input(*tool_, std::move(*file), *entities_, layouts, walk_by);
  input.look_through();
  for (Nanos last = kBeginning;;) {
    Result<bool> more = input.fill(*pull_);
    if (!more.ok() || !*more) return true;
    for (const std::size_t rows = input.rows().rows(); input.at() < rows; input.advance_to(input.at() + 1))
      if (std::exchange(last, input.walk_time()) > input.walk_time()) return false;
  }
}

Result<bool> PitOrder::labels(const std::string& path, LabelForm form, LabelLayouts& layouts) {
  Result<NamedInput> file = NamedInput::open(path);
  if (!file.ok()) return file.status();
  if (file->size == 0) return true;
  if (form == LabelForm::frames) {
    FeatureLayouts own;  // their columns are no features
    return rows(path, own, WalkBy::label_time);
  }
  LabelInput input(*tool_, std::move(*file), form, *entities_, layouts);
  Label label;
  for (Nanos last = kBeginning;;) {
    Result<bool> more = input.next(*pull_, label);
    if (!more.ok() || !*more) return true;
    if (std::exchange(last, label.time) > label.time) return false;
  }
}

}  // namespace twinpipe::cli
