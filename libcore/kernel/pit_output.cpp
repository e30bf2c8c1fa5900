// SPDX-License-Identifier: Apache-2.0
// Joined labels as text: CSV and JSON lines.
#include "kernel/pit_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernel/bytes_of.hpp"
#include "kernel/number_text.hpp"
#include "kernel/pit_frames.hpp"
#include "wire/json_string.hpp"

namespace twinpipe {
namespace {

Status bad(std::string message) { return Status::error(Code::bad_data, std::move(message)); }

bool is_json_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && (text.size() == 1 || text[0] != '0') &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// In seconds, as text.
void append_age(const Label& label, const Chosen& chosen, std::string& text) {
  append_number(static_cast<double>(saturating_sub(label.time, chosen.row.as_of)) / 1e9, text);
}

class CsvOutput final : public PitOutput {
 public:
  using PitOutput::PitOutput;

  Status put(const Label& label, const PitJoin::Answer& answer, Output& out) override {
    if (Status status = begin(label.layout, out); !status.ok()) return status;
    if (features_->features().size() != feature_count_)
      return bad(fmt::format("feature '{}' came up behind the header: name the columns (--columns), or give the rows as files",
                             features_->features()[feature_count_]));
    if (label.layout != layout_) return bad("the label has other columns than the header: CSV has the same in every row");
    std::string& text = out.text();
    for (const LabelCell& cell : label.cells) {
      append_cell(cell, label, text);
      text += ',';
    }
    if (!options_.each) append_times(label, answer.chosen[0], text);
    for (std::size_t i = 0; i < answer.values.size(); ++i) {
      if (!std::isnan(answer.values[i])) append_number(answer.values[i], text);
      text += ',';
      if (options_.each) append_times(label, answer.chosen[i], text);
    }
    text.back() = '\n';
    return {};
  }

  Status finish(Output& out) override { return labels_->size() == 0 ? Status{} : begin(0, out); }

 private:
  Status begin(std::uint32_t layout, Output& out) {
    if (begun_) return {};
    Result<std::vector<std::string>> added = added_names(layout);
    if (!added.ok()) return added.status();
    std::string& text = out.text();
    for (const auto* names : std::initializer_list<const std::vector<std::string>*>{&(*labels_)[layout].names, &*added}) {
      for (const std::string& name : *names) {
        append_csv_field(name, text);
        text += ',';
      }
    }
    text.back() = '\n';
    begun_ = true;
    layout_ = layout;
    feature_count_ = features_->features().size();
    return {};
  }

  void append_times(const Label& label, const Chosen& chosen, std::string& text) {
    if (chosen.missing != Missing::no) {
      text += ",,,";
      return;
    }
    as_of_.append(chosen.row.as_of, text);
    text += ',';
    known_at_.append(chosen.row.known_at, text);
    text += ',';
    append_age(label, chosen, text);
    text += ',';
  }

  void append_cell(const LabelCell& cell, const Label& label, std::string& text) {
    switch (cell.kind) {
      case LabelCell::Kind::null: break;
      case LabelCell::Kind::csv: text += cell.text; break;
      case LabelCell::Kind::text:
      case LabelCell::Kind::literal: append_csv_field(cell.text, text); break;
      case LabelCell::Kind::real:
        if (!std::isnan(cell.real)) append_number(cell.real, text);
        break;
      case LabelCell::Kind::time: time_.append(label.time, text); break;
    }
  }

  bool begun_ = false;
  std::uint32_t layout_ = 0;
  std::size_t feature_count_ = 0;
  TimeText time_, as_of_, known_at_;  // each remembers its own second
};

class JsonOutput final : public PitOutput {
 public:
  using PitOutput::PitOutput;

  Status put(const Label& label, const PitJoin::Answer& answer, Output& out) override {
    if (layout_ != label.layout || feature_count_ != features_->features().size())
      if (Status status = spell(label.layout); !status.ok()) return status;
    std::string& text = out.text();
    text += '{';
    std::size_t key = 0;
    for (const LabelCell& cell : label.cells) {
      text += keys_[key++];
      append_cell(cell, label, text);
    }
    if (!options_.each) append_times(label, answer.chosen[0], key, text);
    for (std::size_t i = 0; i < answer.values.size(); ++i) {
      text += keys_[key++];
      if (std::isnan(answer.values[i])) text += "null";
      else append_json_float(answer.values[i], text);
      if (options_.each) append_times(label, answer.chosen[i], key, text);
    }
    text += "}\n";
    return {};
  }

  Status finish(Output&) override { return {}; }

