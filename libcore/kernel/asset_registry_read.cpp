// SPDX-License-Identifier: Apache-2.0
// The asset registry's two forms, CSV and JSON lines, brought to rows.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <set>

#include "kernel/asset_registry.hpp"
#include "kernel/csv_record.hpp"
#include "kernel/text_values.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

namespace dom = simdjson::dom;

using Member = std::pair<std::string, std::string>;

constexpr std::string_view kHeader = "registry, owner, as_of and slo";

/// A date alone is its first moment, UTC.
std::optional<Nanos> time_of(std::string_view text) {
  const Result<Nanos> time =
      parse_time(text.size() == 10 && text[4] == '-' ? std::string(text) + "T00:00:00Z" : std::string(text));
  return time.ok() ? std::optional(*time) : std::nullopt;
}

bool is_fact_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// A fact's value as text; nothing for one that is neither text, number, boolean nor null.
std::optional<std::string> text_of(dom::element value) {
  switch (value.type()) {
    case dom::element_type::STRING: return std::string(value.get_string().value_unsafe());
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE: return simdjson::minify(value);
    case dom::element_type::BOOL: return value.get_bool().value_unsafe() ? "true" : "false";
    case dom::element_type::NULL_VALUE: return "";
    default: return std::nullopt;
  }
}

}  // namespace

class RegistryReader {
 public:
  explicit RegistryReader(const std::string& file) : file_(file) {}

  Status read(std::string_view text);
  AssetRegistry& registry() { return registry_; }

 private:
  template <class... Args>
  Status bad(fmt::format_string<Args...> format, Args&&... args) const {
    return Status::error(Code::bad_config,
                         fmt::format("{}:{}: {}", file_, at_, fmt::format(format, std::forward<Args>(args)...)));
  }
  Status csv(const CsvRecord& record);
  Status columns(const CsvRecord& record);
  Status json(std::string_view line);
  Status json_facts(dom::element value);
  Status header(const std::vector<Member>& members);
  Status row(const std::vector<Member>& members);
  Status period(std::string_view name, std::string_view text, Nanos& time) const;
  Status mount(MountRow mount, std::string_view series, bool has_facts);

  const std::string& file_;
  std::uint32_t at_ = 1;
  bool has_header_ = false;
  std::vector<std::string> columns_;          // of CSV
  std::set<std::string, std::less<>> facts_;  // names that JSON lines may have
  dom::parser parser_;
  AssetRegistry registry_;
};

Status RegistryReader::read(std::string_view text) {
  if (!is_utf8(text)) return bad("the file is not UTF-8");
  const bool is_json = text.starts_with('{');
  CsvRecord record;
  for (std::uint32_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!record.is_open()) at_ = line_number;
    if (is_json) {
      if (line.find_first_not_of(" \t\r") == line.npos) continue;
      if (Status status = json(line); !status.ok()) return status;
    } else if (record.take(line) == CsvRecord::Taken::whole) {
      if (Status status = csv(record); !status.ok()) return status;
    }
  }
  if (record.is_open()) return bad("the file ends inside quotes");
  if (!has_header_) return bad("no header: the first record names {}", kHeader);
  if (!is_json && columns_.empty()) return bad("no columns: the second record names them, asset first of all");
  return {};
}

// ---- the two forms --------------------------------------------------------------------------------------------------

/// First record: names and values by turns. Second: the columns. Spreadsheets pad short records with empty fields.
Status RegistryReader::csv(const CsvRecord& record) {
  const auto& cells = record.cells();
  if (cells.empty()) return bad("text behind a closing quote");
  std::vector<Member> members;
  if (!has_header_) {
    std::size_t count = cells.size();
    while (count > 0 && cells[count - 1].text.empty()) --count;
    for (std::size_t i = 0; i < count; i += 2)
      members.emplace_back(cells[i].text, i + 1 < cells.size() ? std::string(cells[i + 1].text) : "");
    return header(members);
  }
  if (std::ranges::all_of(cells, [](const CsvRecord::Cell& cell) { return cell.text.empty(); })) return {};
  if (columns_.empty()) return columns(record);
  if (cells.size() != columns_.size()) return bad("{} fields, there are {} columns", cells.size(), columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (!columns_[i].empty()) members.emplace_back(columns_[i], cells[i].text);
    else if (!cells[i].text.empty()) return bad("'{}' stands in a column without a name", cells[i].text);
  return row(members);
}

Status RegistryReader::columns(const CsvRecord& record) {
  for (const CsvRecord::Cell& cell : record.cells()) {
    if (!cell.text.empty() && !is_fact_name(cell.text)) return bad("column '{}': names are of a-z, 0-9, '_' and '-'", cell.text);
    if (!cell.text.empty() && std::ranges::find(columns_, cell.text) != columns_.end())
      return bad("two columns are called '{}'", cell.text);
    columns_.emplace_back(cell.text);
  }
  return std::ranges::find(columns_, "asset") == columns_.end() ? bad("no column is called 'asset'") : Status{};
}

Status RegistryReader::json(std::string_view line) {
  dom::object object;
  const auto error = parser_.parse(simdjson::padded_string(line)).get(object);
  if (error != simdjson::SUCCESS) return bad("not a JSON object: {}", simdjson::error_message(error));
  std::vector<Member> members;
  for (const auto& [key, value] : object) {
    if (!has_header_ && key == "facts") {
      if (Status status = json_facts(value); !status.ok()) return status;
      continue;
    }
    const std::optional<std::string> text = text_of(value);
    if (!text) return bad("'{}' is neither a text nor a number nor true or false", key);
    if (std::ranges::find(members, key, &Member::first) != members.end()) return bad("'{}' stands there twice", key);
    members.emplace_back(key, *text);
  }
  return has_header_ ? row(members) : header(members);
}

/// Lines of JSON have no columns that would name the facts, and a misspelt key must not be a new one.
Status RegistryReader::json_facts(dom::element value) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return bad("'facts' is not a list of names");
  for (const dom::element item : array) {
    std::string_view name;
    if (item.get(name) != simdjson::SUCCESS || !is_fact_name(name))
      return bad("'facts' is not a list of names of a-z, 0-9, '_' and '-'");
    if (!facts_.emplace(name).second) return bad("facts: '{}' stands there twice", name);
  }
  return {};
}

