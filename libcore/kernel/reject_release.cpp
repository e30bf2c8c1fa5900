// SPDX-License-Identifier: Apache-2.0
// The way back from quarantine.
#include "kernel/reject_release.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

#include "kernel/driver.hpp"
#include "kernel/quarantine.hpp"
#include "kernel/reject_facts.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kRows = 512;  // of a frame

/// Rejects carry their declarations; this gives each series one alias.
class Declarations {
 public:
  /// Declares the series of `reject` where it is new, or says something else than before.
  std::uint32_t alias_of(const v1::Reject& reject, Output& out) {
    v1::Series series = reject.series();
    series.mutable_sensor(0)->set_alias(0);
    auto [at, is_new] = known_.try_emplace(series_of(reject), Known{static_cast<std::uint32_t>(known_.size()), {}});
    std::string words = series.SerializeAsString();
    if (is_new || at->second.words != words) {
      at->second.words = std::move(words);
      v1::Frame frame;
      series.mutable_sensor(0)->set_alias(at->second.alias);
      *frame.mutable_series() = std::move(series);
      out.frame(frame);
    }
    return at->second.alias;
  }
  /// Would alias_of() declare?
  bool knows(const v1::Reject& reject) const {
    const auto at = known_.find(series_of(reject));
    if (at == known_.end()) return false;
    v1::Series series = reject.series();
    series.mutable_sensor(0)->set_alias(0);
    return at->second.words == series.SerializeAsString();
  }

 private:
  struct Known {
    std::uint32_t alias;
    std::string words;
  };
  std::map<std::string, Known> known_;
};

/// What was rejected, as a frame of its own under an alias, historical.
v1::Frame frame_of(const v1::Reject& reject, std::uint32_t alias) {
  v1::Frame frame;
  if (reject.has_waveform()) {
    *frame.mutable_waveform() = reject.waveform();
    frame.mutable_waveform()->set_series(alias);
    frame.mutable_waveform()->set_historical(true);
  } else if (reject.has_aggregates()) {
    *frame.mutable_aggregates() = reject.aggregates();
    frame.mutable_aggregates()->set_series(0, alias);
    frame.mutable_aggregates()->set_historical(true);
  } else if (reject.has_spectra()) {
    *frame.mutable_spectra() = reject.spectra();
    frame.mutable_spectra()->set_series(0, alias);
    frame.mutable_spectra()->set_historical(true);
  } else {
    *frame.mutable_readings() = reject.reading();
    frame.mutable_readings()->set_series(0, alias);
    frame.mutable_readings()->set_historical(true);
  }
  return frame;
}

/// Is there one row, and one sensor, so that it can be read alone?
bool is_whole(const v1::Reject& reject) {
  if (reject.series().sensor_size() != 1) return false;
  return reject.has_waveform() || reject.aggregates().series_size() == 1 || reject.spectra().series_size() == 1 ||
         reject.reading().series_size() == 1;
}

/// Rules that look at more than the one reading.
bool compares(Expect what) { return what == Expect::rate || what == Expect::stuck || what == Expect::future; }

/// Its own rule still applies, and cannot be asked again.
bool is_still_compared(const v1::Reject& reject, const std::vector<Expectation>& expectations) {
  const v1::Series& series = reject.series();
  return std::ranges::any_of(expectations, [&](const Expectation& one) {
    return compares(one.what) && one.rule->name == reject.rule() &&
           !(one.rule->expires && event_time(reject) >= *one.rule->expires) &&
           one.rule->pattern.matches(series.site(), series.line(), series.asset(), series.sensor(0).name());
  });
}

/// Calls `each` with the frames in `stream`.
template <class Each>
Status for_each(std::string_view stream, const Each& each) {
  Scanner scanner;
  for (FrameView view; scanner.next(stream, view) == Scanner::Outcome::whole; stream.remove_prefix(view.bytes.size()))
    if (Status status = each(view); !status.ok()) return status;
  return {};
}

