// SPDX-License-Identifier: Apache-2.0
// Deadband: sends a reading when it differs from the last one sent by more than a bound, and is silent otherwise.
//
// Terms as in the exception reporting of process historians: absolute deadband, percent of engineering range,
// heartbeat (longest silence), shortest interval. Law: at every good reading outside the shortest interval's blackout
// |value − held| ≤ bound, exactly, by the comparison that decided. Births, and changes of quality, type, unit, to and
// from not-a-number always pass. Strings and booleans pass when they change.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "kernel/stage.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

class Deadband final : public Stage {
 public:
  /// Series that no rule of section "deadband" matches pass whole. Both references must outlive the stage.
  Deadband(const SeriesTable& table, const Policy& policy);
  ~Deadband() override;

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  /// Errors (bad_config): percent without an engineering range.
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  /// Releases what the shortest interval suppressed and nothing replaced since.
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// A node that goes offline sends no more: what was suppressed leaves before the news of its death.
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status finish(Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  struct Held;
  struct Suppressed;
  struct Lane;
  template <class Values>
  Status select(Lane& lane, const Columns& columns, const Values& values);
  Status configure(std::uint32_t slot, Nanos at, Lane& lane);
  void grow();
  void hold_pinned(Lane& lane, const Columns& columns);
  void release(bool historical, std::uint32_t node, Nanos until, Output& out);
  void send(Lane& lane, std::uint32_t slot, std::uint32_t alias, ReadingsBuilder& rows);

  RuleBook rules_;
  std::array<std::unique_ptr<Lane>, 2> lanes_;  // live and historical: neither changes what the other holds
  std::vector<std::uint32_t> kept_;
  std::uint64_t dropped_ = 0, blacked_out_ = 0;
};

}  // namespace twinpipe
