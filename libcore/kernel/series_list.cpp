// SPDX-License-Identifier: Apache-2.0
// A list of series, from names or from declarations.
#include "kernel/series_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernel/frames_from_json.hpp"
#include "kernel/sparkplug_value.hpp"
#include "kernel/text_values.hpp"
#include "wire/scanner.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {
namespace {

/// Gathers declarations from frames.
class Declarations {
 public:
  explicit Declarations(std::uint32_t limit) : table_(limit) {}

  Status take(const FrameView& view) {
    if (view.kind == FrameKind::open) table_.open_segment();
    if (view.kind != FrameKind::series && view.kind != FrameKind::waveform) return {};
    const bool series = view.kind == FrameKind::series;
    google::protobuf::Message& message = series ? static_cast<google::protobuf::Message&>(series_) : waveform_;
    if (!message.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size())))
      return Status::error(Code::bad_data, "a frame does not parse");
    if (series) return table_.declare(series_, declared_);
    if (waveform_.series() >= table_.slots().size()) return Status::error(Code::bad_data, "a waveform of an undeclared alias");
    rates_.resize(table_.size());
    if (waveform_.sample_period() > 0) rates_[table_.slots()[waveform_.series()]] = 1 / waveform_.sample_period();
    return {};
  }

  /// The frames at the front of `bytes`; all of them must be whole.
  Status take_all(std::string_view bytes) {
    for (FrameView frame;;) {
      const Scanner::Outcome outcome = scanner_.next(bytes, frame);
      if (outcome == Scanner::Outcome::bad) return scanner_.status();
      if (outcome == Scanner::Outcome::need_more)
        return bytes.empty() ? Status{} : Status::error(Code::bad_data, "it ends inside a frame");
      if (Status status = take(frame); !status.ok()) return status;
      bytes.remove_prefix(frame.bytes.size());
    }
  }

  std::vector<ListedSeries> list() {
    rates_.resize(table_.size());
    std::vector<ListedSeries> all;
    for (std::uint32_t slot = 0; slot < table_.size(); ++slot) {
      const Asset& asset = table_.asset_of(slot);
      const v1::Sensor& sensor = table_.series(slot).sensor;
      ListedSeries& series = all.emplace_back();
      series.levels = {asset.site, asset.line, asset.asset, sensor.name()};
      series.declared = true;
      if (sensor.has_low()) series.low = sensor.low();
      if (sensor.has_high()) series.high = sensor.high();
      if (const auto period = sparkplug::sample_period_of(sensor)) series.sample_rate = 1 / *period;
      if (rates_[slot] > 0) series.sample_rate = rates_[slot];  // what is sent, whatever was announced
    }
    return all;
  }

 private:
  Scanner scanner_;
  SeriesTable table_;
  v1::Series series_;
  v1::Waveform waveform_;
  std::vector<Declared> declared_;
  std::vector<double> rates_;  // Hz, by slot; 0: no waveform yet
};

/// The line at the front, which is taken off.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Status at_line(std::size_t line, const Status& status) {
  return Status::error(status.code, fmt::format("line {}: {}", line, status.message));
}

Status read_json(std::string_view content, Declarations& declarations) {
  std::string padded(content);
  padded.append(LineParser::kPadding, '\0');
  std::string_view text = std::string_view(padded).substr(0, content.size());
  FramesFromJson parser("policy", 512);
  Output out;
  for (std::size_t line = 1; !text.empty(); ++line) {
    Status status = parser.take(next_line(text), out);
    if (status.ok()) status = declarations.take_all(out.pending());
    if (!status.ok()) return at_line(line, status);
    out.clear();
  }
  if (Status status = parser.end(out); !status.ok()) return status;
  return declarations.take_all(out.pending());
}

Status read_names(std::string_view text, std::uint32_t limit, std::vector<ListedSeries>& all) {
  std::set<SeriesLevels> known;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::string_view name = next_line(text);
    if (name.empty() || name.starts_with('#')) continue;
    const std::optional<SeriesLevels> levels = split_series_name(name);
    if (!levels || !std::ranges::all_of(*levels, is_utf8))
      return at_line(line, Status::error(Code::bad_data, "not a series: write site/line/asset/sensor"));
    if (!known.insert(*levels).second) continue;
    if (all.size() == limit) return at_line(line, Status::error(Code::bad_data, fmt::format("more than {} series", limit)));
    all.emplace_back().levels = *levels;
  }
  return {};
}

}  // namespace

Result<std::vector<ListedSeries>> read_series_list(std::string_view content, std::uint32_t limit) {
  std::vector<ListedSeries> all;
  // A frame's tag byte is a line's end too, and what follows it may well be '{'.
  const bool json = content.starts_with('{');
  if (json || content.starts_with('\n')) {
    Declarations declarations(limit);
    if (Status status = json ? read_json(content, declarations) : declarations.take_all(content); !status.ok()) return status;
    all = declarations.list();
  } else if (Status status = read_names(content, limit, all); !status.ok()) {
    return status;
  }
  if (all.empty()) return Status::error(Code::bad_data, "it lists no series");
  return all;
}

}  // namespace twinpipe
