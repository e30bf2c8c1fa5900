// SPDX-License-Identifier: Apache-2.0
// Readings of many messages as columns.
#include "kernel/source_batch.hpp"

namespace twinpipe {

/// One Arrival for all readings of a batch: of its last message, because a reading must never seem known before it was.
void SourceBatch::say_arrival(Output& out) {
  if (arrival_ == said_) return;
  v1::Frame frame;
  frame.mutable_arrival()->set_time(arrival_);
  out.frame(frame);
  said_ = arrival_;
}

void SourceBatch::flush(Output& out) {
  if (rows_ == 0) return;
  say_arrival(out);
  for (ReadingsBuilder& builder : builders_) {
    if (builder.empty()) continue;
    out.readings(builder.columns());
    builder.clear();
  }
  rows_ = bytes_ = 0;
}

void SourceBatch::frame(const v1::Frame& frame, Output& out) {
  flush(out);
  out.frame(frame);
}

void SourceBatch::waveform(const v1::Frame& frame, Output& out) {
  flush(out);
  say_arrival(out);
  out.frame(frame);
}

}  // namespace twinpipe
