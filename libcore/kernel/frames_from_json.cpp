// SPDX-License-Identifier: Apache-2.0
// JSON lines made into frames.
#include "kernel/frames_from_json.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include "kernel/form.hpp"
#include "kernel/message_json.hpp"

namespace twinpipe {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

Status bad(std::string message) { return Status::error(Code::bad_data, std::move(message)); }

/// One line {"frame":"reading",…} taken apart; absent members have no type.
struct ReadingLine {
  std::string_view series, unit, type;
  element time, value;
  bool has_time = false, has_value = false, has_quality = false;
  FrameWriter::Row row;
};

template <class T>
bool get(element from, T& to) {
  return from.get(to) == simdjson::SUCCESS;
}

bool get_u32(element from, std::uint32_t& to) {
  std::uint64_t wide = 0;
  if (!get(from, wide) || wide > 0xFFFFFFFFU) return false;
  to = static_cast<std::uint32_t>(wide);
  return true;
}

Status take_apart(object members, ReadingLine& line) {
  for (const auto [key, value] : members) {
    bool fine = true;
    if (key == "series") fine = get(value, line.series);
    else if (key == "time") line.time = value, line.has_time = true;
    else if (key == "value") line.value = value, line.has_value = true;
    else if (key == "quality") fine = line.has_quality = get_u32(value, line.row.quality);
    else if (key == "type") fine = get(value, line.type);
    else if (key == "unit") fine = get(value, line.unit);
    else if (key == "seq") fine = line.row.has_origin = get(value, line.row.seq);
    else if (key == "index") fine = line.row.has_origin = get_u32(value, line.row.index);
    else if (key == "historical") fine = get(value, line.row.historical);
    else if (key == "pinned") fine = get(value, line.row.pinned);
    else if (key != "frame") return bad(fmt::format("unknown key '{}'", key));
    if (!fine) return bad(fmt::format("{}: {} is not a value for it", key, excerpt(value)));
  }
  if (line.series.empty() || !line.has_time || !line.has_value) return bad("a reading has series, time and value");
  return {};
}

/// What a value looks like, where nothing says its type.
ValueType looks_like(element value) {
  std::string_view text;
  double number = 0;
  if (get(value, text)) return parse_nonfinite(text, number) ? v1::VALUE_TYPE_DOUBLE : v1::VALUE_TYPE_STRING;
  return value.is_bool() ? v1::VALUE_TYPE_BOOL : v1::VALUE_TYPE_DOUBLE;
}

Status wrong_type(element value, ValueType type) {
  return bad(fmt::format("value: {} is not a {}", excerpt(value), value_type_name(type)));
}

/// Adds `value` to a column of its type; null is the type's zero.
Status add_value(ReadingsBuilder& rows, const FrameWriter::Row& row, element value) {
  const bool null = value.is_null();
  const auto add = [&](auto typed) { rows.add(row.alias, row.time, typed, row.quality); };
  switch (row.type) {
    case v1::VALUE_TYPE_INT64: {
      std::int64_t typed = 0;
      if (!null && !get(value, typed)) return wrong_type(value, row.type);
      return add(typed), Status{};
    }
    case v1::VALUE_TYPE_UINT64: {
      std::uint64_t typed = 0;
      if (!null && !get(value, typed)) return wrong_type(value, row.type);
      return add(typed), Status{};
    }
    case v1::VALUE_TYPE_BOOL: {
      bool typed = false;
      if (!null && !get(value, typed)) return wrong_type(value, row.type);
      return add(typed), Status{};
    }
    case v1::VALUE_TYPE_STRING: {
      std::string_view typed;
      if (!null && !get(value, typed)) return wrong_type(value, row.type);
      return add(typed), Status{};
    }
    case v1::VALUE_TYPE_BYTES: {
      Result<std::string> typed = null ? std::string() : MessageFromJson::bytes(value);
      if (!typed.ok()) return wrong_type(value, row.type);
      return add(std::string_view(*typed)), Status{};
    }
    default: {
      Result<double> typed = null ? 0.0 : MessageFromJson::number(value);
      if (!typed.ok()) return wrong_type(value, row.type);
      return add(*typed), Status{};
    }
  }
}

}  // namespace

struct FramesFromJson::Parser {
  Parser(std::string producer, std::size_t rows) : writer(std::move(producer), rows) {}

  Status reading(object members, Output& out);
  Status series(object members, v1::Series& message, Output& out);
  Status frame(FrameKind kind, object members, Output& out);
  Status unknown(object members, Output& out);

  simdjson::dom::parser json;
  FrameWriter writer;
  MessageFromJson messages;
};

