// SPDX-License-Identifier: Apache-2.0
// stream_text <STREAM: a line for each reading, declaration, birth, death and gap, with values written out by their
// Sparkplug datatype: what interoperability tests compare. tests/interop/tahu/Text.java writes the same form.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "io/fd.hpp"
#include "kernel/driver.hpp"
#include "kernel/sparkplug_value.hpp"
#include "wire/names.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;
namespace sp = twinpipe::sparkplug;

namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) c == '\n' ? out += "\\n" : out += c;
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

template <class T>
std::string array(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if constexpr (sizeof(T) == 1) out += fmt::format("{}{}", at == 0 ? "" : ",", static_cast<int>(value));
    else out += fmt::format("{}{}", at == 0 ? "" : ",", value);
  }
  return "[" + out + "]";
}

/// A 32-bit count, then a bit a value, from the most significant.
std::string truths(std::string_view bytes) {
  std::uint32_t count = 0;
  if (bytes.size() < sizeof count) return "[?]";
  std::memcpy(&count, bytes.data(), sizeof count);
  std::string out;
  for (std::uint32_t i = 0; i < count && sizeof count + i / 8 < bytes.size(); ++i)
    out +=
        fmt::format("{}{}", i == 0 ? "" : ",", (static_cast<unsigned char>(bytes[sizeof count + i / 8]) & (0x80U >> i % 8)) != 0);
  return "[" + out + "]";
}

