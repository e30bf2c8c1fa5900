// SPDX-License-Identifier: Apache-2.0
// Joined labels as Features frames: a row a label, its own numbers as columns in front of the features.
#pragma once

#include "kernel/pit_output.hpp"

namespace twinpipe {

class FramesOutput final : public PitOutput {
 public:
  using PitOutput::PitOutput;

  Status put(const Label& label, const PitJoin::Answer& answer, Output& out) override;
  Status finish(Output& out) override;

 private:
  Status begin(std::uint32_t layout);
  void flush(Output& out);
  Result<double> number(const LabelCell& cell, const std::string& name) const;

  v1::Frame frame_;
  std::uint32_t layout_ = 0xFFFFFFFFU;
  std::size_t feature_count_ = 0;
  bool has_digest_ = false;
  std::vector<double> numbers_;  // of the label's own columns
};

}  // namespace twinpipe
