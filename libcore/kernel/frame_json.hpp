// SPDX-License-Identifier: Apache-2.0
// Frames as JSON lines, without loss: what FramesFromJson reads back.
//
// A reading is a line of its own under its series' name. Any other frame is one object: "frame" names its kind, then come
// the schema's fields under their own names. Times (sfixed64) are RFC 3339; enums are names; bytes are base64;
// not-a-number and the infinities are strings; aliases are series names. Absent: strings, integers and times that are
// zero, and flags that are false, but for open, close and online states. Fields that a later schema added come as
// base64 of their bytes under "unknown_fields".
#pragma once

#include <vector>

#include "kernel/form.hpp"
#include "kernel/text_values.hpp"

namespace twinpipe {

enum class JsonStyle {
  lines,      // a line a reading, names for aliases
  exact,      // a line a frame, Readings as their columns, aliases as they are: gives the same bytes back
  canonical,  // as lines, but declarations have no alias, and a reading tells its type even where the declaration does
};

/// Messages of the schema as JSON objects.
class MessageJson {
 public:
  MessageJson(const SeriesTable& table, JsonStyle style) : table_(&table), style_(style) {}

  /// A whole frame, as one object without the line's end. Errors (bad_data): a string that is not UTF-8.
  Status append_frame(const v1::Frame& frame, const FrameView& view, std::string& text);
  /// One message of the schema as an object.
  void append(const google::protobuf::Message& message, std::string& text);

 private:
  using Field = google::protobuf::FieldDescriptor;
  using Reflection = google::protobuf::Reflection;
  void append_fields(const google::protobuf::Message& message, bool named_series, bool first, std::string& text);
  void append_single(const google::protobuf::Message& message, const Reflection& reflection, const Field& field,
                     std::string& text);
  void append_element(const google::protobuf::Message& message, const Reflection& reflection, const Field& field, int at,
                      std::string& text);
  void append_map(const google::protobuf::Message& message, const Field& field, std::string& text);
  void append_names(const google::protobuf::Message& message, const Field& field, std::string& text);
  void append_value(const v1::Value& value, std::string& text);
  void append_time(Nanos time, std::string& text);
  bool is_absent(const google::protobuf::Message& message, const Reflection& reflection, const Field& field) const;

  const SeriesTable* table_;
  JsonStyle style_;
  TimeText time_;
};

/// Readings as lines.
class ReadingJson {
 public:
  ReadingJson(const SeriesTable& table, JsonStyle style) : table_(&table), style_(style) {}
  /// Appends one object, without the line's end. Errors (bad_data): a string that is not UTF-8.
  Status append(const Columns& columns, std::size_t row, std::string& text);

 private:
  const std::string& prefix(std::uint32_t slot);

  const SeriesTable* table_;
  JsonStyle style_;
  std::vector<std::string> prefixes_;  // by slot: everything up to the time
  TimeText time_;
};

class JsonForm final : public Form {
 public:
  JsonForm(const SeriesTable& table, JsonStyle style)
      : Form(table), style_(style), message_(table, style), reading_(table, style) {}

  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending, Output&) override { return {}; }

 private:
  Status append_exact(const Columns& columns, Rows rows, const FrameView& view, std::string& text);

  JsonStyle style_;
  MessageJson message_;
  ReadingJson reading_;
  v1::Frame frame_;
};

/// bad_data: JSON has no other strings.
Status not_utf8();
/// The zero of a column's type: what the value of a null is.
bool is_zero(const Columns& columns, std::size_t row);
/// A value as JSON.
void append_json_value(const Columns& columns, std::size_t row, std::string& text);

}  // namespace twinpipe
