// SPDX-License-Identifier: Apache-2.0
// JSON objects made into messages of the schema.
#include "kernel/message_json.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <limits>

#include "kernel/form.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using simdjson::dom::element;
using simdjson::dom::object;

Status wrong(std::string_view wanted, element got) {
  return Status::error(Code::bad_data, fmt::format("{} is not {}", excerpt(got), wanted));
}

Status in(std::string_view name, Status status) {
  // "offset.partition: …", and not "offset: partition: …".
  const bool nested = status.message.find(": ") != std::string::npos && status.message.find(' ') > status.message.find(": ");
  return Status::error(Code::bad_data, fmt::format("{}{}{}", name, nested ? "." : ": ", status.message));
}

// Sets a field, or adds to it.
#define TWINPIPE_PUT(Type, CppType)                                         \
  void put(Message& message, const FieldDescriptor& field, CppType value) { \
    const Reflection& reflection = *message.GetReflection();                \
    if (field.is_repeated()) reflection.Add##Type(&message, &field, value); \
    else reflection.Set##Type(&message, &field, value);                     \
  }
TWINPIPE_PUT(Int32, std::int32_t)
TWINPIPE_PUT(Int64, std::int64_t)
TWINPIPE_PUT(UInt32, std::uint32_t)
TWINPIPE_PUT(UInt64, std::uint64_t)
TWINPIPE_PUT(Double, double)
TWINPIPE_PUT(Float, float)
TWINPIPE_PUT(Bool, bool)
TWINPIPE_PUT(String, std::string)
#undef TWINPIPE_PUT

bool is_time(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_SFIXED64 && field.name() != "int_value";
}

Status read_unknown(element value, Message& message) {
  Result<std::string> bytes = MessageFromJson::bytes(value);
  if (!bytes.ok()) return bytes.status();
  if (!message.GetReflection()->MutableUnknownFields(&message)->ParseFromString(*bytes))
    return wrong("base64 of protobuf fields", value);
  return {};
}

Status read_enum(element value, Message& message, const FieldDescriptor& field) {
  std::int64_t number = 0;
  std::string_view name;
  if (value.get(name) == simdjson::SUCCESS) {
    for (int i = 0; i < field.enum_type()->value_count(); ++i)
      if (enum_value_name(*field.enum_type()->value(i)) == name) {
        message.GetReflection()->SetEnumValue(&message, &field, field.enum_type()->value(i)->number());
        return {};
      }
    return wrong(fmt::format("a {}", field.enum_type()->name()), value);
  }
  if (value.get(number) != simdjson::SUCCESS || number != static_cast<std::int32_t>(number)) return wrong("a name", value);
  message.GetReflection()->SetEnumValue(&message, &field, static_cast<int>(number));
  return {};
}

}  // namespace

std::string excerpt(element value) {
  constexpr std::size_t kMost = 60;
  std::string text = simdjson::minify(value);
  if (text.size() > kMost) text = text.substr(0, kMost) + "…";
  return text;
}

Result<Nanos> MessageFromJson::time(element value) {
  std::string_view text;
  std::int64_t plain = 0;
  if (value.get(text) == simdjson::SUCCESS) {
    Result<Nanos> parsed = time_.parse(text);
    return parsed.ok() ? parsed : Status::error(Code::bad_data, parsed.status().message);
  }
  if (value.get(plain) == simdjson::SUCCESS) return plain;
  return wrong("a time", value);
}

Result<double> MessageFromJson::number(element value) {
  double number = 0;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS ? parse_nonfinite(text, number) : value.get(number) == simdjson::SUCCESS)
    return number;
  return wrong("a number", value);
}

Result<std::string> MessageFromJson::bytes(element value) {
  std::string_view text;
  std::string bytes;
  if (value.get(text) == simdjson::SUCCESS && decode_base64(text, bytes)) return bytes;
  return wrong("base64", value);
}

Status MessageFromJson::read(object members, Message& message, const Alias& alias) {
  for (const auto [key, value] : members) {
    if (key == "frame" || key == "unknown_frame_fields") continue;
    Status status;
    if (key == "unknown_fields") {
      status = read_unknown(value, message);
    } else {
      const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(std::string(key));
      if (field == nullptr) return Status::error(Code::bad_data, fmt::format("unknown key '{}'", key));
      status = read_field(value, message, *field, alias);
    }
    if (!status.ok()) return in(key, status);
  }
  return {};
}

Status MessageFromJson::read_field(element value, Message& message, const Field& field, const Alias& alias) {
  if (field.is_map()) return read_map(value, message, field);
  if (!field.is_repeated()) return read_scalar(value, message, field, alias);
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) return wrong("an array", value);
  for (const element item : items)
    if (Status status = read_scalar(item, message, field, alias); !status.ok()) return status;
  return {};
}

