// SPDX-License-Identifier: Apache-2.0
// Frames into a buffer in memory.
#include "wire/output.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "wire/fields.hpp"

namespace twinpipe {

void append_frame(const v1::Frame& frame, std::string& out) {
  const std::size_t size = frame.ByteSizeLong();
  const std::size_t start = out.size();
  out.resize(start + 1 + varint_size(size) + size);
  char* at = out.data() + start;
  *at++ = kFrameTag;
  at = put_varint(at, size);
  // Maps (a twin's facts) in the order of their keys: the order of a hash table would differ from run to run.
  google::protobuf::io::ArrayOutputStream array(at, static_cast<int>(size));
  google::protobuf::io::CodedOutputStream coded(&array);
  coded.SetSerializationDeterministic(true);
  frame.SerializeWithCachedSizes(&coded);
}

void Output::append(const v1::Frame& frame) { append_frame(frame, buffer_); }

void Output::open(std::string_view producer, bool sealed) {
  all_frames_ += frames_;
  all_rows_ += rows_;
  frames_ = rows_ = 0;
  v1::Frame frame;
  frame.mutable_open()->set_schema(1);
  frame.mutable_open()->set_producer(std::string(producer));
  frame.mutable_open()->set_sealed(sealed);
  append(frame);
}

void Output::close(bool final) {
  v1::Frame frame;
  frame.mutable_close()->set_frames(frames_);
  frame.mutable_close()->set_readings(rows_);
  frame.mutable_close()->set_final(final);
  append(frame);
}

void Output::forward(const FrameView& frame) {
  buffer_.append(frame.bytes);
  ++frames_;
  if (frame.kind == FrameKind::readings) rows_ += count_rows(frame.payload);
}

void Output::frame(const v1::Frame& frame) {
  append(frame);
  ++frames_;
}

void Output::readings(const Columns& columns) {
  if (columns.rows() == 0) return;
  encode_columns(columns, buffer_);
  ++frames_;
  rows_ += columns.rows();
}

void Output::readings(const Columns& columns, std::span<const std::uint32_t> rows) {
  if (rows.empty()) return;
  encode_rows(columns, rows, buffer_);
  ++frames_;
  rows_ += rows.size();
}

}  // namespace twinpipe
