// SPDX-License-Identifier: Apache-2.0
// pit-join's run.
#include "cli/pit_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/pit_logs.hpp"
#include "cli/pit_order.hpp"
#include "cli/progress.hpp"
#include "io/spill_file.hpp"
#include "kernel/pit_explain.hpp"
#include "kernel/pit_summary.hpp"

namespace twinpipe::cli {
namespace {

LabelForm label_form(const PitRunOptions& options) {
  const auto ends = [&](std::initializer_list<std::string_view> endings) {
    return std::ranges::any_of(endings, [&](std::string_view ending) { return options.labels.ends_with(ending); });
  };
  if (options.from == "frames" || (options.from.empty() && ends({".tp", ".frames"}))) return LabelForm::frames;
  if (options.from == "json" || (options.from.empty() && ends({".json", ".jsonl", ".ndjson"}))) return LabelForm::json;
  return LabelForm::csv;
}

PitForm output_form(const PitRunOptions& options) {
  if (options.to == "frames") return PitForm::frames;
  if (options.to == "json") return PitForm::json;
  if (options.to == "csv") return PitForm::csv;
  switch (label_form(options)) {
    case LabelForm::frames: return PitForm::frames;
    case LabelForm::json: return PitForm::json;
    case LabelForm::csv: break;
  }
  return PitForm::csv;
}

/// One run, from the first byte read to the summary.
class PitRun {
 public:
  PitRun(Tool& tool, const PitRunOptions& options)
      : tool_(tool),
        options_(options),
        form_(output_form(options)),
        part_(options.memory / 4),
        entities_(tool.common().max_series),
        layouts_(options.columns),
        join_(join_options(options), layouts_),
        pull_(tool, [this] { return counters(); }),
        spill_(options.spill) {
    labels_.entity_name = options.entity;
    labels_.time_name = options.time;
  }

  Status run();

 private:
  static PitOptions join_options(const PitRunOptions& options) {
    PitOptions join = options.join;
    join.leak_memory = join.row_memory = options.memory / 4;
    return join;
  }

  Status open();
  Status open_inputs();
  WalkBy walk_by() const { return options_.join.event_time ? WalkBy::as_of : WalkBy::known_at; }
  Status choose_order();
  Status work();
  Status join_all(RowLog& log);
  Status sort_labels();
  Result<bool> next_label();
  Status answer_label();
  Status emit(const PitJoin::Answer& answer);
  Status put_sorted();
  Status explain();
  Status finish();
  void show_progress();
  std::vector<Counter> counters() const;
  bool read_all() const { return unanswered_ == 0 && !pull_.stopped(); }

