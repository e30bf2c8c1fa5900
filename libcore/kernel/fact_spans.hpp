// SPDX-License-Identifier: Apache-2.0
// What the asset registry says of one asset, by event time: which of its rows is in force, and when the last one ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wire/frame.hpp"

namespace twinpipe {

namespace v1 {
class TwinFacts;
}

/// In force at a time is, of the rows whose span holds it, the one that came last. So what is said of the past never moves the
/// present, and what is said of the future waits for its time.
class FactSpans {
 public:
  struct Span {
    Nanos from = kBeginning, until = kForever;
    bool unknown = false;  // the registry has no such asset
    std::string fields;    // of the Twin, encoded: facts, registry_as_of, registry_stale
  };

  /// `now`: nothing before it will be asked for. Rows that have ended by then, and those that another hides, are not kept.
  void take(const v1::AssetFacts& facts, Nanos now);
  /// The row in force; nullptr: none is.
  const Span* at(Nanos time) const;
  /// The first time behind `time` at which another row may be in force; kForever: none is to come.
  Nanos next_change(Nanos time) const;
  /// When the asset left the registry, as of `time`: where the row begins that says so, or where its last row ended. Nothing: it
  /// was never there, is there, or will come back.
  std::optional<Nanos> left(Nanos time) const;
  /// A row that named the asset was seen.
  bool registered() const { return registered_; }

  bool empty() const { return spans_.empty() && !registered_; }
  void save(v1::TwinFacts& to) const;
  void load(const v1::TwinFacts& from);

 private:
  void forget(Nanos now);

  std::vector<Span> spans_;  // in the order in which they came
  bool registered_ = false;
  Nanos last_end_ = kBeginning;  // of the rows that have ended
};

}  // namespace twinpipe