Status MessageFromJson::read_scalar(element value, Message& message, const Field& field, const Alias& alias) {
  const Reflection& reflection = *message.GetReflection();
  std::string_view text;
  bool flag = false;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT: {
      Result<double> read = number(value);
      if (!read.ok()) return read.status();
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) put(message, field, *read);
      else put(message, field, static_cast<float>(*read));
      return {};
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value.get(flag) != simdjson::SUCCESS) return wrong("true or false", value);
      put(message, field, flag);
      return {};
    case FieldDescriptor::CPPTYPE_STRING: {
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        Result<std::string> decoded = bytes(value);
        if (!decoded.ok()) return decoded.status();
        put(message, field, std::move(*decoded));
        return {};
      }
      if (value.get(text) != simdjson::SUCCESS) return wrong("a string", value);
      put(message, field, std::string(text));
      return {};
    }
    case FieldDescriptor::CPPTYPE_ENUM: return read_enum(value, message, field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return read_child(
          value, field.is_repeated() ? *reflection.AddMessage(&message, &field) : *reflection.MutableMessage(&message, &field));
    default: return read_integer(value, message, field, alias);
  }
}

Status MessageFromJson::read_child(element value, Message& child) {
  if (child.GetDescriptor() == v1::Value::descriptor()) return read_value(value, static_cast<v1::Value&>(child));
  object members;
  if (value.get(members) != simdjson::SUCCESS) return wrong("an object", value);
  return read(members, child, {});
}

Status MessageFromJson::read_integer(element value, Message& message, const Field& field, const Alias& alias) {
  std::string_view text;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  const bool is_text = value.get(text) == simdjson::SUCCESS;
  if (is_time(field)) {
    Result<Nanos> read = time(value);
    if (!read.ok()) return read.status();
    put(message, field, std::int64_t{*read});
    return {};
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      if (is_text && field.type() == FieldDescriptor::TYPE_INT64) {
        Result<Nanos> duration = parse_duration(text);  // for lines written by hand
        if (!duration.ok()) return Status::error(Code::bad_data, duration.status().message);
        integer = *duration;
      } else if (value.get(integer) != simdjson::SUCCESS) {
        return wrong("an integer", value);
      }
      put(message, field, integer);
      return {};
    case FieldDescriptor::CPPTYPE_INT32:
      if (value.get(integer) != simdjson::SUCCESS || integer != static_cast<std::int32_t>(integer))
        return wrong("an integer of 32 bits", value);
      put(message, field, static_cast<std::int32_t>(integer));
      return {};
    case FieldDescriptor::CPPTYPE_UINT32:
      if (is_text && alias && field.name() == "series") {
        Result<std::uint32_t> found = alias(text);
        if (!found.ok()) return found.status();
        put(message, field, *found);
        return {};
      }
      if (value.get(natural) != simdjson::SUCCESS || natural > std::numeric_limits<std::uint32_t>::max())
        return wrong("a natural number of 32 bits", value);
      put(message, field, static_cast<std::uint32_t>(natural));
      return {};
    default:
      if (value.get(natural) != simdjson::SUCCESS) return wrong("a natural number", value);
      put(message, field, natural);
      return {};
  }
}

Status MessageFromJson::read_map(element value, Message& message, const Field& field) {
  object members;
  if (value.get(members) != simdjson::SUCCESS) return wrong("an object", value);
  for (const auto [key, text] : members) {
    std::string_view content;
    if (text.get(content) != simdjson::SUCCESS) return in(key, wrong("a string", text));
    Message& entry = *message.GetReflection()->AddMessage(&message, &field);
    put(entry, *field.message_type()->map_key(), std::string(key));
    put(entry, *field.message_type()->map_value(), std::string(content));
  }
  return {};
}

Status MessageFromJson::read_value(element value, v1::Value& to) {
  object members;
  std::string_view text;
  bool flag = false;
  double number = 0;
  if (value.get(flag) == simdjson::SUCCESS) return to.set_bool_value(flag), Status{};
  if (value.get(text) == simdjson::SUCCESS) return to.set_string_value(std::string(text)), Status{};
  if (value.get(number) == simdjson::SUCCESS) return to.set_double_value(number), Status{};
  if (value.get(members) != simdjson::SUCCESS) return wrong("a value", value);
  for (const auto [key, content] : members) {
    if (key != "double" && key != "int" && key != "uint" && key != "bytes")
      return Status::error(Code::bad_data, fmt::format("unknown key '{}'", key));
    const FieldDescriptor& field = *v1::Value::descriptor()->FindFieldByName(std::string(key) + "_value");
    if (Status status = read_scalar(content, to, field, {}); !status.ok()) return in(key, status);
  }
  return {};
}

}  // namespace twinpipe