std::string strings(std::string_view bytes) {
  std::string out;
  for (bool first = true; !bytes.empty(); first = false) {
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    out += fmt::format("{}{}", first ? "" : ",", bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return "[" + out + "]";
}

std::string data_set(std::string_view bytes) {
  sp::DataSet set;
  if (!set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return "?";
  std::string out = fmt::format("({})", fmt::join(set.columns(), ","));
  for (const sp::DataSetRow& row : set.rows()) {
    std::vector<std::string> cells;
    for (int i = 0; i < row.elements_size(); ++i) {
      const sp::DataSetValue& cell = row.elements(i);
      switch (cell.value_case()) {
        case sp::DataSetValue::kIntValue: cells.push_back(fmt::format("{}", static_cast<std::int32_t>(cell.int_value()))); break;
        case sp::DataSetValue::kLongValue:
          cells.push_back(fmt::format("{}", static_cast<std::int64_t>(cell.long_value())));
          break;
        case sp::DataSetValue::kFloatValue: cells.push_back(fmt::format("{}", cell.float_value())); break;
        case sp::DataSetValue::kDoubleValue: cells.push_back(number(cell.double_value())); break;
        case sp::DataSetValue::kBooleanValue: cells.push_back(cell.boolean_value() ? "true" : "false"); break;
        case sp::DataSetValue::kStringValue: cells.push_back(cell.string_value()); break;
        default: cells.push_back("null");
      }
    }
    out += fmt::format("({})", fmt::join(cells, ","));
  }
  return out;
}

std::string template_text(std::string_view bytes) {
  sp::Template instance;
  if (!instance.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return "?";
  std::vector<std::string> all;
  const auto value = [](std::uint32_t datatype, const auto& of) {
    return of.has_boolean_value()   ? std::string(of.boolean_value() ? "true" : "false")
           : of.has_double_value()  ? number(of.double_value())
           : of.has_string_value()  ? of.string_value()
           : datatype == sp::kInt32 ? fmt::format("{}", static_cast<std::int32_t>(of.int_value()))
                                    : fmt::format("{}", of.long_value() + of.int_value());
  };
  for (const sp::Metric& metric : instance.metrics())
    all.push_back(fmt::format("{}:{}={}", metric.name(), sp::datatype_name(metric.datatype()), value(metric.datatype(), metric)));
  for (const sp::TemplateParameter& parameter : instance.parameters())
    all.push_back(fmt::format("{}={}", parameter.name(), value(parameter.type(), parameter)));
  return fmt::format("{}<{}>", instance.template_ref(), fmt::join(all, ","));
}

std::string bytes_text(std::uint32_t datatype, std::string_view bytes) {
  switch (datatype) {
    case sp::kInt8Array: return array<std::int8_t>(bytes);
    case sp::kInt16Array: return array<std::int16_t>(bytes);
    case sp::kInt32Array: return array<std::int32_t>(bytes);
    case sp::kInt64Array: return array<std::int64_t>(bytes);
    case sp::kUInt8Array: return array<std::uint8_t>(bytes);
    case sp::kUInt16Array: return array<std::uint16_t>(bytes);
    case sp::kUInt32Array: return array<std::uint32_t>(bytes);
    case sp::kUInt64Array: return array<std::uint64_t>(bytes);
    case sp::kDateTimeArray: return array<std::int64_t>(bytes);
    case sp::kFloatArray: return array<float>(bytes);
    case sp::kDoubleArray: return array<double>(bytes);
    case sp::kBooleanArray: return truths(bytes);
    case sp::kStringArray: return strings(bytes);
    case sp::kDataSet: return data_set(bytes);
    case sp::kTemplate: return template_text(bytes);
    default: return hex(bytes);
  }
}

std::string value_text(std::uint32_t datatype, const sp::ColumnValue& value) {
  switch (value.type) {
    case v1::VALUE_TYPE_BOOL: return value.truth ? "true" : "false";
    case v1::VALUE_TYPE_INT64: return fmt::format("{}", value.integer);
    case v1::VALUE_TYPE_UINT64: return fmt::format("{}", value.natural);
    case v1::VALUE_TYPE_STRING: return escape(value.text);
    case v1::VALUE_TYPE_BYTES: return bytes_text(datatype, value.text);
    default: return datatype == sp::kFloat ? fmt::format("{}", static_cast<float>(value.number)) : number(value.number);
  }
}

std::string property_text(const v1::Property& property) {
  const v1::Value& value = property.value();
  std::string text = "null";
  switch (value.kind_case()) {
    case v1::Value::kDoubleValue: text = number(value.double_value()); break;
    case v1::Value::kBoolValue: text = value.bool_value() ? "true" : "false"; break;
    case v1::Value::kIntValue: text = fmt::format("{}", value.int_value()); break;
    case v1::Value::kUintValue: text = fmt::format("{}", value.uint_value()); break;
    case v1::Value::kStringValue: text = value.string_value(); break;
    case v1::Value::kBytesValue: text = hex(value.bytes_value()); break;
    default: break;
  }
  return fmt::format("{}={}:{}", property.name(), sp::datatype_name(property.datatype()), text);
}

class Printer final : public Stage {
 public:
  using Stage::Stage;
  bool reads(FrameKind) const override { return true; }

  Status on_series(const std::vector<Declared>& declared, const FrameView&, Output&) override {
    for (const Declared& series : declared) {
      const v1::Sensor& sensor = table().series(series.slot).sensor;
      std::vector<std::string> words;
      for (const v1::Property& property : sensor.property()) words.push_back(property_text(property));
      if (!sensor.declared_unit().empty()) words.push_back("unit " + sensor.declared_unit());
      if (sensor.has_low()) words.push_back("low " + number(sensor.low()));
      if (sensor.has_high()) words.push_back("high " + number(sensor.high()));
      fmt::print("series {} {} {} {{{}}}\n", where(series.slot), sensor.name(), v1::ValueType_Name(sensor.type()),
                 fmt::join(words, ", "));
    }
    return {};
  }
  Status on_readings(const Columns& columns, const FrameView&, Output&) override {
    for (std::size_t row = 0; row < columns.rows(); ++row) {
      const std::uint32_t slot = columns.slot[row];
      const std::uint32_t quality = columns.quality_at(row);
      print(slot, columns.time[row], quality, columns.historical,
            is_null(quality) ? "null" : value_text(sp::publish_datatype(table().series(slot).sensor), sp::value_at(columns, row)),
            "");
    }
    return {};
  }
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView&, Output&) override {
    const std::uint32_t quality = waveform.has_quality() ? waveform.quality() : kGood;
    std::uint32_t datatype = 0;
    const std::string samples = sp::encode_samples(waveform, datatype);
    print(slot, waveform.time(), quality, waveform.historical(), is_null(quality) ? "null" : bytes_text(datatype, samples),
          fmt::format(" every {}", number(waveform.sample_period())));
    return {};
  }
  Status on_lifecycle(const v1::Lifecycle& life, const FrameView&, Output&) override {
    fmt::print("{} {}{}{} {}\n", life.online() ? "online" : "offline", life.node(), life.asset().empty() ? "" : "/", life.asset(),
               v1::Lifecycle::Reason_Name(life.reason()));
    return {};
  }
  Status on_frame(const v1::Frame& frame, const FrameView&, Output&) override {
    if (frame.has_gap()) fmt::print("gap {} {}\n", frame.gap().node(), v1::Gap::Reason_Name(frame.gap().reason()));
    return {};
  }

 private:
  std::string where(std::uint32_t slot) const {
    const Asset& asset = table().asset_of(slot);
    return asset.site + "/" + asset.line + (asset.asset == kNodeAsset ? "" : "/" + asset.asset);
  }
  void print(std::uint32_t slot, Nanos time, std::uint32_t quality, bool historical, const std::string& text,
             const std::string& more) const {
    const v1::Sensor& sensor = table().series(slot).sensor;
    std::string marks;
    if (quality_code(quality) != kGood) marks += fmt::format(" quality {}", quality_code(quality));
    if ((quality & v1::QUALITY_TIME_OF_PAYLOAD) != 0) marks += " payload's time";
    if ((quality & v1::QUALITY_AFTER_GAP) != 0) marks += " after gap";
    fmt::print("value {} {} {} {} {}{}{}{}\n", where(slot), sensor.name(), sp::datatype_name(sp::publish_datatype(sensor)),
               time / kMillisecond, text, more, historical ? " historical" : "", marks);
  }
};

}  // namespace

int main() {
  std::string stream;
  std::array<char, 65536> chunk{};
  for (;;) {
    const Result<std::size_t> got = read_some(0, chunk.data(), chunk.size());
    if (!got.ok() || *got == 0) break;
    stream.append(chunk.data(), *got);
  }
  SeriesTable table;
  Printer printer(table);
  Driver driver(printer, table, "stream_text 1");
  Scanner scanner;
  Output out;
  std::string_view rest = stream;
  for (FrameView frame; scanner.next(rest, frame) == Scanner::Outcome::whole; rest.remove_prefix(frame.bytes.size())) {
    if (frame.kind == FrameKind::unknown) continue;
    const Status status = driver.take(frame, out);
    out.clear();
    if (status.ok()) continue;
    fmt::print(stderr, "stream_text: {}\n", status.message);
    return 65;
  }
  return rest.empty() ? 0 : 65;
}
