// SPDX-License-Identifier: Apache-2.0
// The log of feature rows that a point-in-time join walks: several inputs merged as they come, or sorted first.
#pragma once

#include <memory>
#include <vector>

#include "cli/pit_inputs.hpp"
#include "kernel/external_sort.hpp"
#include "kernel/pit_join.hpp"

namespace twinpipe::cli {

using FeatureInputs = std::vector<std::unique_ptr<FeatureInput>>;

class RowLog {
 public:
  RowLog() = default;
  virtual ~RowLog() = default;
  RowLog(const RowLog&) = delete;
  RowLog& operator=(const RowLog&) = delete;

  /// Gives the join all rows that stand at `limit` in the walk, or before. False: rows may be missing there, because an input was
  /// cut short or we were told to stop. Errors: the inputs', the join's, with their place.
  virtual Result<bool> take(Nanos limit, PitJoin& join) = 0;
};

/// Inputs that are in order, each.
class MergedLog final : public RowLog {
 public:
  MergedLog(FeatureInputs& inputs, Pull& pull) : inputs_(&inputs), pull_(&pull) {}
  Result<bool> take(Nanos limit, PitJoin& join) override;

 private:
  Result<bool> fill();

  FeatureInputs* inputs_;
  Pull* pull_;
};

/// Inputs in any order.
class SortedLog final : public RowLog {
 public:
  SortedLog(const PitOptions& options, const FeatureLayouts& layouts, std::size_t memory, BlockStore& store)
      : options_(options), layouts_(&layouts), sort_(memory, store) {}
  /// Reads all inputs. Errors: the inputs', the store's.
  Status read(FeatureInputs& inputs, Pull& pull);
  Result<bool> take(Nanos limit, PitJoin& join) override;

 private:
  Status read(FeatureInput& input, Pull& pull);
  Result<bool> fill();
  void add_row();
  Status give(PitJoin& join);

  PitOptions options_;
  const FeatureLayouts* layouts_;
  ExternalSort sort_;
  bool complete_ = true, over_ = false;
  bool has_front_ = false;
  Nanos front_ = 0;
  std::string_view record_;
  // Rows of one layout, on their way to the join.
  std::uint32_t layout_ = 0;
  std::vector<std::uint32_t> entity_, revision_;
  std::vector<Nanos> as_of_, known_at_;
  std::vector<std::vector<double>> columns_;
};

}  // namespace twinpipe::cli
