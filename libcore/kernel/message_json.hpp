// SPDX-License-Identifier: Apache-2.0
// JSON objects made into messages of the schema: the inverse of MessageJson. Includes simdjson: for sources only.
#pragma once

#include <simdjson.h>

#include <functional>
#include <string>

#include "kernel/text_values.hpp"

namespace twinpipe {

class MessageFromJson {
 public:
  /// Turns a series' name into the alias of a top-level frame's `series` field.
  using Alias = std::function<Result<std::uint32_t>(std::string_view name)>;

  /// Fills `message` from `object`; the keys "frame" and "unknown_frame_fields" are stepped over. Errors (bad_data) name the
  /// field: an unknown key, a value of the wrong type or out of range.
  Status read(simdjson::dom::object object, google::protobuf::Message& message, const Alias& alias);

  // Single values, for lines that are no message. Errors: bad_data, without the field's name.
  Result<Nanos> time(simdjson::dom::element element);
  static Result<double> number(simdjson::dom::element element);
  static Result<std::string> bytes(simdjson::dom::element element);

 private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;
  Status read_field(simdjson::dom::element element, Message& message, const Field& field, const Alias& alias);
  Status read_value(simdjson::dom::element element, v1::Value& value);
  Status read_map(simdjson::dom::element element, Message& message, const Field& field);
  Status read_scalar(simdjson::dom::element element, Message& message, const Field& field, const Alias& alias);
  Status read_integer(simdjson::dom::element element, Message& message, const Field& field, const Alias& alias);
  Status read_child(simdjson::dom::element element, Message& child);

  TimeParser time_;
};

/// An element as text for messages, cut when it is long.
std::string excerpt(simdjson::dom::element element);

}  // namespace twinpipe