 private:
  /// Keys as they stand in every line: `,"name":`.
  Status spell(std::uint32_t layout) {
    Result<std::vector<std::string>> added = added_names(layout);
    if (!added.ok()) return added.status();
    keys_.clear();
    for (const auto* names : std::initializer_list<const std::vector<std::string>*>{&(*labels_)[layout].names, &*added}) {
      for (const std::string& name : *names) {
        std::string& key = keys_.emplace_back(keys_.empty() ? "" : ",");
        append_json_string(name, key);
        key += ':';
      }
    }
    layout_ = layout;
    feature_count_ = features_->features().size();
    return {};
  }

  void append_times(const Label& label, const Chosen& chosen, std::size_t& key, std::string& text) {
    const bool missing = chosen.missing != Missing::no;
    for (TimeText* const time : {&as_of_, &known_at_}) {
      text += keys_[key++];
      text += missing ? "null" : "\"";
      if (missing) continue;
      time->append(time == &as_of_ ? chosen.row.as_of : chosen.row.known_at, text);
      text += '"';
    }
    text += keys_[key++];
    if (missing) text += "null";
    else append_age(label, chosen, text);
  }

  void append_cell(const LabelCell& cell, const Label& label, std::string& text) {
    double number = 0;
    switch (cell.kind) {
      case LabelCell::Kind::null: text += "null"; break;
      case LabelCell::Kind::csv:
        // A number is written anew: CSV's 007, .5 or +1 is none in JSON. Whole ones stay: a double has no room for nanoseconds.
        if (cell.text == "true" || cell.text == "false" || is_json_integer(cell.text)) text += cell.text;
        else if (parse_number(cell.text, number)) append_json_float(number, text);
        else append_json_string(cell.text, text);
        break;
      case LabelCell::Kind::text: append_json_string(cell.text, text); break;
      case LabelCell::Kind::literal: text += cell.text; break;
      case LabelCell::Kind::real:
        if (std::isnan(cell.real)) text += "null";
        else append_json_float(cell.real, text);
        break;
      case LabelCell::Kind::time:
        text += '"';
        time_.append(label.time, text);
        text += '"';
        break;
    }
  }

  std::uint32_t layout_ = 0xFFFFFFFFU;
  std::size_t feature_count_ = 0;
  std::vector<std::string> keys_;
  TimeText time_, as_of_, known_at_;
};

}  // namespace

Result<std::vector<std::string>> PitOutput::added_names(std::uint32_t layout) const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) { names.push_back(options_.prefix + name); };
  const auto add_times = [&](const std::string& of) {
    for (const char* const time : {"as_of", "known_at", "age"}) add(of + time);
  };
  if (!options_.each) add_times("");
  for (const std::string& feature : features_->features()) {
    add(feature);
    if (options_.each) add_times(feature + ".");
  }
  for (const std::string& name : names)
    if (std::ranges::find((*labels_)[layout].names, name) != (*labels_)[layout].names.end() ||
        std::ranges::count(names, name) > 1)
      return bad(fmt::format("two columns of the output would be called '{}' (--prefix)", name));
  return names;
}

std::unique_ptr<PitOutput> PitOutput::make(const PitOutputOptions& options, const EntityTable& entities,
                                           const LabelLayouts& labels, const FeatureLayouts& features) {
  switch (options.form) {
    case PitForm::csv: return std::make_unique<CsvOutput>(options, entities, labels, features);
    case PitForm::json: return std::make_unique<JsonOutput>(options, entities, labels, features);
    case PitForm::frames: break;
  }
  return std::make_unique<FramesOutput>(options, entities, labels, features);
}

void encode_joined(const Label& label, const PitJoin::Answer& answer, std::string& bytes) {
  encode_label(label, bytes);
  append_bytes_of(static_cast<std::uint32_t>(answer.chosen.size()), bytes);
  for (const Chosen& chosen : answer.chosen) {
    append_bytes_of(chosen.missing, bytes);
    append_bytes_of(chosen.row.as_of, bytes);
    append_bytes_of(chosen.row.known_at, bytes);
    append_bytes_of(chosen.row.revision, bytes);
    append_bytes_of(chosen.layout, bytes);
  }
  append_bytes_of(static_cast<std::uint32_t>(answer.values.size()), bytes);
  for (const double value : answer.values) append_bytes_of(value, bytes);
}

void JoinedRow::decode(std::string_view bytes) {
  decode_label(bytes, label_);
  chosen_.resize(take_bytes_of<std::uint32_t>(bytes));
  for (Chosen& chosen : chosen_) {
    chosen.missing = take_bytes_of<Missing>(bytes);
    chosen.row.as_of = take_bytes_of<Nanos>(bytes);
    chosen.row.known_at = take_bytes_of<Nanos>(bytes);
    chosen.row.revision = take_bytes_of<std::uint32_t>(bytes);
    chosen.layout = take_bytes_of<std::uint32_t>(bytes);
  }
  values_.resize(take_bytes_of<std::uint32_t>(bytes));
  for (double& value : values_) value = take_bytes_of<double>(bytes);
}

}  // namespace twinpipe
