// SPDX-License-Identifier: Apache-2.0
// What exc-pass writes, in its order.
#include <bit>
#include <numeric>

#include "kernel/asset_batch.hpp"
#include "kernel/exc_pass_parts.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kRowsOfAFrame = 4096;  // released at once; a frame stays far below its limit
/// Waveform.pinned, field 11, true.
constexpr std::string_view kPinnedField("\x58\x01", 2);

}  // namespace

void ExcPass::Writer::begin(Output& out, const Columns* columns) {
  out_ = &out;
  columns_ = columns;
  wrote_ = all_plain_ = false;
}

void ExcPass::Writer::plain_until(std::size_t row) {
  plain_.resize(row);
  std::iota(plain_.begin(), plain_.end(), 0U);
}

void ExcPass::Writer::released(std::uint32_t alias, bool historical, const RawRing::Item& item) {
  if (item.row == nullptr) {
    // As protobuf writes it: a zero is not written.
    waveform(alias == 0 ? std::string() : series_field(v1::Waveform::kSeriesFieldNumber, alias), item.text);
    return;
  }
  const RawRow& row = *item.row;
  const auto type = static_cast<ValueType>(row.type);
  if (!rows_.empty() && (rows_.type() != type || rows_have_seq_ != row.has_seq || rows_.rows() == kRowsOfAFrame)) flush();
  if (rows_.empty()) {
    rows_ = ReadingsBuilder(type);
    rows_.set_historical(historical);
    rows_.set_pinned(true);
    rows_have_seq_ = row.has_seq;
  }
  switch (type) {
    case v1::VALUE_TYPE_INT64: rows_.add(alias, row.time, static_cast<std::int64_t>(row.value), row.quality); break;
    case v1::VALUE_TYPE_UINT64: rows_.add(alias, row.time, row.value, row.quality); break;
    case v1::VALUE_TYPE_BOOL: rows_.add(alias, row.time, row.value != 0, row.quality); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: rows_.add(alias, row.time, item.text, row.quality); break;
    default: rows_.add(alias, row.time, std::bit_cast<double>(row.value), row.quality); break;
  }
  if (row.has_seq) rows_.set_origin(row.seq, row.index);
}

void ExcPass::Writer::waveform(std::string_view series, std::string_view rest) {
  flush();
  std::string pinned(rest);
  pinned.append(kPinnedField);
  bytes_.clear();
  append_payload(FrameKind::waveform, series, pinned, bytes_);
  out_->forward({FrameKind::waveform, bytes_, {}, 0, 0});
  wrote_ = true;
}

void ExcPass::Writer::frame(const v1::Frame& frame) {
  flush();
  out_->frame(frame);
  wrote_ = true;
}

void ExcPass::Writer::flush() {
  if (!rows_.empty()) {
    out_->readings(rows_.columns());
    rows_.clear();
    wrote_ = true;
  }
  if (!pinned_.empty()) {
    Columns columns = *columns_;
    columns.pinned = true;
    out_->readings(columns, pinned_);
    pinned_.clear();
    wrote_ = true;
  }
  if (!plain_.empty()) {
    out_->readings(*columns_, plain_);
    plain_.clear();
    wrote_ = true;
  }
}

bool ExcPass::Writer::done() {
  if (all_plain_) return true;
  const bool untouched = !wrote_ && pinned_.empty() && rows_.empty() && columns_ != nullptr && plain_.size() == columns_->rows();
  if (untouched) plain_.clear();
  else flush();
  return untouched;
}

}  // namespace twinpipe
