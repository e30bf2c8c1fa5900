// SPDX-License-Identifier: Apache-2.0
// Lines of text made into frames: what JSON and CSV have in common. Segments and declarations that the text leaves out
// are written for it, so that a line of one reading is a stream already.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_map>

#include "wire/columns.hpp"
#include "wire/output.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

/// Takes lines, gives frames. Law: the frames do not depend on how the text was cut into reads.
class LineParser {
 public:
  LineParser() = default;
  virtual ~LineParser() = default;
  LineParser(const LineParser&) = delete;
  LineParser& operator=(const LineParser&) = delete;

  /// Bytes that must be readable behind a line.
  static constexpr std::size_t kPadding = 64;

  /// One line without its end. Errors (bad_data): what is wrong with it, without its number.
  virtual Status take(std::string_view line, Output& out) = 0;
  /// Writes what was gathered for a frame, because nothing follows.
  virtual void flush(Output& out) = 0;
  /// The text is over.
  virtual Status end(Output& out) = 0;
};

/// Where parsers put what they read.
class FrameWriter {
 public:
  /// `rows`: greatest number of readings in one frame. `producer`: of segments that the text did not open.
  FrameWriter(std::string producer, std::size_t rows);

  // What the text says of the stream itself.
  void open(const v1::Open& open, Output& out);
  void close(bool final, Output& out);
  /// Sensors without an alias (`assign`: one entry a sensor) get their series' own, or the next.
  /// Errors (bad_data): as SeriesTable::declare.
  Status series(v1::Series series, const std::vector<bool>& assign, Output& out);
  void frame(const v1::Frame& frame, Output& out);
  /// A frame of a later schema: the bytes of the message Frame.
  void unknown(std::string_view body, Output& out);

  /// The slot of a series by its name, declared in this segment as `type` (in `unit`) when it is not yet. Errors (bad_data): the
  /// name has not four levels.
  Result<std::uint32_t> find(std::string_view name, ValueType type, std::string_view unit, Output& out);
  /// The slot, when it is declared in this segment.
  std::optional<std::uint32_t> known(std::string_view name);
  const v1::Sensor& sensor(std::uint32_t slot) const { return table_.series(slot).sensor; }
  std::uint32_t alias(std::uint32_t slot) const { return *table_.alias_of(slot); }
  std::size_t aliases() const { return table_.slots().size(); }

  struct Row {
    std::uint32_t alias = 0;
    ValueType type = v1::VALUE_TYPE_DOUBLE;
    Nanos time = 0;
    std::uint32_t quality = kGood;
    bool has_origin = false, historical = false, pinned = false;
    std::uint64_t seq = 0;
    std::uint32_t index = 0;
  };
  /// The rows that a reading is added to; then call added().
  ReadingsBuilder& rows_for(const Row& row, Output& out);
  void added(const Row& row, Output& out);

  void flush_rows(Output& out);
  /// Opens a segment, unless one is open: for text that says by its form alone that it is whole.
  void begin(Output& out);
  /// The text is over: a segment that it did not open is closed.
  void end(Output& out);

 private:
  bool fits(const Row& row) const;
  v1::Series declaration_for(const std::array<std::string, 4>& levels, ValueType type, std::string_view unit) const;

  std::string producer_;
  std::size_t most_rows_;
  bool inside_ = false, implicit_ = false;
  SeriesTable table_;
  std::vector<Declared> declared_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> slots_;  // by name
  std::map<std::array<std::string, 3>, v1::Series> assets_;                      // as last declared, without sensors
  std::string last_name_;                                                        // neighbours in a text often are of one series
  std::uint32_t last_slot_ = 0;
  std::map<ValueType, ReadingsBuilder> builders_;
  ReadingsBuilder* rows_ = nullptr;  // with rows in it
  Row group_;                        // what they have in common
};

}  // namespace twinpipe