FramesFromJson::FramesFromJson(std::string producer, std::size_t rows)
    : parser_(std::make_unique<Parser>(std::move(producer), rows)) {}
FramesFromJson::~FramesFromJson() = default;

void FramesFromJson::flush(Output& out) { parser_->writer.flush_rows(out); }

Status FramesFromJson::end(Output& out) {
  parser_->writer.end(out);
  return {};
}

Status FramesFromJson::take(std::string_view line, Output& out) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  static_assert(kPadding >= simdjson::SIMDJSON_PADDING);
  element document;
  object members;
  if (const auto error = parser_->json.parse(line.data(), line.size(), false).get(document); error != simdjson::SUCCESS)
    return bad(fmt::format("not JSON: {}", simdjson::error_message(error)));
  std::string_view name;
  if (!get(document, members) || members["frame"].get(name) != simdjson::SUCCESS)
    return bad("not an object with the key \"frame\"");
  if (name == "reading") return parser_->reading(members, out);
  if (name == "unknown") return parser_->unknown(members, out);
  const FrameKind kind = frame_kind_named(name);
  if (kind == FrameKind::unknown) return bad(fmt::format("frame: no kind is called '{}'", name));
  Status status = parser_->frame(kind, members, out);
  if (!status.ok()) status.message = fmt::format("{}: {}", name, status.message);
  return status;
}

Status FramesFromJson::Parser::reading(object members, Output& out) {
  ReadingLine line;
  if (Status status = take_apart(members, line); !status.ok()) return status;
  const ValueType seen = line.type.empty() ? looks_like(line.value) : value_type_named(line.type);
  if (seen == v1::VALUE_TYPE_UNSPECIFIED)
    return bad(fmt::format("type: '{}' is not double, bool, int64, uint64, string or bytes", line.type));
  Result<Nanos> time = messages.time(line.time);
  if (!time.ok()) return bad("time: " + time.status().message);
  Result<std::uint32_t> slot = writer.find(line.series, seen, line.unit, out);
  if (!slot.ok()) return slot.status();
  const ValueType declared = writer.sensor(*slot).type();
  line.row.type = line.type.empty() && !value_type_name(declared).empty() ? declared : seen;
  line.row.alias = writer.alias(*slot);
  line.row.time = *time;
  if (line.value.is_null() && !line.has_quality) line.row.quality = kGood | v1::QUALITY_NULL;
  if (Status status = add_value(writer.rows_for(line.row, out), line.row, line.value); !status.ok()) return status;
  writer.added(line.row, out);
  return {};
}

Status FramesFromJson::Parser::series(object members, v1::Series& message, Output& out) {
  std::vector<bool> assign;
  simdjson::dom::array sensors;
  if (members["sensor"].get(sensors) == simdjson::SUCCESS)
    for (const element sensor : sensors) assign.push_back(sensor["alias"].error() != simdjson::SUCCESS);
  return writer.series(message, assign, out);
}

Status FramesFromJson::Parser::frame(FrameKind kind, object members, Output& out) {
  v1::Frame frame;
  const auto& field = *v1::Frame::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  const ValueType type = kind == FrameKind::waveform ? v1::VALUE_TYPE_WAVEFORM : v1::VALUE_TYPE_DOUBLE;
  const auto alias = [&](std::string_view name) -> Result<std::uint32_t> {
    Result<std::uint32_t> slot = writer.find(name, type, {}, out);
    return slot.ok() ? Result<std::uint32_t>(writer.alias(*slot)) : slot;
  };
  if (Status status = messages.read(members, *frame.GetReflection()->MutableMessage(&frame, &field), alias); !status.ok())
    return status;
  if (element unknown; members["unknown_frame_fields"].get(unknown) == simdjson::SUCCESS) {
    Result<std::string> bytes = MessageFromJson::bytes(unknown);
    if (!bytes.ok() || !frame.GetReflection()->MutableUnknownFields(&frame)->ParseFromString(*bytes))
      return bad("unknown_frame_fields");
  }
  switch (kind) {
    case FrameKind::open: writer.open(frame.open(), out); return {};
    case FrameKind::close: writer.close(frame.close().final(), out); return {};
    case FrameKind::series: return series(members, *frame.mutable_series(), out);
    default: writer.frame(frame, out); return {};
  }
}

Status FramesFromJson::Parser::unknown(object members, Output& out) {
  element encoded;
  if (members["bytes"].get(encoded) != simdjson::SUCCESS) return bad("unknown: no bytes");
  Result<std::string> body = MessageFromJson::bytes(encoded);
  if (!body.ok()) return bad("unknown.bytes: " + body.status().message);
  writer.unknown(*body, out);
  return {};
}

}  // namespace twinpipe
