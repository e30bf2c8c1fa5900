// SPDX-License-Identifier: Apache-2.0
// The declarations in force somewhere in a stream.
#include "kernel/rawbuf_declarations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernel/rawbuf_aliases.hpp"
#include "wire/names.hpp"
#include "wire/output.hpp"

namespace twinpipe::rawbuf {
namespace {

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

Status Declarations::observe(const FrameView& frame) {
  switch (frame.kind) {
    case FrameKind::open:
    case FrameKind::close:
      *this = Declarations();
      if (frame.kind == FrameKind::open) open_ = frame.bytes;
      return {};
    case FrameKind::applied:
      if (!parse(applied_frame_, frame.payload)) return Status::error(Code::bad_data, "Applied frame does not parse");
      applied_.take(applied_frame_);
      return {};
    case FrameKind::series: break;
    default: return {};
  }
  if (!parse(series_, frame.payload)) return Status::error(Code::bad_data, "Series frame does not parse");
  const std::uint32_t header = header_of(series_);
  for (const v1::Sensor& sensor : series_.sensor()) {
    if (sensor.alias() > sensors_.size())
      return Status::error(Code::bad_data,
                           fmt::format("alias {} is not dense: the next one is {}", sensor.alias(), sensors_.size()));
    if (sensor.alias() == sensors_.size()) sensors_.emplace_back();
    sensors_[sensor.alias()] = {header, sensor.SerializeAsString()};
  }
  return {};
}

/// Number of the declaration's common part: that of the asset's last one, where nothing changed.
std::uint32_t Declarations::header_of(v1::Series series) {
  series.clear_sensor();
  const std::string key = asset_key(series.site(), series.line(), series.asset());
  const auto [at, is_new] = assets_.try_emplace(key);
  if (!is_new && headers_[at->second.newest].SerializeAsString() == series.SerializeAsString()) return at->second.newest;
  at->second.newest = static_cast<std::uint32_t>(headers_.size());
  headers_.push_back(std::move(series));
  assets_of_.push_back(key);
  return at->second.newest;
}

std::string Declarations::frames(std::uint32_t& count) const {
  std::string out = open_;
  count = open_.empty() ? 0 : 1;
  for (v1::Applied& applied : applied_.words()) {
    v1::Frame frame;
    *frame.mutable_applied() = std::move(applied);
    append_frame(frame, out);
    ++count;
  }
  std::set<std::uint32_t> overtaken;  // headers of assets that were named again under an older one
  std::map<std::string_view, std::uint32_t> last;
  const auto end = static_cast<std::uint32_t>(sensors_.size());
  for (std::uint32_t from = 0, to = 0; from < end; from = to) {
    const std::uint32_t header = sensors_[from].header;
    while (to < end && sensors_[to].header == header) ++to;
    append(header, from, to, false, out);
    ++count;
    last[assets_of_[header]] = header;
  }
  for (const auto& [asset, header] : last)
    if (const std::uint32_t newest = assets_.at(std::string(asset)).newest; newest != header) overtaken.insert(newest);
  for (const std::uint32_t header : overtaken) {
    append(header, 0, end, true, out);
    ++count;
  }
  return out;
}

bool Declarations::covers(const FrameView& frame) const {
  return for_each_alias(frame, [this](std::uint32_t alias) { return alias < sensors_.size(); });
}

std::vector<std::string> Declarations::nodes() const {
  std::set<std::string> nodes;
  for (const auto& [key, asset] : assets_) nodes.insert(headers_[asset.newest].node());
  return {nodes.begin(), nodes.end()};
}

/// One Series frame with the sensors from `from` to `to`; `all`: of these, those that were last declared under `header`.
void Declarations::append(std::uint32_t header, std::uint32_t from, std::uint32_t to, bool all, std::string& out) const {
  v1::Frame frame;
  *frame.mutable_series() = headers_[header];
  for (std::uint32_t alias = from; alias < to; ++alias)
    if (!all || sensors_[alias].header == header) parse(*frame.mutable_series()->add_sensor(), sensors_[alias].sensor);
  append_frame(frame, out);
}

}  // namespace twinpipe::rawbuf