  Tool& tool_;
  const PitRunOptions& options_;
  PitForm form_;
  std::size_t part_;  // of the memory: for each sort, for leaks, for rows of the future
  EntityTable entities_;
  FeatureLayouts layouts_;
  LabelLayouts labels_;
  PitJoin join_;
  Pull pull_;
  SpillFile spill_;
  std::unique_ptr<LabelInput> label_input_;
  FeatureInputs inputs_;
  std::unique_ptr<PitOutput> output_;
  std::unique_ptr<ExternalSort> label_sort_;  // by time
  std::unique_ptr<ExternalSort> row_sort_;    // back into the order in which the labels came
  std::unique_ptr<Progress> progress_;
  bool sort_features_ = false;
  bool incomplete_ = false;  // the features ended before their end
  Label label_;
  std::string bytes_;
  PitCounts counts_;
  std::uint64_t unanswered_ = 0;
};

Status PitRun::open_inputs() {
  Result<NamedInput> labels = NamedInput::open(options_.labels);
  if (!labels.ok()) return labels.status();
  label_input_ = std::make_unique<LabelInput>(tool_, std::move(*labels), label_form(options_), entities_, labels_);
  std::uint64_t bytes = 0;
  bool known = true;
  for (const std::string& path : options_.features) {
    Result<NamedInput> features = NamedInput::open(path);
    if (!features.ok()) return features.status();
    bytes += features->size;
    known = known && features->size > 0;
    inputs_.push_back(std::make_unique<FeatureInput>(tool_, std::move(*features), entities_, layouts_, walk_by()));
  }
  progress_ = std::make_unique<Progress>(known ? bytes : 0, "bytes");
  pull_.set_on_read([this] { show_progress(); });
  return {};
}

Status PitRun::open() {
  const bool frames = form_ == PitForm::frames && !options_.explain;
  if (Status status = frames ? pull_.sink().open() : pull_.sink().open_text(); !status.ok()) return status;
  if (Status status = open_inputs(); !status.ok()) return status;
  if (options_.explain) return {};
  PitOutputOptions output = options_.output;
  output.form = form_;
  output.each = options_.join.each;
  output_ = PitOutput::make(output, entities_, labels_, layouts_);
  if (frames) pull_.out().open(tool_.producer());
  return choose_order();
}

Status PitRun::choose_order() {
  bool labels_too = options_.order == "any";
  sort_features_ = labels_too;
  if (options_.order == "auto") {
    PitOrder order(tool_, pull_, entities_);
    if (options_.labels != "-") {
      Result<bool> ordered = order.labels(options_.labels, label_form(options_), labels_);
      if (!ordered.ok()) return ordered.status();
      labels_too = !*ordered;
    }
    for (const auto& input : inputs_) {
      if (input->frames().input().size == 0) continue;  // a pipe is read once
      Result<bool> ordered = order.rows(input->frames().input().name, layouts_, walk_by());
      if (!ordered.ok()) return ordered.status();
      sort_features_ = sort_features_ || !*ordered;
    }
  }
  if (!labels_too) return {};
  label_sort_ = std::make_unique<ExternalSort>(part_, spill_);
  row_sort_ = std::make_unique<ExternalSort>(part_, spill_);
  return {};
}

Status PitRun::sort_labels() {
  for (;;) {
    Result<bool> more = label_input_->next(pull_, label_);
    if (!more.ok()) return more.status();
    if (!*more) return label_sort_->finish();
    bytes_.clear();
    encode_label(label_, bytes_);
    if (Status status = label_sort_->add(label_.time, bytes_); !status.ok()) return status;
  }
}

Result<bool> PitRun::next_label() {
  if (!label_sort_) return label_input_->next(pull_, label_);
  Nanos time = 0;
  std::string_view record;
  Result<bool> more = label_sort_->next(time, record);
  if (more.ok() && *more) decode_label(record, label_);
  return more;
}

Status PitRun::emit(const PitJoin::Answer& answer) {
  if (!row_sort_) {
    Status status = output_->put(label_, answer, pull_.out());
    return status.ok() ? pull_.pump() : label_input_->placed(std::move(status));
  }
  bytes_.clear();
  encode_joined(label_, answer, bytes_);
  return row_sort_->add(static_cast<Nanos>(label_.number), bytes_);
}

Status PitRun::answer_label() {
  Result<PitJoin::Answer> answer = join_.answer(label_.entity, label_.time);
  if (!answer.ok()) return label_input_->placed(answer.status());
  counts_.add(*answer);
  return emit(*answer);
}

Status PitRun::join_all(RowLog& log) {
  for (;;) {
    Result<bool> more = next_label();
    if (!more.ok()) return more.status();
    if (pull_.stopped()) return {};
    if (!*more) break;
    if (!incomplete_) {
      Result<bool> all_there = log.take(label_.time, join_);
      if (!all_there.ok()) return all_there.status();
      if (pull_.stopped()) return {};
      incomplete_ = !*all_there;
    }
    if (incomplete_) ++unanswered_;
    else if (Status status = answer_label(); !status.ok()) return status;
  }
  // The rest of the log: what would have leaked, and whether the input is whole.
  if (incomplete_) return {};
  Result<bool> rest = log.take(kForever, join_);
  if (!rest.ok()) return rest.status();
  incomplete_ = !*rest;
  return {};
}

Status PitRun::put_sorted() {
  if (!row_sort_) return {};
  if (Status status = row_sort_->finish(); !status.ok()) return status;
  JoinedRow row;
  std::vector<Chosen> chosen;
  std::vector<double> values;
  for (Nanos number = 0;;) {
    std::string_view record;
    Result<bool> more = row_sort_->next(number, record);
    if (!more.ok()) return more.status();
    if (!*more || pull_.stopped()) return {};
    row.decode(record);
    // Features that came up behind the label are missing in it.
    chosen.assign(row.answer().chosen.begin(), row.answer().chosen.end());
    values.assign(row.answer().values.begin(), row.answer().values.end());
    values.resize(layouts_.features().size(), std::numeric_limits<double>::quiet_NaN());
    if (options_.join.each) chosen.resize(values.size());
    if (Status status = output_->put(row.label(), {chosen, values}, pull_.out()); !status.ok()) {
      status.message = fmt::format("row {} of the labels: {}", row.label().number, status.message);
      return status;
    }
    if (Status status = pull_.pump(); !status.ok()) return status;
  }
}

Status PitRun::work() {
  if (options_.explain) return explain();
  if (label_sort_)
    if (Status status = sort_labels(); !status.ok()) return status;
  Status joined;
  if (sort_features_) {
    SortedLog log(options_.join, layouts_, part_, spill_);
    joined = log.read(inputs_, pull_);
    if (joined.ok()) joined = join_all(log);
  } else {
    MergedLog log(inputs_, pull_);
    joined = join_all(log);
  }
  if (pull_.reader_left()) return {};
  const Status put = put_sorted();
  if (!joined.ok()) {
    (void)output_->finish(pull_.out());
    return joined;
  }
  return put.ok() ? finish() : put;
}

Status PitRun::finish() {
  progress_->clear();
  if (Status status = output_->finish(pull_.out()); !status.ok()) return status;
  if (form_ == PitForm::frames) pull_.out().close(read_all() && !incomplete_);
  if (Status status = pull_.flush(); !status.ok()) return status;
  if (!pull_.reader_left() && !options_.quiet)
    for (const std::string& line : pit_summary(counts_, join_, options_.join, layouts_)) tool_.say(line);
  if (unanswered_ > 0)
    tool_.say(fmt::format("{} labels are not answered: the features end before them, and not for good (--finish)", unanswered_));
  return pull_.publish();
}

/// Needs no order and no memory: all rows of one entity go by.
Status PitRun::explain() {
  do {
    Result<bool> more = label_input_->next(pull_, label_);
    if (!more.ok()) return more.status();
    if (pull_.stopped()) return {};
    if (!*more)
      return Status::error(Code::usage, fmt::format("--explain {}: there are {} labels", *options_.explain, label_.number));
  } while (label_.number < *options_.explain);
  PitExplain why(options_.join, layouts_, label_.entity, label_.time);
  for (const auto& input : inputs_) {
    for (;;) {
      Result<bool> more = input->fill(pull_);
      if (!more.ok()) return more.status();
      if (!*more) break;
      why.add(input->rows());
      input->advance_to(input->rows().rows());
    }
  }
  if (pull_.stopped()) return {};
  progress_->clear();
  std::string& text = pull_.out().text();
  TimeText time;
  text += fmt::format("label {}: {} at ", label_.number, entities_.name(label_.entity));
  time.append(label_.time, text);
  text += '\n' + why.text();
  return pull_.flush();
}

void PitRun::show_progress() {
  std::uint64_t bytes = 0;
  for (const auto& input : inputs_) bytes += input->frames().bytes();
  progress_->update(bytes);
}

std::vector<Counter> PitRun::counters() const {
  std::uint64_t frames = 0, rows = 0, skipped = label_input_ ? label_input_->skipped() : 0;
  for (const auto& input : inputs_) {
    frames += input->frames().frames();
    rows += input->taken();
    skipped += input->frames().skipped();
  }
  return {{"frames_in", frames},      {"feature_rows_in", rows},   {"skipped_bad", skipped},
          {"labels", counts_.labels}, {"joined", counts_.joined},  {"missing", counts_.missing()},
          {"leaks", join_.leaks()},   {"unanswered", unanswered_}, {"bytes_out", pull_.bytes_out()}};
}

Status PitRun::run() {
  if (Status status = open(); !status.ok()) return status;
  const Status status = work();
  progress_->clear();
  if (status.ok()) return {};
  const Status flushed = pull_.flush();
  return flushed.ok() ? status : flushed;
}

}  // namespace

bool labels_are_frames(const PitRunOptions& options) { return label_form(options) == LabelForm::frames; }

Status run_pit_join(Tool& tool, const PitRunOptions& options) { return PitRun(tool, options).run(); }

}  // namespace twinpipe::cli
