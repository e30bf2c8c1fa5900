// SPDX-License-Identifier: Apache-2.0
// Frames as aligned tables.
#include "kernel/frame_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kTimeWidth = 30;
constexpr std::size_t kMostValue = 60;  // longer strings are cut: this is for people

/// Control characters would break the table, or the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMostValue)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  // Not in the middle of a character of several bytes.
  if (text.size() > kMostValue) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
    out += "…";
  }
  return out;
}

std::string value_text(const Columns& columns, std::size_t row) {
  if (is_null(columns.quality_at(row))) return "null";
  if (columns.type == v1::VALUE_TYPE_STRING) return printable(columns.texts[row]);
  if (columns.type == v1::VALUE_TYPE_BYTES) return fmt::format("({} bytes)", columns.texts[row].size());
  std::string text;
  if (columns.type == v1::VALUE_TYPE_DOUBLE) append_number(columns.doubles[row], text);
  else append_json_value(columns, row, text);
  return text;
}

std::string value_text(const v1::TwinMetric& metric) {
  switch (metric.value().kind_case()) {
    case v1::Value::kDoubleValue: return fmt::format("{}", metric.value().double_value());
    case v1::Value::kBoolValue: return metric.value().bool_value() ? "true" : "false";
    case v1::Value::kIntValue: return fmt::format("{}", metric.value().int_value());
    case v1::Value::kUintValue: return fmt::format("{}", metric.value().uint_value());
    case v1::Value::kStringValue: return printable(metric.value().string_value());
    case v1::Value::kBytesValue: return fmt::format("({} bytes)", metric.value().bytes_value().size());
    case v1::Value::KIND_NOT_SET: return "-";
  }
  return "-";
}

/// Frames that a table leaves out: the stream's own matters.
bool is_of_stream(FrameKind kind) {
  constexpr std::array kLeftOut{FrameKind::open,      FrameKind::close,    FrameKind::series, FrameKind::arrival,
                                FrameKind::watermark, FrameKind::position, FrameKind::resume};
  return std::ranges::find(kLeftOut, kind) != kLeftOut.end();
}

/// To the second: ages are read, not computed with.
std::string age_text(Nanos age) { return age < kSecond ? "0s" : format_duration(age / kSecond * kSecond); }

}  // namespace

std::string quality_text(std::uint32_t quality) {
  const std::uint32_t code = quality_code(quality);
  std::string text = code == v1::QUALITY_GOOD    ? "good"
                     : code == v1::QUALITY_BAD   ? "bad"
                     : code == v1::QUALITY_STALE ? "stale"
                                                 : fmt::format("{}", code);
  if (is_null(quality)) text += ", null";
  if ((quality & v1::QUALITY_TIME_OF_PAYLOAD) != 0) text += ", time of payload";
  if ((quality & v1::QUALITY_TIME_OF_ARRIVAL) != 0) text += ", time of arrival";
  if ((quality & v1::QUALITY_AFTER_GAP) != 0) text += ", after gap";
  return text;
}

std::size_t TableForm::name_width() {
  for (; known_ < table().size(); ++known_) width_ = std::max(width_, table().name(static_cast<std::uint32_t>(known_)).size());
  return width_;
}

void TableForm::append_header(std::string& text) {
  if (header_) return;
  header_ = true;
  text += fmt::format("{:<{}} {:<{}} {:>14} {:<8} {}\n", "TIME", kTimeWidth, "SERIES", name_width(), "VALUE", "UNIT", "QUALITY");
}

void TableForm::append_reading(std::uint32_t slot, const Reading& reading, std::string& text) {
  append_header(text);
  const v1::Sensor& sensor = table().series(slot).sensor;
  text +=
      fmt::format("{:<{}} {:<{}} {:>14} {:<8} {}\n", format_time(reading.time), kTimeWidth, table().name(slot), name_width(),
                  reading.value, sensor.unit().empty() ? sensor.declared_unit() : sensor.unit(), quality_text(reading.quality));
}

Status TableForm::on_readings(const Columns& columns, Rows rows, const FrameView&, Output& out) {
  readings_.resize(table().size());
  for (const std::uint32_t row : rows) {
    const std::uint32_t slot = columns.slot[row];
    Reading& reading = readings_[slot];
    // The past never replaces what is newer.
    if (last_ && reading.seen && columns.time[row] < reading.time) continue;
    reading = Reading{true, columns.time[row], value_text(columns, row), columns.quality_at(row)};
    if (!last_) append_reading(slot, reading, out.text());
  }
  return {};
}

void TableForm::append_twin(const v1::Twin& twin, std::string& text) {
  text += fmt::format("{} {}{}{}{}{}{}\n", asset_key(twin.site(), twin.line(), twin.asset()),
                      twin.online() ? "online" : "offline", twin.since() == 0 ? "" : " since " + format_time(twin.since()),
                      twin.as_of() == 0 ? "" : ", as of " + format_time(twin.as_of()), twin.retired() ? ", retired" : "",
                      twin.unknown() ? ", unknown to the registry" : "", twin.registry_stale() ? ", registry stale" : "");
  if (twin.metric().empty()) return;
  std::size_t name = 6, value = 5;
  for (const v1::TwinMetric& metric : twin.metric()) {
    name = std::max(name, metric.sensor().size());
    value = std::max(value, value_text(metric).size());
  }
  text += fmt::format("  {:<{}} {:>{}} {:<8} {:>10} {}\n", "SENSOR", name, "VALUE", value, "UNIT", "AGE", "FRESHNESS");
  for (const v1::TwinMetric& metric : twin.metric()) {
    const bool seen = metric.freshness() != v1::FRESHNESS_NEVER && metric.time() != 0;
    const std::string freshness = v1::Freshness_IsValid(metric.freshness())
                                      ? enum_value_name(*v1::Freshness_descriptor()->FindValueByNumber(metric.freshness()))
                                      : fmt::format("{}", static_cast<int>(metric.freshness()));
    const std::string rejected =
        metric.rejected() == 0 ? "" : fmt::format(", {} rejected by {}", metric.rejected(), printable(metric.rejected_by()));
    text += fmt::format("  {:<{}} {:>{}} {:<8} {:>10} {}{}\n", metric.sensor(), name, value_text(metric), value, metric.unit(),
                        seen ? age_text(twin.as_of() - metric.time()) : "-", freshness, rejected);
  }
  const std::map<std::string, std::string> facts(twin.facts().begin(), twin.facts().end());
  for (const auto& [key, fact] : facts) text += fmt::format("  {} = {}\n", printable(key), printable(fact));
}

Status TableForm::on_frame(const v1::Frame& frame, bool, const FrameView& view, Output& out) {
  if (is_of_stream(view.kind)) return {};
  if (frame.has_twin()) {
    if (last_) twins_[asset_key(frame.twin().site(), frame.twin().line(), frame.twin().asset())] = frame.twin();
    else append_twin(frame.twin(), out.text());
    return {};
  }
  if (last_) return {};
  if (Status status = message_.append_frame(frame, view, out.text()); !status.ok()) return status;
  out.text() += '\n';
  return {};
}

Status TableForm::finish(Ending, Output& out) {
  if (!last_) return {};
  std::map<std::string, std::uint32_t> by_name;
  for (std::uint32_t slot = 0; slot < readings_.size(); ++slot)
    if (readings_[slot].seen) by_name.emplace(table().name(slot), slot);
  for (const auto& [name, slot] : by_name) append_reading(slot, readings_[slot], out.text());
  for (const auto& [key, twin] : twins_) append_twin(twin, out.text());
  return {};
}

}  // namespace twinpipe
