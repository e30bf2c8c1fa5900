// SPDX-License-Identifier: Apache-2.0
// Which policies shaped the values of a stream: per series and kind of value, by tool, with the rule that applied.
//
// A derived row names its policy by digest. Readings do not: they went through every tool whose Applied frame is in force
// and which lets only some of them pass. A filter writes its Applied frame before it forwards those of the filters before
// it, so within a segment downstream comes first: behind the Applied frame of an aggregate's tool stand those that
// shaped the readings it was made of.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/form.hpp"
#include "policy/in_force.hpp"
#include "policy/pattern.hpp"

namespace twinpipe {

class Lineage final : public Form {
 public:
  /// `patterns`: of the series that are asked for, as the selection has them; none: all. `json`: an object a line.
  Lineage(const SeriesTable& table, std::vector<Pattern> patterns, bool json)
      : Form(table), patterns_(std::move(patterns)), json_(json) {}

  bool needs(FrameKind kind) const override;
  bool decodes(FrameKind kind) const override;
  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending ending, Output& out) override;

 private:
  /// A policy that shaped something, and its rule; what the stream does not tell is empty.
  struct Shaper {
    std::string tool, policy, version, owner, digest, rule, settings;
    auto operator<=>(const Shaper&) const = default;
  };
  using Shapers = std::vector<Shaper>;
  struct Count {
    std::uint64_t values = 0;
    Nanos first = 0, last = 0;
  };
  enum class Kind : std::uint8_t { reading, waveform, aggregate, spectrum, exception, twin_metric };
  using Groups = std::map<Shapers, Count>;
  struct Levels {
    std::string_view site, line, asset, sensor, node;
  };
  /// The group that a series' readings belong to between two event times.
  struct Current {
    std::uint64_t generation = 0;  // of the policies in force
    Nanos from = 0, until = 0;
    Count* count = nullptr;
  };

  Status apply(const v1::Applied& applied);
  void count_reading(Kind kind, std::uint32_t slot, bool pinned, Nanos time);
  template <class Rows>
  void count_rows(Kind kind, const Rows& rows);
  void count_twin(const v1::Twin& twin);
  void count(Kind kind, const std::string& series, Shapers shapers, Nanos time);
  Levels levels_of(std::uint32_t slot) const;

  Shapers shapers_of_readings(std::size_t first, const Levels& levels, bool pinned, Nanos at) const;
  Shapers shapers_of_derived(Kind kind, const std::string& digest, const Levels& levels, Nanos at) const;
  void add_derived(std::string_view tool, const std::string& digest, const Levels& levels, Nanos at, Shapers& shapers) const;
  static const v1::AppliedRule* rule_of(const AppliedPolicy& policy, const Levels& levels, Nanos at);
  void narrow(const Levels& levels, Nanos at, Current& current) const;
  void write_text(const std::string& series, Kind kind, const Shapers& shapers, const Count& count, std::string& text) const;
  void write_json(const std::string& series, Kind kind, const Shapers& shapers, const Count& count, std::string& text) const;

  std::vector<Pattern> patterns_;
  bool json_;
  PoliciesInForce in_force_;
  std::uint64_t generation_ = 1;
  std::map<std::pair<std::string, Kind>, Groups> groups_;
  std::array<std::vector<Current>, 4> current_;  // readings, pinned readings, waveforms, pinned waveforms; by slot
};

}  // namespace twinpipe