/// Rows of readings as they come, in frames that are as large as may be.
class RowWriter {
 public:
  explicit RowWriter(Output& out) : out_(&out) {}
  void add(const v1::Readings& from, std::uint32_t alias);
  void flush() {
    if (!rows_.series().empty()) {
      v1::Frame frame;
      *frame.mutable_readings() = rows_;
      std::string bytes;
      append_frame(frame, bytes);
      Scanner scanner;
      if (FrameView view; scanner.next(bytes, view) == Scanner::Outcome::whole) out_->forward(view);
    }
    rows_.Clear();
  }

 private:
  Output* out_;
  v1::Readings rows_;
};

/// Which columns there are, and flags: rows of one frame have the same.
std::array<bool, 9> shape_of(const v1::Readings& rows) {
  return {rows.double_value_size() > 0, rows.int_value_size() > 0,    rows.uint_value_size() > 0,
          rows.bool_value_size() > 0,   rows.string_value_size() > 0, rows.bytes_value_size() > 0,
          rows.quality_size() > 0,      rows.seq_size() > 0,          rows.pinned()};
}

void RowWriter::add(const v1::Readings& from, std::uint32_t alias) {
  if (rows_.series_size() > 0 && (shape_of(rows_) != shape_of(from) || static_cast<std::size_t>(rows_.series_size()) >= kRows))
    flush();
  v1::Readings row = from;
  row.set_series(0, alias);
  row.set_historical(true);
  rows_.MergeFrom(row);  // columns are joined
}

}  // namespace

bool is_releasable(const v1::Reject& reject) {
  return (reject.action() == v1::Reject::ACTION_QUARANTINE || reject.action() == v1::Reject::ACTION_FAIL) && is_whole(reject);
}

std::vector<v1::Reject> waiting(std::vector<v1::Reject> rejects, const RejectLedger& ledger) {
  std::unordered_set<std::string> seen;
  std::erase_if(rejects, [&](const v1::Reject& reject) {
    if (!is_releasable(reject)) return true;
    std::string identity = identity_of(reject);
    return ledger.fate(identity) != RejectLedger::Fate::open || !seen.insert(std::move(identity)).second;
  });
  std::ranges::stable_sort(rejects, {},
                           [](const v1::Reject& reject) { return std::pair(event_time(reject), series_of(reject)); });
  return rejects;
}

Result<std::vector<bool>> passing(const std::vector<v1::Reject>& rejects, const Policy& policy) {
  Result<std::vector<Expectation>> expectations = read_expectations(policy);
  if (!expectations.ok()) return expectations.status();
  std::vector<Expectation> alone = *expectations;
  for (Expectation& one : alone) {
    one.per_second = std::numeric_limits<double>::max();
    one.longest = kForever;
  }
  SeriesTable table;
  Quarantine stage(table, policy, std::move(alone));
  Driver driver(stage, table, "quarantine");
  Declarations declarations;
  Output in, out;
  in.open("quarantine", false);
  std::vector<bool> all;
  for (const v1::Reject& reject : rejects) {
    const std::uint32_t alias = declarations.alias_of(reject, in);
    append_frame(frame_of(reject, alias), in.text());
    Status status = for_each(in.pending(), [&](const FrameView& view) { return driver.take(view, out); });
    if (!status.ok() && status.code != Code::finding) return status;
    bool passes = false;
    (void)for_each(out.pending(), [&passes](const FrameView& view) -> Status {
      passes |= view.kind == FrameKind::readings || view.kind == FrameKind::waveform || view.kind == FrameKind::aggregates ||
                view.kind == FrameKind::spectra;
      return {};
    });
    all.push_back(passes && !is_still_compared(reject, *expectations));
    in.clear();
    out.clear();
  }
  return all;
}

void write_release(const Release& release, Output& out) {
  out.open("quarantine release");
  v1::Frame frame;
  *frame.mutable_applied() = release.applied;
  out.frame(frame);
  Declarations declarations;
  RowWriter rows(out);
  for (const v1::Reject& reject : release.rejects) {
    const bool reading = reject.has_reading();
    if (!reading || !declarations.knows(reject)) rows.flush();
    const std::uint32_t alias = declarations.alias_of(reject, out);
    if (reading) rows.add(reject.reading(), alias);
    else out.frame(frame_of(reject, alias));
  }
  rows.flush();
  out.close(true);
}

}  // namespace twinpipe
