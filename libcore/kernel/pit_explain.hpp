// SPDX-License-Identifier: Apache-2.0
// Why a label got the row that it got: the rows that three kinds of join would have taken, kept while the log goes by.
#pragma once

#include <string>
#include <vector>

#include "kernel/pit_join.hpp"

namespace twinpipe {

class PitExplain {
 public:
  PitExplain(const PitOptions& options, const FeatureLayouts& layouts, std::uint32_t entity, Nanos time)
      : options_(options), layouts_(&layouts), entity_(entity), time_(time) {}

  /// Rows of a frame, in any order.
  void add(const FeatureRows& rows);
  /// For people, when all rows were added.
  std::string text() const;

 private:
  struct Candidate {
    bool found = false;
    RowTimes row;
    std::vector<double> values;  // of the group's features
    void offer(const RowTimes& other, bool better, const std::vector<double>& others);
  };
  struct Group {
    std::vector<std::uint32_t> features;
    Candidate known, naive, newest;  // known then; of any time of knowledge; the last to become known
    std::uint64_t rows = 0, in_time = 0, late = 0;
  };

  void fit_layouts();
  void add_row(Group& group, const RowTimes& row);
  bool near(const RowTimes& row) const { return saturating_sub(time_, row.as_of) <= options_.tolerance; }
  void append(const Group& group, std::string& text) const;
  void append_candidate(std::string_view what, const Group& group, const Candidate& candidate, std::string_view why,
                        std::string& text) const;

  PitOptions options_;
  const FeatureLayouts* layouts_;
  std::uint32_t entity_;
  Nanos time_;
  std::vector<Group> groups_;
  std::vector<double> values_;
};

}  // namespace twinpipe
