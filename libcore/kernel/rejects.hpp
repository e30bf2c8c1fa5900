// SPDX-License-Identifier: Apache-2.0
// Writes what broke an expectation as Reject frames, each of which can be read alone.
#pragma once

#include <optional>
#include <string>

#include "policy/policy.hpp"
#include "wire/output.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

/// Which rule a reject broke, and how.
struct Breach {
  std::string rule;
  std::string reason;  // for people
  v1::Reject::Action action = v1::Reject::ACTION_QUARANTINE;
  std::uint64_t position = 0;  // of the offending sample in a waveform
};

class Rejects {
 public:
  /// Both must outlive this.
  Rejects(const SeriesTable& table, const Policy& policy) : table_(&table), policy_(&policy) {}

  /// Where in its source everything before the next frames came from: part of their lineage.
  void take_position(const v1::Position& position) { position_ = position; }

  void reading(const Columns& columns, std::size_t row, const Breach& breach, Output& out);
  void waveform(const v1::Waveform& waveform, std::uint32_t slot, const Breach& breach, Output& out);
  /// One row of Aggregates or Spectra.
  void row(const v1::Aggregates& rows, int row, const Breach& breach, Output& out);
  void row(const v1::Spectra& rows, int row, const Breach& breach, Output& out);

  std::uint64_t written() const { return written_; }

 private:
  v1::Reject& begin(std::uint32_t slot, const Breach& breach);
  void write(Output& out);

  const SeriesTable* table_;
  const Policy* policy_;
  std::optional<v1::Position> position_;
  v1::Frame frame_;
  std::uint64_t written_ = 0;
};

}  // namespace twinpipe
