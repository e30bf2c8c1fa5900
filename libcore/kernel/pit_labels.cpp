// SPDX-License-Identifier: Apache-2.0
// Labels of a point-in-time join.
#include "kernel/pit_labels.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "kernel/bytes_of.hpp"

namespace twinpipe {
namespace {

Status bad(std::string message) { return Status::error(Code::bad_data, std::move(message)); }

bool blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

Result<std::uint32_t> LabelLayouts::find(std::span<const std::string_view> names) {
  const auto same = [&](const LabelLayout& layout) { return std::ranges::equal(layout.names, names); };
  if (last_ < layouts_.size() && same(layouts_[last_])) return last_;
  const auto at = std::ranges::find_if(layouts_, same);
  if (at != layouts_.end()) return last_ = static_cast<std::uint32_t>(at - layouts_.begin());
  LabelLayout layout;
  for (const std::string_view name : names) {
    if (std::ranges::find(layout.names, name) != layout.names.end()) return bad(fmt::format("two columns are called '{}'", name));
    if (!is_utf8(name)) return bad("the name of a column is not UTF-8");
    layout.names.emplace_back(name);
  }
  for (const auto& [name, place, option] :
       {std::tuple(&entity_name, &layout.entity, "--entity"), std::tuple(&time_name, &layout.time, "--time")}) {
    const auto found = std::ranges::find(layout.names, *name);
    if (found == layout.names.end()) return bad(fmt::format("the labels have no column '{}' ({})", *name, option));
    *place = static_cast<std::size_t>(found - layout.names.begin());
  }
  layouts_.push_back(std::move(layout));
  return last_ = static_cast<std::uint32_t>(layouts_.size() - 1);
}

void encode_label(const Label& label, std::string& bytes) {
  append_bytes_of(label.number, bytes);
  append_bytes_of(label.entity, bytes);
  append_bytes_of(label.time, bytes);
  append_bytes_of(label.layout, bytes);
  append_bytes_of(static_cast<std::uint32_t>(label.cells.size()), bytes);
  for (const LabelCell& cell : label.cells) {
    append_bytes_of(cell.kind, bytes);
    append_bytes_of(cell.real, bytes);
    append_bytes_of(static_cast<std::uint32_t>(cell.text.size()), bytes);
    bytes += cell.text;
  }
}

void decode_label(std::string_view& bytes, Label& label) {
  label.number = take_bytes_of<std::uint64_t>(bytes);
  label.entity = take_bytes_of<std::uint32_t>(bytes);
  label.time = take_bytes_of<Nanos>(bytes);
  label.layout = take_bytes_of<std::uint32_t>(bytes);
  label.cells.resize(take_bytes_of<std::uint32_t>(bytes));
  for (LabelCell& cell : label.cells) {
    cell.kind = take_bytes_of<LabelCell::Kind>(bytes);
    cell.real = take_bytes_of<double>(bytes);
    const auto size = take_bytes_of<std::uint32_t>(bytes);
    cell.text = bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
}

Status LabelParser::set_entity(std::string_view entity, Label& label) {
  if (entity.empty()) return bad(fmt::format("{}: empty", layouts_->entity_name));
  if (!is_utf8(entity)) return bad(fmt::format("{}: not UTF-8", layouts_->entity_name));
  label.entity = entities_->find_or_add(entity);
  if (label.entity == EntityTable::kNone) return bad(fmt::format("more than {} entities (--max-series)", entities_->limit()));
  return {};
}

Status LabelParser::set(std::string_view entity, std::string_view time, Label& label) {
  if (Status status = set_entity(entity, label); !status.ok()) return status;
  Result<Nanos> parsed = times_.parse(time);
  if (!parsed.ok()) return bad(fmt::format("{}: {}", layouts_->time_name, parsed.status().message));
  label.time = *parsed;
  label.number = ++rows_;
  return {};
}

Result<bool> CsvLabels::take(std::string_view line, Label& label) {
  if (record_.take(line) != CsvRecord::Taken::whole) return false;
  const std::vector<CsvRecord::Cell>& cells = record_.cells();
  if (!has_header_) {
    std::vector<std::string_view> names;
    for (const CsvRecord::Cell& cell : cells) names.push_back(cell.text);
    Result<std::uint32_t> layout = layouts_->find(names);
    if (!layout.ok()) return layout.status();
    layout_ = *layout;
    has_header_ = true;
    return false;
  }
  const LabelLayout& layout = (*layouts_)[layout_];
  if (cells.size() != layout.names.size())
    return bad(cells.empty() ? "text behind a closing quote"
                             : fmt::format("{} fields, the header has {}", cells.size(), layout.names.size()));
  if (Status status = set(cells[layout.entity].text, cells[layout.time].text, label); !status.ok()) return status;
  label.layout = layout_;
  label.cells.resize(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool null = cells[i].text.empty() && !cells[i].quoted;
    label.cells[i] = {null              ? LabelCell::Kind::null
                      : cells[i].quoted ? LabelCell::Kind::text
                                        : LabelCell::Kind::csv,
                      cells[i].text, 0};
  }
  return true;
}

Status CsvLabels::end() {
  if (record_.is_open()) return bad("the text ends inside quotes");
  return has_header_ ? Status{} : bad("no header: the first line names the columns");
}

struct JsonLabels::Parser {
  simdjson::dom::parser json;
  std::vector<std::string_view> names;
  std::string literals;           // of one line
  std::vector<std::size_t> ends;  // where each of them ends
};

JsonLabels::JsonLabels(EntityTable& entities, LabelLayouts& layouts)
    : LabelParser(entities, layouts), parser_(std::make_unique<Parser>()) {}
JsonLabels::~JsonLabels() = default;

Result<bool> JsonLabels::take(std::string_view line, Label& label) {
  if (blank(line)) return false;
  static_assert(kPadding >= simdjson::SIMDJSON_PADDING);
  simdjson::dom::element document;
  simdjson::dom::object members;
  if (const auto error = parser_->json.parse(line.data(), line.size(), false).get(document); error != simdjson::SUCCESS)
    return bad(fmt::format("not JSON: {}", simdjson::error_message(error)));
  if (document.get(members) != simdjson::SUCCESS) return bad("not a JSON object");
  parser_->names.clear();
  parser_->literals.clear();
  label.cells.clear();
  std::vector<std::size_t>& ends = parser_->ends;
  ends.clear();
  for (const auto [key, value] : members) {
    parser_->names.push_back(key);
    LabelCell& cell = label.cells.emplace_back();
    if (value.is_null()) continue;
    cell.kind = value.is_string() ? LabelCell::Kind::text : LabelCell::Kind::literal;
    if (value.is_string()) cell.text = value.get_string().value();
    else parser_->literals += simdjson::minify(value);
    ends.push_back(parser_->literals.size());
  }
  // Only now the literals stay where they are.
  std::size_t begin = 0, next = 0;
  for (LabelCell& cell : label.cells) {
    if (cell.kind == LabelCell::Kind::null) continue;
    const std::size_t end = ends[next++];
    if (cell.kind == LabelCell::Kind::literal) cell.text = std::string_view(parser_->literals).substr(begin, end - begin);
    begin = end;
  }
  Result<std::uint32_t> number = layouts_->find(parser_->names);
  if (!number.ok()) return number.status();
  label.layout = *number;
  const LabelLayout& layout = (*layouts_)[label.layout];
  const LabelCell &entity = label.cells[layout.entity], &time = label.cells[layout.time];
  if (entity.kind != LabelCell::Kind::text) return bad(fmt::format("{}: not a string", layouts_->entity_name));
  if (Status status = set(entity.text, time.text, label); !status.ok()) return status;
  return true;
}

Status FrameLabels::take(std::string_view payload) {
  Result<FeatureRows> rows = decoder_.decode(payload);
  if (!rows.ok()) return rows.status();
  if (numbers_.size() <= rows->layout) numbers_.resize(rows->layout + 1, FeatureLayouts::kNone);
  if (numbers_[rows->layout] == FeatureLayouts::kNone) {
    std::vector<std::string_view> names{layouts_->entity_name, layouts_->time_name};
    for (const std::string& name : names_.layout(rows->layout).names) names.push_back(name);
    Result<std::uint32_t> number = layouts_->find(names);
    if (!number.ok()) return number.status();
    numbers_[rows->layout] = *number;
  }
  frame_ = *rows;
  at_ = 0;
  return {};
}

bool FrameLabels::next(Label& label) {
  if (at_ == frame_.rows()) return false;
  constexpr std::size_t kAhead = 8;
  if (at_ + kAhead < frame_.rows()) entities_->prefetch(frame_.entity[at_ + kAhead]);
  label.number = ++rows_;
  label.entity = frame_.entity[at_];
  label.time = frame_.label_time.empty() ? frame_.as_of[at_] : frame_.label_time[at_];
  label.layout = numbers_[frame_.layout];
  label.cells.clear();
  label.cells.push_back({LabelCell::Kind::text, entities_->name(label.entity), 0});
  label.cells.push_back({LabelCell::Kind::time, {}, 0});
  for (const PackedView<double>& column : frame_.column) label.cells.push_back({LabelCell::Kind::real, {}, column[at_]});
  ++at_;
  return true;
}

}  // namespace twinpipe
