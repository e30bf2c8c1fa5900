// SPDX-License-Identifier: Apache-2.0
// The commands of quarantine over files of rejects.
#include "cli/quarantine_admin.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/runner.hpp"
#include "io/fd.hpp"
#include "io/file_lock.hpp"
#include "kernel/form_driver.hpp"
#include "kernel/reject_facts.hpp"
#include "kernel/reject_release.hpp"
#include "kernel/reject_report.hpp"
#include "policy/rule_book.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

std::string ledger_of(const std::string& file) { return file + ".ledger"; }

Result<SelectionOptions> selection_of(const RejectChoice& choice) {
  SelectionOptions selected;
  selected.kinds.reset();
  selected.kinds.set(static_cast<std::size_t>(FrameKind::reject));
  for (const std::string& text : choice.patterns) {
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return pattern.status();
    selected.patterns.push_back(*pattern);
  }
  for (const auto& [text, time] : {std::pair{&choice.from, &selected.since}, {&choice.to, &selected.until}}) {
    if (text->empty()) continue;
    Result<Nanos> parsed = parse_time(*text);
    if (!parsed.ok()) return parsed.status();
    *time = *parsed;
  }
  return selected;
}

/// A day without rejects leaves an empty file.
bool is_empty(const std::string& file) {
  std::error_code none;
  return std::filesystem::is_regular_file(file, none) && std::filesystem::file_size(file, none) == 0;
}

/// Takes the chosen rejects of the files into a form; `keep`: it writes nothing itself.
Status read_rejects(Tool& tool, const RejectChoice& choice, SeriesTable& table, Form& form, bool keep) {
  Result<SelectionOptions> selected = selection_of(choice);
  if (!selected.ok()) return selected.status();
  std::vector<std::string> files = choice.files;
  std::erase_if(files, is_empty);
  if (files.empty() && !choice.files.empty()) {
    Output out;
    if (Status status = form.finish(Ending::finished, out); !status.ok() || keep) return status;
    return print(out.pending());
  }
  Selection selection(table, std::move(*selected));
  FormDriver driver(form, selection, table);
  driver.set_skip_bad(tool.common().skip_bad);
  FrameReader frames(-1, tool.common().max_frame);
  Feed::Write write;
  if (keep) write = [](Output&) { return Status{}; };
  return run_feed(tool, {frames, driver, files, true, write});
}

/// The ledger beside a file, open to be written behind its last whole act, by this process alone.
class OpenLedger {
 public:
  explicit OpenLedger(const std::string& file) : path_(ledger_of(file)) {}
  Status open(std::uint64_t keep);
  const RejectLedger& now() const { return now_; }
  /// Appends one act, and makes it safe.
  Status append(std::string_view segment) {
    Result<Written> written = write_all(file_.get(), segment);
    if (!written.ok()) return Status::error(written.status().code, path_ + ": " + written.status().message);
    return sync_file(file_.get(), path_);
  }

 private:
  std::string path_;
  Fd file_;
  RejectLedger now_;
};

Result<RejectLedger> read_ledger(const std::string& path, std::uint64_t keep = 0) {
  Result<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  Result<RejectLedger> ledger = RejectLedger::parse(*bytes, keep);
  if (ledger.ok()) return ledger;
  Status status = ledger.status();
  status.message = path + ": " + status.message;
  return status;
}

Status OpenLedger::open(std::uint64_t keep) {
  std::error_code none;
  if (!std::filesystem::exists(path_, none))
    if (Status status = replace_file(path_, {}); !status.ok()) return status;  // so that its name is safe, too
  Result<Fd> file = open_to_append(path_);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  if (Status status = lock_file(file_.get(), path_, path_ + ": another process is at work on it"); !status.ok()) return status;
  Result<RejectLedger> ledger = read_ledger(path_, keep);
  if (!ledger.ok()) return ledger.status();
  now_ = std::move(*ledger);
  return file_size(file_.get()) > now_.whole() ? cut_file(file_.get(), path_, now_.whole()) : Status{};
}

Result<std::vector<v1::Reject>> collect(Tool& tool, const RejectChoice& choice) {
  SeriesTable table(tool.common().max_series);
  RejectCollector collector(table, choice.rule);
  if (Status status = read_rejects(tool, choice, table, collector, true); !status.ok()) return status;
  return std::move(collector.rejects());
}

Status only_file(const RejectChoice& choice) {
  if (choice.files.size() == 1 && choice.files.front() != "-") return {};
  return Status::error(Code::usage, choice.command + " works on one file of rejects, beside which its ledger is kept");
}