// ---- what they say --------------------------------------------------------------------------------------------------

Status RegistryReader::header(const std::vector<Member>& members) {
  std::string as_of, slo;
  const std::pair<std::string_view, std::string*> known[]{
      {"registry", &registry_.name_}, {"owner", &registry_.owner_}, {"as_of", &as_of}, {"slo", &slo}};
  for (const auto& [key, value] : members) {
    const auto* const to = std::ranges::find(known, std::string_view(key), &std::pair<std::string_view, std::string*>::first);
    if (to == std::end(known)) return bad("header: unknown key '{}': it names {}", key, kHeader);
    if (!to->second->empty()) return bad("header: '{}' stands there twice", key);
    *to->second = value;
  }
  for (const auto& [key, value] : known)
    if (value->empty()) return bad("header: '{}' is missing: it names {}", key, kHeader);
  if (Status status = period("as_of", as_of, registry_.as_of_); !status.ok()) return status;
  const Result<Nanos> age = parse_duration(slo);
  if (!age.ok() || *age <= 0) return bad("slo: '{}' is not a duration such as 90d", slo);
  registry_.slo_ = *age;
  has_header_ = true;
  return {};
}

Status RegistryReader::period(std::string_view name, std::string_view text, Nanos& time) const {
  const std::optional<Nanos> read = time_of(text);
  if (!read) return bad("{}: '{}' is not a date or time such as 2026-01-31 or 2026-01-31T23:59:59Z", name, text);
  if (*read < 0) return bad("{}: '{}' is before 1970", name, text);
  time = *read;
  return {};
}

Status RegistryReader::row(const std::vector<Member>& members) {
  AssetRow row;
  row.at = at_;
  std::string_view key, series, sensor;
  for (const auto& [name, value] : members) {
    if (name == "asset") key = value;
    else if (name == "series") series = value;
    else if (name == "sensor") sensor = value;
    else if (value.empty() || name == "remark") continue;  // a remark is for people
    else if (name == "from" || name == "until") {
      if (Status status = period(name, value, name == "from" ? row.period.from : row.period.until); !status.ok()) return status;
    } else if (columns_.empty() && !facts_.contains(name)) {
      return bad("unknown key '{}': the header's 'facts' does not name it", name);
    } else {
      row.facts.emplace_back(name, value);
    }
  }
  auto levels = split_asset_key(key);
  if (!levels || std::ranges::any_of(*levels, &std::string::empty))
    return bad("asset: '{}' is not of the form site.line.asset", key);
  row.site = std::move((*levels)[0]);
  row.line = std::move((*levels)[1]);
  row.asset = std::move((*levels)[2]);
  if (row.period.from >= row.period.until) return bad("asset {}: the row ends before it begins", key);
  std::ranges::sort(row.facts);
  if (!series.empty())
    return mount({{}, row.site, row.line, row.asset, decode_level(sensor), row.period, at_}, series, !row.facts.empty());
  if (!sensor.empty()) return bad("'sensor' without 'series': it names a remounted sensor");
  registry_.rows_.push_back(std::move(row));
  return {};
}

Status RegistryReader::mount(MountRow mount, std::string_view series, bool has_facts) {
  const Result<Pattern> pattern = Pattern::parse(series);
  if (!pattern.ok()) return bad("series: {}", pattern.status().message);
  if (has_facts) return bad("a row with a 'series' says whose sensor it is; facts of the asset stand in a row of their own");
  if (!mount.sensor.empty() && pattern->levels()[3].find_first_of("*?") != std::string::npos)
    return bad("'{}' may be several sensors, and only one can be '{}'", series, mount.sensor);
  mount.series = *pattern;
  registry_.mounts_.push_back(std::move(mount));
  return {};
}

Result<AssetRegistry> AssetRegistry::parse(std::string_view text, const std::string& file) {
  RegistryReader reader(file);
  if (Status status = reader.read(text); !status.ok()) return status;
  if (Status status = reader.registry().complete(file); !status.ok()) return status;
  return std::move(reader.registry());
}

}  // namespace twinpipe
