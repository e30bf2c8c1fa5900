// SPDX-License-Identifier: Apache-2.0
// A form that frames are brought into: JSON, CSV, a table, statistics, frames again. Sees every frame, Open and Close too,
// which a filter never does; knows no descriptor.
#pragma once

#include <span>

#include "wire/columns.hpp"
#include "wire/output.hpp"
#include "wire/segment.hpp"
#include "wire/series_table.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Rows of a frame, by number, ascending.
using Rows = std::span<const std::uint32_t>;

class Form {
 public:
  explicit Form(const SeriesTable& table) : table_(&table) {}
  virtual ~Form() = default;
  Form(const Form&) = delete;
  Form& operator=(const Form&) = delete;

  /// Kinds that the form cannot do without, whatever is selected.
  virtual bool needs(FrameKind) const { return false; }
  /// Kinds that are decoded for on_readings() and on_frame(); the others go to on_bytes(), unless a selection looks into them.
  virtual bool decodes(FrameKind) const { return true; }

  /// `rows`: those of `columns` that are selected; none only when the frame has none.
  virtual Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) = 0;
  /// Every other kind, after the series table has learnt from it. `whole`: `frame` is what came; otherwise the selection
  /// removed rows or sensors.
  virtual Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) = 0;
  virtual Status on_bytes(const FrameView&, Output&) { return {}; }

  /// The input is over, or is damaged from here on: what a form of the whole says then. `ending`: cut when it is damaged.
  virtual Status finish(Ending ending, Output& out) = 0;

 protected:
  const SeriesTable& table() const { return *table_; }

 private:
  const SeriesTable* table_;
};

/// The message Frame inside a whole frame's bytes.
std::string_view frame_body(std::string_view bytes);

/// Name of a kind as text has it: "work_order"; "unknown" for 0.
std::string_view frame_kind_name(FrameKind kind);
/// Unknown for a name that no kind has.
FrameKind frame_kind_named(std::string_view name);

/// Name of a column's type: "double"; nothing for a type that no column has.
std::string_view value_type_name(ValueType type);
/// VALUE_TYPE_UNSPECIFIED for a name that no column's type has.
ValueType value_type_named(std::string_view name);

/// Name of a value of an enum of the schema, without its prefix and in lower case: "host_link_lost".
std::string enum_value_name(const google::protobuf::EnumValueDescriptor& value);

}  // namespace twinpipe
