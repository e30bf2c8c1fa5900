// SPDX-License-Identifier: Apache-2.0
// Rows of a columnar message of any kind.
#include "kernel/select_rows.hpp"

#include <fmt/format.h>

namespace twinpipe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void copy_entry(const Message& from, const FieldDescriptor* field, int row, Message& to) {
  const Reflection& in = *from.GetReflection();
  const Reflection& out = *to.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: out.AddInt32(&to, field, in.GetRepeatedInt32(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_INT64: out.AddInt64(&to, field, in.GetRepeatedInt64(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_UINT32: out.AddUInt32(&to, field, in.GetRepeatedUInt32(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_UINT64: out.AddUInt64(&to, field, in.GetRepeatedUInt64(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_DOUBLE: out.AddDouble(&to, field, in.GetRepeatedDouble(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_FLOAT: out.AddFloat(&to, field, in.GetRepeatedFloat(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_BOOL: out.AddBool(&to, field, in.GetRepeatedBool(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_ENUM: out.AddEnumValue(&to, field, in.GetRepeatedEnumValue(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_STRING: out.AddString(&to, field, in.GetRepeatedString(from, field, row)); break;
    case FieldDescriptor::CPPTYPE_MESSAGE: break;  // not a column
  }
}

}  // namespace

Status select_rows(const Message& from, std::size_t rows, std::span<const std::uint32_t> selection, Message& to) {
  const Reflection& in = *from.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  in.ListFields(from, &fields);
  to.CopyFrom(from);
  for (const FieldDescriptor* field : fields) {
    if (!field->is_repeated()) continue;
    to.GetReflection()->ClearField(&to, field);
    const auto size = static_cast<std::size_t>(in.FieldSize(from, field));
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (std::size_t i = 0; i < size; ++i)
        if (Status status = select_rows(in.GetRepeatedMessage(from, field, static_cast<int>(i)), rows, selection,
                                        *to.GetReflection()->AddMessage(&to, field));
            !status.ok())
          return status;
      continue;
    }
    if (size != rows)
      return Status::error(Code::bad_data, fmt::format("{} column {} has {} entries, {} rows are expected",
                                                       from.GetDescriptor()->name(), field->name(), size, rows));
    for (const std::uint32_t row : selection) copy_entry(from, field, static_cast<int>(row), to);
  }
  return {};
}

}  // namespace twinpipe
