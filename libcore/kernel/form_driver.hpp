// SPDX-License-Identifier: Apache-2.0
// Takes frames from memory through a selection into a form: the whole of fcat but its descriptors.
#pragma once

#include "kernel/form.hpp"
#include "kernel/frame_taker.hpp"
#include "kernel/selection.hpp"

namespace twinpipe {

class FormDriver final : public FrameTaker {
 public:
  /// `table` is the one that the form and the selection were made with. All three must outlive the driver.
  FormDriver(Form& form, Selection& selection, SeriesTable& table) : form_(&form), selection_(&selection), table_(&table) {}

  /// --skip-bad: content that does not decode is counted and left out.
  void set_skip_bad(bool skip) { skip_bad_ = skip; }

  Status take(const FrameView& view, Output& out) override;
  Status end(bool finish_unsealed, Output& out) override;
  void stop(Output& out) override { (void)form_->finish(Ending::stopped, out); }
  void abandon(Output& out) override { (void)form_->finish(Ending::cut, out); }
  bool done() const override { return selection_->done(); }
  /// The selection is complete: what was selected ends here for good.
  void end_here(Output& out) override { (void)form_->finish(Ending::finished, out); }
  const SegmentGuard& guard() const override { return guard_; }
  std::uint64_t skipped() const override { return skipped_; }

 private:
  Status dispatch(const FrameView& view, Output& out);

  Form* form_;
  Selection* selection_;
  SeriesTable* table_;
  SegmentGuard guard_;
  ReadingsDecoder decoder_;
  bool skip_bad_ = false;
  std::uint64_t skipped_ = 0;
  v1::Frame frame_;  // reused, so that decoding allocates nothing in the long run
  std::vector<Declared> declared_;
};

}  // namespace twinpipe
