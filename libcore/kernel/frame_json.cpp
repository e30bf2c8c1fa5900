// SPDX-License-Identifier: Apache-2.0
// Frames as JSON lines.
#include "kernel/frame_json.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <bit>
#include <map>
#include <utility>

namespace twinpipe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

/// sfixed64 is time all over the schema, but for one column of values.
bool is_time(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_SFIXED64 && field.name() != "int_value";
}

/// Flags that say something when they are false.
bool is_state(const FieldDescriptor& field) {
  return field.name() == "sealed" || field.name() == "final" || field.name() == "online";
}

void begin_member(std::string_view name, bool& first, std::string& text) {
  text += first ? "\"" : ",\"";
  first = false;
  text += name;
  text += "\":";
}

/// Fields of a later schema.
void append_unknown(std::string_view name, const Message& message, const Reflection& reflection, bool& first, std::string& text) {
  const google::protobuf::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  if (unknown.empty()) return;
  std::string bytes;
  if (!unknown.SerializeToString(&bytes)) return;
  begin_member(name, first, text);
  text += '"';
  append_base64(bytes, text);
  text += '"';
}

}  // namespace

Status not_utf8() { return Status::error(Code::bad_data, "a string value is not UTF-8"); }

// ---- messages -------------------------------------------------------------------------------------------------------

void MessageJson::append_time(Nanos time, std::string& text) {
  text += '"';
  time_.append(time, text);
  text += '"';
}

/// The shortest form that tells the type: a number is a double, and the other numbers say what they are.
void MessageJson::append_value(const v1::Value& value, std::string& text) {
  switch (value.kind_case()) {
    case v1::Value::kDoubleValue: {
      const bool finite = value.double_value() - value.double_value() == 0;
      if (!finite) text += "{\"double\":";
      append_json_float(value.double_value(), text);
      if (!finite) text += '}';
      return;
    }
    case v1::Value::kBoolValue: text += value.bool_value() ? "true" : "false"; return;
    case v1::Value::kStringValue: append_json_string(value.string_value(), text); return;
    case v1::Value::kIntValue:
      text += "{\"int\":";
      append_number(std::int64_t{value.int_value()}, text);
      text += '}';
      return;
    case v1::Value::kUintValue:
      text += "{\"uint\":";
      append_number(std::uint64_t{value.uint_value()}, text);
      text += '}';
      return;
    case v1::Value::kBytesValue:
      text += "{\"bytes\":\"";
      append_base64(value.bytes_value(), text);
      text += "\"}";
      return;
    case v1::Value::KIND_NOT_SET: text += "{}"; return;
  }
}

bool MessageJson::is_absent(const Message& message, const Reflection& reflection, const Field& field) const {
  if (field.is_repeated()) return reflection.FieldSize(message, &field) == 0;
  if (field.has_presence()) return !reflection.HasField(message, &field);
  if (field.name() == "alias") return style_ == JsonStyle::canonical;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT: return false;
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnumValue(message, &field) == 0 &&
             field.enum_type()->FindValueByNumber(0)->name().ends_with("UNSPECIFIED");
    case FieldDescriptor::CPPTYPE_BOOL: return !is_state(field) && !reflection.GetBool(message, &field);
    default: return !reflection.HasField(message, &field);
  }
}

void MessageJson::append_single(const Message& message, const Reflection& reflection, const Field& field, std::string& text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: append_number(std::int64_t{reflection.GetInt32(message, &field)}, text); return;
    case FieldDescriptor::CPPTYPE_UINT32: append_number(std::uint64_t{reflection.GetUInt32(message, &field)}, text); return;
    case FieldDescriptor::CPPTYPE_UINT64: append_number(std::uint64_t{reflection.GetUInt64(message, &field)}, text); return;
    case FieldDescriptor::CPPTYPE_INT64:
      if (is_time(field)) append_time(reflection.GetInt64(message, &field), text);
      else append_number(std::int64_t{reflection.GetInt64(message, &field)}, text);
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE: append_json_float(reflection.GetDouble(message, &field), text); return;
    case FieldDescriptor::CPPTYPE_FLOAT: append_json_float(reflection.GetFloat(message, &field), text); return;
    case FieldDescriptor::CPPTYPE_BOOL: text += reflection.GetBool(message, &field) ? "true" : "false"; return;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = reflection.GetEnumValue(message, &field);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      if (value == nullptr) append_number(std::int64_t{number}, text);  // of a later schema
      else append_json_string(enum_value_name(*value), text);
      return;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& value = reflection.GetStringReference(message, &field, &scratch);
      if (field.type() == FieldDescriptor::TYPE_STRING) return append_json_string(value, text);
      text += '"';
      append_base64(value, text);
      text += '"';
      return;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: append(reflection.GetMessage(message, &field), text); return;
  }
}

