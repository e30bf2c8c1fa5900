// SPDX-License-Identifier: Apache-2.0
// Who is behind an alias: the series declared so far, with dense numbers that outlive a segment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire/frame.hpp"
#include "wire/name_index.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// One asset and the node that publishes it.
struct Asset {
  std::string site, line, asset;
  std::uint32_t node = 0;  // see SeriesTable::node_name
  bool has_session = false;
  v1::Session session;
  std::uint32_t births = 0;  // sessions seen, this one included
};

/// One sensor's declaration.
struct SeriesInfo {
  std::uint32_t asset = 0;   // index of SeriesTable::asset
  std::uint32_t births = 0;  // of its asset, when it was last declared
  bool restored = false;     // by restore(), and its source has yet to say it again
  bool has_session = false;  // when it was last declared: its asset may have gone on to another session since
  v1::Session session;
  std::uint64_t segment = 0;  // in which it was last declared
  v1::Sensor sensor;          // as last declared; its alias is the writer's and only valid in its segment
};

/// What a declaration changed for one series.
struct Declared {
  std::uint32_t slot = 0;
  bool is_new = false;     // never seen in this stream
  bool born = false;       // new, or a birth opened another session
  bool changed = false;    // unit, type or range differ from before
  bool redefined = false;  // unit or type do: earlier values of it mean something else
};

/// The aliases of the current segment and the identities of all segments. State in kernels is a vector indexed by
/// slot: slots are dense, are never reused and belong to an identity (site, line, asset, sensor), so state follows the
/// series across an Open that hands out other aliases. Names are hashed here, once a declaration, never per reading.
class SeriesTable {
 public:
  static constexpr std::uint32_t kDefaultLimit = 4'000'000;

  explicit SeriesTable(std::uint32_t limit = kDefaultLimit) : limit_(limit) {}

  /// Clears the aliases, keeps the slots.
  void open_segment() {
    slots_.clear();
    identity_ = true;
    ++segment_;
    restored_ = 0;
  }

  /// Takes one Series frame. Errors (bad_data): an alias that is not dense, an alias that named another series in this
  /// segment, a missing name, more series than the limit. `declared` gets an entry per sensor, in the frame's order.
  Status declare(const v1::Series& frame, std::vector<Declared>& declared);

  /// Aliases of the current segment: alias → slot.
  const std::vector<std::uint32_t>& slots() const { return slots_; }
  /// True while every alias equals its slot, which is so in a stream of one segment.
  bool aliases_are_slots() const { return identity_; }

  /// The alias of a slot, when it is declared in the current segment.
  std::optional<std::uint32_t> alias_of(std::uint32_t slot) const {
    return series_[slot].segment == segment_ ? std::optional(series_[slot].sensor.alias()) : std::nullopt;
  }

  std::size_t size() const { return series_.size(); }
  const SeriesInfo& series(std::uint32_t slot) const { return series_[slot]; }
  const Asset& asset(std::uint32_t index) const { return assets_[index]; }
  const Asset& asset_of(std::uint32_t slot) const { return assets_[series_[slot].asset]; }
  std::size_t assets() const { return assets_.size(); }
  std::uint32_t node_of(std::uint32_t slot) const { return asset_of(slot).node; }
  const std::string& node_name(std::uint32_t node) const { return node_names_[node]; }
  std::size_t nodes() const { return node_names_.size(); }
  std::optional<std::uint32_t> find_node(std::string_view name) const;
  /// Number of a node, given one when it is new.
  std::uint32_t node(std::string_view name);

  /// The declaration of one series as a Series frame of one sensor under `alias`.
  v1::Series declaration(std::uint32_t slot, std::uint32_t alias) const;
  /// "site/line/asset/sensor", percent-encoded.
  std::string name(std::uint32_t slot) const;

  /// Everything that is known, so that restore() gives the same slots again, and the next declaration finds the same
  /// changes and births. For the states that filters keep under a Position.
  std::string save() const;
  /// Forgets everything, then takes what save() wrote. A restarted source says again what was in force in its segment: of series
  /// that were not declared since their asset's last birth, under the session before it. So the first time that one of them is
  /// declared as it was last, that is neither a birth nor the session that its asset is in. Errors: bad_config.
  Status restore(std::string_view state);

 private:
  std::uint32_t asset_named(const v1::Series& frame, bool& is_new);
  std::optional<std::uint32_t> slot_of(std::uint32_t hash, std::uint32_t asset, const std::string& sensor) const;
  bool says_again(const v1::Series& frame, std::uint32_t asset) const;
  void follow(const v1::Series& frame, Asset& asset);
  v1::Series header(const Asset& asset) const;
  Status declare_sensor(const v1::Series& frame, const v1::Sensor& sensor, std::uint32_t asset, bool again,
                        std::vector<Declared>& declared);

  std::uint32_t limit_;
  bool identity_ = true;
  std::uint64_t segment_ = 1;
  std::size_t restored_ = 0;  // series that the source has yet to say again
  std::vector<std::uint32_t> slots_;
  std::vector<SeriesInfo> series_;
  std::vector<Asset> assets_;
  std::vector<std::string> node_names_;
  NameIndex series_index_, asset_index_;
  std::unordered_map<std::string, std::uint32_t> node_index_;
};

}  // namespace twinpipe
