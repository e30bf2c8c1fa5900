// SPDX-License-Identifier: Apache-2.0
// Labels with the features that were joined to them, as CSV, JSON lines or Features frames.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/pit_join.hpp"
#include "kernel/pit_labels.hpp"
#include "wire/output.hpp"

namespace twinpipe {

enum class PitForm : std::uint8_t { csv, json, frames };

struct PitOutputOptions {
  PitForm form = PitForm::csv;
  std::string prefix;  // of the names of what is added to a label
  bool each = false;   // each feature has times of its own
};

/// Writes rows in the order in which they come. What is missing stays empty (CSV), null (JSON) or not-a-number (frames).
class PitOutput {
 public:
  static std::unique_ptr<PitOutput> make(const PitOutputOptions& options, const EntityTable& entities, const LabelLayouts& labels,
                                         const FeatureLayouts& features);
  PitOutput(const PitOutputOptions& options, const EntityTable& entities, const LabelLayouts& labels,
            const FeatureLayouts& features)
      : options_(options), entities_(&entities), labels_(&labels), features_(&features) {}
  virtual ~PitOutput() = default;
  PitOutput(const PitOutput&) = delete;
  PitOutput& operator=(const PitOutput&) = delete;

  /// Errors (bad_data): a name that is in the label already; text where a frame has room for numbers only; a feature, or a layout
  /// of labels, that the header does not have.
  virtual Status put(const Label& label, const PitJoin::Answer& answer, Output& out) = 0;
  /// No row follows.
  virtual Status finish(Output& out) = 0;

 protected:
  /// Names of what is added to labels of a layout. Errors: as put().
  Result<std::vector<std::string>> added_names(std::uint32_t layout) const;

  PitOutputOptions options_;
  const EntityTable* entities_;
  const LabelLayouts* labels_;
  const FeatureLayouts* features_;
};

/// A label and its answer in bytes, for sorting.
void encode_joined(const Label& label, const PitJoin::Answer& answer, std::string& bytes);

/// The way back.
class JoinedRow {
 public:
  /// label() and answer() point into `bytes` and into this.
  void decode(std::string_view bytes);
  const Label& label() const { return label_; }
  PitJoin::Answer answer() const { return {chosen_, values_}; }

 private:
  Label label_;
  std::vector<Chosen> chosen_;
  std::vector<double> values_;
};

}  // namespace twinpipe
