// SPDX-License-Identifier: Apache-2.0
// Writes what broke an expectation as Reject frames.
#include "kernel/rejects.hpp"

#include <array>
#include <vector>

#include "kernel/selection.hpp"

namespace twinpipe {
namespace {

template <class Rows>
Rows one_row(const Rows& rows, int row) {
  Rows one = rows;
  std::vector<bool> keep(static_cast<std::size_t>(rows.series_size()));
  keep[static_cast<std::size_t>(row)] = true;
  remove_rows(one, keep);
  one.set_series(0, 0);
  return one;
}

}  // namespace

v1::Reject& Rejects::begin(std::uint32_t slot, const Breach& breach) {
  frame_.Clear();
  v1::Reject& reject = *frame_.mutable_reject();
  *reject.mutable_series() = table_->declaration(slot, 0);
  reject.set_rule(breach.rule);
  reject.set_reason(breach.reason);
  reject.set_position(breach.position);
  reject.set_policy(policy_->name());
  reject.set_policy_version(policy_->version());
  reject.set_policy_digest(policy_->digest());
  reject.set_action(breach.action);
  v1::Lineage& lineage = *reject.mutable_lineage();
  lineage.set_node(reject.series().node());
  if (reject.series().has_session()) *lineage.mutable_session() = reject.series().session();
  if (position_) *lineage.mutable_position() = *position_;
  return reject;
}

void Rejects::write(Output& out) {
  ++written_;
  out.frame(frame_);
}

void Rejects::reading(const Columns& columns, std::size_t row, const Breach& breach, Output& out) {
  v1::Reject& reject = begin(columns.slot[row], breach);
  std::string bytes;
  const std::array rows{static_cast<std::uint32_t>(row)};
  encode_rows(columns, rows, bytes);
  v1::Stream one;
  one.ParseFromString(bytes);
  *reject.mutable_reading() = std::move(*one.mutable_frame(0)->mutable_readings());
  reject.mutable_reading()->set_series(0, 0);
  if (!columns.seq.empty()) reject.mutable_lineage()->set_seq(columns.seq[row]);
  if (!columns.index.empty()) reject.mutable_lineage()->set_index(columns.index[row]);
  write(out);
}

void Rejects::waveform(const v1::Waveform& waveform, std::uint32_t slot, const Breach& breach, Output& out) {
  v1::Reject& reject = begin(slot, breach);
  *reject.mutable_waveform() = waveform;
  reject.mutable_waveform()->set_series(0);
  reject.mutable_lineage()->set_seq(waveform.seq());
  reject.mutable_lineage()->set_index(waveform.index());
  write(out);
}

void Rejects::row(const v1::Aggregates& rows, int row, const Breach& breach, Output& out) {
  *begin(table_->slots()[rows.series(row)], breach).mutable_aggregates() = one_row(rows, row);
  write(out);
}

void Rejects::row(const v1::Spectra& rows, int row, const Breach& breach, Output& out) {
  *begin(table_->slots()[rows.series(row)], breach).mutable_spectra() = one_row(rows, row);
  write(out);
}

}  // namespace twinpipe