/// Writes a release. `whole`: it is in the pipe, to its last byte.
Status leave(const Release& release, FrameSink& sink, bool& whole) {
  Output out;
  write_release(release, out);
  const Status status = sink.flush(out);
  whole = status.ok() && !sink.reader_left();
  return status;
}

/// Those of `rejects` that pass, as the next release.
Result<Release> next_release(Tool& tool, std::vector<v1::Reject> rejects, const Policy& policy, std::uint64_t number) {
  const Result<std::vector<bool>> passes = passing(rejects, policy);
  if (!passes.ok()) return passes.status();
  Release release{number, RuleBook(policy, "quarantine").applied().applied(), {}};
  for (std::size_t at = 0; at < rejects.size(); ++at)
    if ((*passes)[at]) release.rejects.push_back(std::move(rejects[at]));
  if (release.rejects.size() < rejects.size())
    tool.say(fmt::format("{} of {} still fail under policy {} version {}, and stay", rejects.size() - release.rejects.size(),
                         rejects.size(), policy.name(), policy.version()));
  return release;
}

}  // namespace

Status quarantine_report(Tool& tool, const RejectChoice& choice) {
  std::vector<RejectLedger> ledgers;
  for (const std::string& file : choice.files) {
    std::error_code none;
    if (!std::filesystem::exists(ledger_of(file), none)) continue;
    Result<RejectLedger> ledger = read_ledger(ledger_of(file));
    if (!ledger.ok()) return ledger.status();
    ledgers.push_back(std::move(*ledger));
  }
  const FateOf fate = [&ledgers](const v1::Reject& reject) {
    if (ledgers.empty()) return RejectLedger::Fate::open;
    const std::string identity = identity_of(reject);
    for (const RejectLedger& ledger : ledgers)
      if (const auto known = ledger.fate(identity); known != RejectLedger::Fate::open) return known;
    return RejectLedger::Fate::open;
  };
  SeriesTable table(tool.common().max_series);
  std::unique_ptr<Form> form;
  if (choice.command == "ls") form = std::make_unique<RejectList>(table, choice.rule, fate, choice.json);
  else if (choice.command == "show") form = std::make_unique<RejectShow>(table, choice.rule, fate);
  else form = std::make_unique<RejectStatistics>(table, choice.rule, choice.json);
  return read_rejects(tool, choice, table, *form, false);
}

Status quarantine_release(Tool& tool, const RejectChoice& choice, const Policy& policy, std::uint64_t again) {
  if (Status status = only_file(choice); !status.ok()) return status;
  FrameSink sink;
  if (Status status = sink.open(); !status.ok()) return status;
  OpenLedger ledger(choice.files.front());
  if (Status status = ledger.open(again); !status.ok()) return status;
  bool whole = false;
  if (again > 0) {
    if (!ledger.now().kept())
      return Status::error(Code::usage, fmt::format("there was no release {}: {} came before", again, ledger.now().releases()));
    return leave(*ledger.now().kept(), sink, whole);
  }
  if (const auto& cut = ledger.now().unfinished()) {
    tool.say(fmt::format("release {} did not leave whole: it leaves again", cut->number));
    if (Status status = leave(*cut, sink, whole); !status.ok() || !whole) return status;
    if (Status status = ledger.append(done_segment(cut->number)); !status.ok()) return status;
  }
  Result<std::vector<v1::Reject>> rejects = collect(tool, choice);
  if (!rejects.ok()) return rejects.status();
  Result<Release> release = next_release(tool, waiting(std::move(*rejects), ledger.now()), policy, ledger.now().releases() + 1);
  if (!release.ok()) return release.status();
  if (release->rejects.empty()) return leave(*release, sink, whole);
  if (Status status = ledger.append(released_segment(*release)); !status.ok()) return status;
  if (Status status = leave(*release, sink, whole); !status.ok() || !whole) return status;
  return ledger.append(done_segment(release->number));
}

Status quarantine_discard(Tool& tool, const RejectChoice& choice) {
  if (Status status = only_file(choice); !status.ok()) return status;
  if (choice.reason.empty()) return Status::error(Code::usage, "discard needs a --reason: it is what stays of the rejects");
  OpenLedger ledger(choice.files.front());
  if (Status status = ledger.open(0); !status.ok()) return status;
  Result<std::vector<v1::Reject>> rejects = collect(tool, choice);
  if (!rejects.ok()) return rejects.status();
  const std::vector<v1::Reject> gone = waiting(std::move(*rejects), ledger.now());
  if (!gone.empty())
    if (Status status = ledger.append(discarded_segment(gone, choice.reason)); !status.ok()) return status;
  return print(fmt::format("discarded {}\n", gone.size()));
}

}  // namespace twinpipe::cli
