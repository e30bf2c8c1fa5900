// SPDX-License-Identifier: Apache-2.0
// The asset registry: a reviewed file of what is known of each asset, and which sensor was on which asset, from when until when.
//
// Rows are effective-dated: each holds from an event time until its own end, or else until the next row of the same asset (or of
// the same series) begins. So a change is a new row, and the past stays what it was.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/pattern.hpp"
#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Event times from `from` up to `until`, which is not in it.
struct Period {
  Nanos from = kBeginning, until = kForever;
  bool holds(Nanos time) const { return time >= from && (time < until || until == kForever); }
};

/// What holds of one asset in a period.
struct AssetRow {
  std::string site, line, asset;
  Period period;
  std::vector<std::pair<std::string, std::string>> facts;  // by name
  std::uint32_t at = 0;                                    // line of the file
};

/// Whose readings the series that match are in a period, whatever asset their device names.
struct MountRow {
  Pattern series;
  std::string site, line, asset;
  std::string sensor;  // its name there; empty: as its device says
  Period period;
  std::uint32_t at = 0;
};

class AssetRegistry {
 public:
  /// What holds of an asset in a part of its time; parts follow each other without a gap.
  struct Part {
    Period period;
    const AssetRow* row = nullptr;  // none: unknown
    bool stale = false;             // the registry is older than its SLO
  };
  /// Where a sensor is in a part of its time.
  struct Stay {
    Period period;
    const MountRow* mount = nullptr;  // none: where its device says
  };

  /// `text`: CSV, or JSON lines when it starts with '{'. `file` is named in errors.
  /// Errors (bad_config), as "FILE:LINE: what": a header that lacks something, an unknown key, a value of the wrong form, a date
  /// before 1970, a period that ends before it begins, two rows that hold at the same time.
  static Result<AssetRegistry> parse(std::string_view text, const std::string& file);

  const std::string& name() const { return name_; }
  const std::string& owner() const { return owner_; }
  Nanos as_of() const { return as_of_; }
  Nanos slo() const { return slo_; }
  /// The first event time at which the registry is too old.
  Nanos stale_from() const { return saturating_add(as_of_, slo_); }
  /// SHA-256, hex, of the content: neither the form nor the order of assets in the file changes it.
  const std::string& digest() const { return digest_; }

  /// In the file's order.
  const std::vector<AssetRow>& rows() const { return rows_; }
  const std::vector<MountRow>& mounts() const { return mounts_; }

  bool knows(std::string_view site, std::string_view line, std::string_view asset) const;
  /// From the beginning of time to its end.
  std::vector<Part> parts_of(std::string_view site, std::string_view line, std::string_view asset) const;
  /// Likewise. Where several mounts match at one time, the first in the file counts.
  std::vector<Stay> stays_of(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const;
  /// The mount of all sensors of an asset at a time: a device under its old number; none: there is none.
  const MountRow* renumbered(std::string_view site, std::string_view line, std::string_view asset, Nanos time) const;

 private:
  friend class RegistryReader;
  /// Ends rows where the next begins, and looks for those that overlap.
  Status complete(const std::string& file);
  std::string canonical() const;
  std::vector<const MountRow*> mounts_of(std::string_view site, std::string_view line, std::string_view asset,
                                         std::string_view sensor) const;

  std::string name_, owner_, digest_;
  Nanos as_of_ = 0, slo_ = 0;
  std::vector<AssetRow> rows_;
  std::vector<MountRow> mounts_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> rows_of_;  // by asset key, by time
  std::unordered_map<std::string, std::vector<std::uint32_t>> exact_;    // mounts by series name, in the file's order
  std::vector<std::uint32_t> patterns_;                                  // mounts with wildcards, in the file's order
};

}  // namespace twinpipe