void MessageJson::append_element(const Message& message, const Reflection& reflection, const Field& field, int at,
                                 std::string& text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      append_number(std::uint64_t{reflection.GetRepeatedUInt32(message, &field, at)}, text);
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      append_number(std::uint64_t{reflection.GetRepeatedUInt64(message, &field, at)}, text);
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      if (is_time(field)) append_time(reflection.GetRepeatedInt64(message, &field, at), text);
      else append_number(std::int64_t{reflection.GetRepeatedInt64(message, &field, at)}, text);
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE: append_json_float(reflection.GetRepeatedDouble(message, &field, at), text); return;
    case FieldDescriptor::CPPTYPE_FLOAT: append_json_float(reflection.GetRepeatedFloat(message, &field, at), text); return;
    case FieldDescriptor::CPPTYPE_BOOL: text += reflection.GetRepeatedBool(message, &field, at) ? "true" : "false"; return;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& value = reflection.GetRepeatedStringReference(message, &field, at, &scratch);
      if (field.type() == FieldDescriptor::TYPE_STRING) return append_json_string(value, text);
      text += '"';
      append_base64(value, text);
      text += '"';
      return;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: append(reflection.GetRepeatedMessage(message, &field, at), text); return;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_ENUM: text += "null"; return;  // the schema has no such column
  }
}

void MessageJson::append_map(const Message& message, const Field& field, std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, std::string> entries;  // in the order of the keys: a hash map's order is nobody's business
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    entries[entry.GetReflection()->GetString(entry, field.message_type()->map_key())] =
        entry.GetReflection()->GetString(entry, field.message_type()->map_value());
  }
  bool first = true;
  text += '{';
  for (const auto& [key, value] : entries) {
    if (!std::exchange(first, false)) text += ',';
    append_json_string(key, text);
    text += ':';
    append_json_string(value, text);
  }
  text += '}';
}

/// Aliases as the names of their series.
void MessageJson::append_names(const Message& message, const Field& field, std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  const auto name = [this](std::uint32_t alias) { return table_->name(table_->slots()[alias]); };
  if (!field.is_repeated()) return append_json_string(name(reflection.GetUInt32(message, &field)), text);
  text += '[';
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    if (i > 0) text += ',';
    append_json_string(name(reflection.GetRepeatedUInt32(message, &field, i)), text);
  }
  text += ']';
}

void MessageJson::append_fields(const Message& message, bool named_series, bool first, std::string& text) {
  // Each of these looks whether the schema has been made already: asked for once a message, and not for each field.
  const google::protobuf::Descriptor& descriptor = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const Field& field = *descriptor.field(i);
    const bool series = named_series && field.name() == "series" && field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
    if (is_absent(message, reflection, field) && !(series && !field.is_repeated())) continue;
    begin_member(field.name(), first, text);
    if (series) {
      append_names(message, field, text);
    } else if (field.is_map()) {
      append_map(message, field, text);
    } else if (field.is_repeated()) {
      text += '[';
      const int elements = reflection.FieldSize(message, &field);
      for (int at = 0; at < elements; ++at) {
        if (at > 0) text += ',';
        append_element(message, reflection, field, at, text);
      }
      text += ']';
    } else {
      append_single(message, reflection, field, text);
    }
  }
  append_unknown("unknown_fields", message, reflection, first, text);
}

void MessageJson::append(const Message& message, std::string& text) {
  if (message.GetDescriptor() == v1::Value::descriptor()) return append_value(static_cast<const v1::Value&>(message), text);
  text += '{';
  append_fields(message, false, true, text);
  text += '}';
}

Status MessageJson::append_frame(const v1::Frame& frame, const FrameView& view, std::string& text) {
  text += "{\"frame\":\"";
  text += frame_kind_name(view.kind);
  text += '"';
  if (view.kind == FrameKind::unknown) {
    text += ",\"bytes\":\"";
    append_base64(frame_body(view.bytes), text);
    text += '"';
  } else {
    const Reflection& reflection = *frame.GetReflection();
    const Field& kind = *v1::Frame::descriptor()->FindFieldByNumber(static_cast<int>(view.kind));
    append_fields(reflection.GetMessage(frame, &kind), style_ != JsonStyle::exact, false, text);
    bool first = false;
    append_unknown("unknown_frame_fields", frame, reflection, first, text);
  }
  text += '}';
  return {};
}

/// Columns as they came, or as a filter would write the rows that are left.
Status JsonForm::append_exact(const Columns& columns, Rows rows, const FrameView& view, std::string& text) {
  std::string encoded;
  if (rows.size() < columns.rows()) encode_rows(columns, rows, encoded);
  const std::string_view body = frame_body(encoded.empty() ? view.bytes : std::string_view(encoded));
  if (!frame_.ParseFromArray(body.data(), static_cast<int>(body.size()))) return not_utf8();
  if (Status status = message_.append_frame(frame_, view, text); !status.ok()) return status;
  text += '\n';
  return {};
}

Status JsonForm::on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) {
  if (style_ == JsonStyle::exact) return append_exact(columns, rows, view, out.text());
  std::string& text = out.text();
  const std::size_t start = text.size();
  for (const std::uint32_t row : rows) {
    if (Status status = reading_.append(columns, row, text); !status.ok()) {
      text.resize(start);
      return status;
    }
    text += '\n';
  }
  return {};
}

Status JsonForm::on_frame(const v1::Frame& frame, bool, const FrameView& view, Output& out) {
  if (Status status = message_.append_frame(frame, view, out.text()); !status.ok()) return status;
  out.text() += '\n';
  return {};
}

}  // namespace twinpipe
