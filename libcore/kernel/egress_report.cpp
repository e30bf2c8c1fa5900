// SPDX-License-Identifier: Apache-2.0
// Two streams side by side.
#include "kernel/egress_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "kernel/text_values.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

constexpr std::string_view kNoClass = "(nodes)";

std::string_view class_name(const Routes& routes, std::size_t index) {
  return index < routes.topics().size() ? std::string_view(routes.topics()[index]) : kNoClass;
}

EgressCount sum(const std::array<EgressCount, kMechanisms>& counts) {
  EgressCount whole;
  for (const EgressCount& count : counts) whole += count;
  return whole;
}

EgressCount sum(const EgressCounts& counts) {
  EgressCount whole;
  for (const auto& one : counts) whole += sum(one);
  return whole;
}

bool is_empty(const EgressCount& count) {
  return count.readings == 0 && count.samples == 0 && count.frame_bytes == 0 && count.wire_bytes == 0;
}

/// What the second saves of the first, in per cent; nothing where there was nothing.
std::string saved(double before, double after) {
  return before > 0 ? fmt::format("{:.1f}", 100 * (before - after) / before) : "-";
}

struct ClassError {
  std::uint64_t series = 0, missing = 0, compared = 0, beyond = 0, unknown = 0;
  const std::string* name = nullptr;  // of the series whose error is the greatest part of its bound
  const Reconstruction::Worst* worst = nullptr;
};

/// Where the error is nothing, any series stands for the class that something was compared of.
std::vector<ClassError> errors_by_class(const Routes& routes, const Reconstruction& reconstruction) {
  std::vector<ClassError> errors(routes.topics().size());
  for (const auto& [name, worst] : reconstruction.worst()) {
    const auto levels = split_series_name(name);
    if (!levels || worst.compared + worst.unknown == 0) continue;
    ClassError& error = errors[routes.topic_of((*levels)[0], (*levels)[1], (*levels)[2], (*levels)[3])];
    ++error.series;
    error.missing += !worst.kept;
    error.compared += worst.compared;
    error.beyond += worst.beyond;
    error.unknown += worst.unknown;
    if (worst.compared == 0 || (error.worst != nullptr && worst.part() <= error.worst->part())) continue;
    error.worst = &worst;
    error.name = &name;
  }
  return errors;
}

std::string_view interpolation_name(v1::Weighting weighting) { return weighting == v1::WEIGHTING_LINEAR ? "linear" : "step"; }

void append_line(std::string_view of, std::string_view mechanism, const EgressCount& before, const EgressCount& after,
                 std::string& out) {
  out += fmt::format("{:<24} {:<12} {:>11.0f} {:>11.0f} {:>12.0f} {:>12.0f} {:>12.0f} {:>12.0f} {:>11.0f} {:>11.0f} {:>7}\n", of,
                     mechanism, before.readings, after.readings, before.samples, after.samples, before.frame_bytes,
                     after.frame_bytes, before.wire_bytes, after.wire_bytes, saved(before.wire_bytes, after.wire_bytes));
}

std::string count_json(const EgressCount& count) {
  return fmt::format(R"({{"readings":{:.0f},"samples":{:.0f},"frame_bytes":{:.0f},"wire_bytes":{:.0f}}})", count.readings,
                     count.samples, count.frame_bytes, count.wire_bytes);
}

std::string pair_json(const EgressCount& before, const EgressCount& after) {
  return fmt::format(R"("before":{},"after":{})", count_json(before), count_json(after));
}

}  // namespace

std::string EgressReport::text() const {
  std::string out = fmt::format("{:<24} {:<12} {:>23} {:>25} {:>25} {:>23} {:>7}\n", "", "", "readings", "waveform samples",
                                "bytes of frames", "bytes on the wire", "saved %");
  out += fmt::format("{:<24} {:<12} {:>11} {:>11} {:>12} {:>12} {:>12} {:>12} {:>11} {:>11} {:>7}\n", "class", "mechanism",
                     "before", "after", "before", "after", "before", "after", "before", "after", "of wire");
  for (std::size_t i = 0; i < before.size(); ++i) {
    const EgressCount all_before = sum(before[i]), all_after = sum(after[i]);
    if (is_empty(all_before) && is_empty(all_after)) continue;
    append_line(class_name(routes, i), "all", all_before, all_after, out);
    for (std::size_t m = 0; m < kMechanisms; ++m)
      if (!is_empty(before[i][m]) || !is_empty(after[i][m]))
        append_line("", mechanism_name(static_cast<Mechanism>(m)), before[i][m], after[i][m], out);
  }
  append_line("all", "all", sum(before), sum(after), out);
  out += fmt::format("\n{:<24} {:>7} {:>7} {:>12} {:>10} {:>10} {:<8} {:>12} {:>12}  {}\n", "class", "series", "missing",
                     "compared", "beyond", "unknown", "by", "worst error", "bound", "at");
  const std::vector<ClassError> errors = errors_by_class(routes, reconstruction);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const ClassError& error = errors[i];
    if (error.series == 0) continue;
    out += fmt::format("{:<24} {:>7} {:>7} {:>12} {:>10} {:>10} ", class_name(routes, i), error.series, error.missing,
                       error.compared, error.beyond, error.unknown);
    if (error.worst == nullptr) out += fmt::format("{:<8} {:>12} {:>12}  -\n", "-", "-", "-");
    else
      out += fmt::format("{:<8} {:>12.6g} {:>12.6g}  {}\n", interpolation_name(error.worst->interpolation), error.worst->error,
                         error.worst->bound, *error.name);
  }
  return out;
}

std::string EgressReport::json() const {
  std::string out = R"({"classes":[)";
  const char* comma = "";
  for (std::size_t i = 0; i < before.size(); ++i) {
    const EgressCount all_before = sum(before[i]), all_after = sum(after[i]);
    if (is_empty(all_before) && is_empty(all_after)) continue;
    out += fmt::format(R"({}{{"class":"{}",{},"mechanisms":{{)", std::exchange(comma, ","), class_name(routes, i),
                       pair_json(all_before, all_after));
    const char* inner = "";
    for (std::size_t m = 0; m < kMechanisms; ++m)
      if (!is_empty(before[i][m]) || !is_empty(after[i][m]))
        out += fmt::format(R"({}"{}":{{{}}})", std::exchange(inner, ","), mechanism_name(static_cast<Mechanism>(m)),
                           pair_json(before[i][m], after[i][m]));
    out += "}}";
  }
  out += fmt::format(R"(],"all":{{{}}},"reconstruction":[)", pair_json(sum(before), sum(after)));
  comma = "";
  const std::vector<ClassError> errors = errors_by_class(routes, reconstruction);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const ClassError& error = errors[i];
    if (error.series == 0) continue;
    out += fmt::format(R"({}{{"class":"{}","series":{},"missing":{},"compared":{},"beyond":{},"unknown":{})",
                       std::exchange(comma, ","), class_name(routes, i), error.series, error.missing, error.compared,
                       error.beyond, error.unknown);
    if (error.worst != nullptr) {
      out += fmt::format(R"(,"interpolation":"{}","worst_error":{},"bound":{},"at":)",
                         interpolation_name(error.worst->interpolation), error.worst->error, error.worst->bound);
      append_json_string(*error.name, out);
    }
    out += "}";
  }
  return out + "]}\n";
}

}  // namespace twinpipe
