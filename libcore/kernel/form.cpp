// SPDX-License-Identifier: Apache-2.0
// Names of the schema as text has them.
#include "kernel/form.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "wire/fields.hpp"

namespace twinpipe {

std::string_view frame_body(std::string_view bytes) {
  std::uint64_t length = 0;
  bytes.remove_prefix(1);
  bytes.remove_prefix(static_cast<std::size_t>(read_varint(bytes, length)));
  return bytes;
}

std::string_view frame_kind_name(FrameKind kind) {
  const auto* field = v1::Frame::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  return field == nullptr ? std::string_view("unknown") : std::string_view(field->name());
}

FrameKind frame_kind_named(std::string_view name) {
  const auto* field = v1::Frame::descriptor()->FindFieldByName(std::string(name));
  return field == nullptr ? FrameKind::unknown : static_cast<FrameKind>(field->number());
}

namespace {

constexpr std::array<std::pair<std::string_view, ValueType>, 6> kValueTypes{{{"double", v1::VALUE_TYPE_DOUBLE},
                                                                             {"bool", v1::VALUE_TYPE_BOOL},
                                                                             {"int64", v1::VALUE_TYPE_INT64},
                                                                             {"uint64", v1::VALUE_TYPE_UINT64},
                                                                             {"string", v1::VALUE_TYPE_STRING},
                                                                             {"bytes", v1::VALUE_TYPE_BYTES}}};

}  // namespace

std::string_view value_type_name(ValueType type) {
  for (const auto& [name, value] : kValueTypes)
    if (value == type) return name;
  return {};
}

ValueType value_type_named(std::string_view name) {
  for (const auto& [known, value] : kValueTypes)
    if (known == name) return value;
  return v1::VALUE_TYPE_UNSPECIFIED;
}

std::string enum_value_name(const google::protobuf::EnumValueDescriptor& value) {
  // The prefix is the enum's own name in upper case, with '_' between its words.
  std::size_t prefix = 1;
  for (const char c : value.type()->name()) prefix += std::isupper(static_cast<unsigned char>(c)) ? 2 : 1;
  std::string name = value.name().substr(prefix - 1);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace twinpipe
