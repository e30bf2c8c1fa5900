// SPDX-License-Identifier: Apache-2.0
// Many small segments as one.
#include "kernel/realias.hpp"

#include <fmt/format.h>

#include "kernel/frame_aliases.hpp"
#include "wire/fields.hpp"
#include "wire/names.hpp"

namespace twinpipe {

Status Realias::take(const FrameView& frame, Output& out) {
  switch (frame.kind) {
    case FrameKind::open: aliases_.clear(); return {};
    case FrameKind::close: return {};
    case FrameKind::series: return declare(frame.payload, out);
    case FrameKind::readings: return append(frame.payload, out);
    case FrameKind::waveform: return waveform(frame, out);
    case FrameKind::exception:
    case FrameKind::aggregates:
    case FrameKind::spectra: return rename_frame(frame, out);
    default:
      flush(out);
      out.forward(frame);
      return {};
  }
}

// ---- declarations ---------------------------------------------------------------------------------------------------

Status Realias::declare(std::string_view payload, Output& out) {
  auto at = known_.find(payload);
  if (at == known_.end()) {
    Result<Declaration> learned = learn(payload);
    if (!learned.ok()) return learned.status();
    if (known_bytes_ > kCacheLimit) {
      known_.clear();
      known_bytes_ = 0;
    }
    known_bytes_ += 3 * payload.size() + 256;
    at = known_.emplace(std::string(payload), std::move(*learned)).first;
  }
  Declaration& declaration = at->second;
  declared_ = &declaration;
  for (std::size_t i = 0; i < declaration.from.size(); ++i) {
    const std::uint32_t from = declaration.from[i];
    if (from > aliases_.size())
      return Status::error(Code::bad_data, fmt::format("alias {} is not dense: the next one is {}", from, aliases_.size()));
    if (from == aliases_.size()) aliases_.push_back(declaration.to[i]);
    else if (aliases_[from] != declaration.to[i])
      return Status::error(Code::bad_data, fmt::format("alias {} stands for two series of one segment", from));
  }
  if (declaration.verified != assets_[declaration.asset_number].revision) put_in_force(declaration, out);
  return {};
}

Result<Realias::Declaration> Realias::learn(std::string_view payload) {
  v1::Series series;
  if (!series.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
    return Status::error(Code::bad_data, "Series frame does not parse");
  Declaration declaration;
  declaration.node = series.node();
  declaration.asset = asset_key(series.site(), series.line(), series.asset());
  for (v1::Sensor& sensor : *series.mutable_sensor()) {
    if (sensor.name().empty())
      return Status::error(Code::bad_data, fmt::format("alias {}: a series without a sensor name", sensor.alias()));
    const auto [at, is_new] = series_index_.try_emplace(series_name(series.site(), series.line(), series.asset(), sensor.name()),
                                                        static_cast<std::uint32_t>(sensors_.size()));
    if (is_new) {
      if (sensors_.size() >= limit_)
        return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", limit_));
      sensors_.emplace_back();
    }
    declaration.from.push_back(sensor.alias());
    declaration.to.push_back(at->second);
    sensor.clear_alias();
    declaration.bodies.push_back(sensor.SerializeAsString());
  }
  series.clear_sensor();
  declaration.header = series.SerializeAsString();
  const auto [at, is_new] = asset_index_.try_emplace(declaration.asset, static_cast<std::uint32_t>(assets_.size()));
  if (is_new) assets_.push_back(Asset{{}, 1});
  declaration.asset_number = at->second;
  return declaration;
}

/// Writes the declaration unless the output has it in force already, be it from frames that declared more or fewer of its series.
void Realias::put_in_force(Declaration& declaration, Output& out) {
  Asset& asset = assets_[declaration.asset_number];
  bool differs = asset.header != declaration.header;
  for (std::size_t i = 0; i < declaration.to.size(); ++i)
    differs = differs || sensors_[declaration.to[i]].body != declaration.bodies[i];
  if (differs) {
    flush(out);
    frame_.Clear();
    v1::Series& series = *frame_.mutable_series();
    series.ParseFromString(declaration.header);
    asset.header = declaration.header;
    for (std::size_t i = 0; i < declaration.to.size(); ++i) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.ParseFromString(declaration.bodies[i]);
      sensor.set_alias(declaration.to[i]);
      sensors_[declaration.to[i]].body = declaration.bodies[i];
    }
    out.frame(frame_);
    ++asset.revision;
  }
  declaration.verified = asset.revision;
}

// ---- data -----------------------------------------------------------------------------------------------------------

Status Realias::append(std::string_view payload, Output& out) {
  const Result<Columns> columns = decoder_.decode(payload, aliases_, false);
  if (!columns.ok()) return columns.status();
  if (columns->rows() == 0) return {};
  if (!rows_.takes(kind_of(*columns), columns->rows())) flush(out);
  rows_.append(*columns, columns->slot, 0, columns->rows());
  return {};
}

void Realias::flush(Output& out) { rows_.flush(out); }

Status Realias::waveform(const FrameView& frame, Output& out) {
  std::uint64_t alias = 0;
  std::string rest;
  rest.reserve(frame.payload.size());
  Field field;
  for (std::string_view payload = frame.payload; !payload.empty();) {
    if (!take_field(payload, field)) return Status::error(Code::bad_data, "Waveform frame does not parse");
    if (field.number == v1::Waveform::kSeriesFieldNumber && field.type == WireType::varint) read_varint(field.value, alias);
  }
  if (alias >= aliases_.size()) return undeclared_alias(static_cast<std::uint32_t>(alias), aliases_.size());
  without_field(frame.payload, v1::Waveform::kSeriesFieldNumber, rest);
  flush(out);
  scratch_.clear();
  append_payload(FrameKind::waveform, series_field(v1::Waveform::kSeriesFieldNumber, aliases_[alias]), rest, scratch_);
  out.forward(FrameView{FrameKind::waveform, scratch_, {}, 0, 0});
  return {};
}

Status Realias::rename_frame(const FrameView& frame, Output& out) {
  std::string_view body = frame.bytes.substr(1);
  std::uint64_t length = 0;
  body.remove_prefix(static_cast<std::size_t>(read_varint(body, length)));
  if (!frame_.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return Status::error(Code::bad_data, "the frame does not parse");
  if (frame.kind == FrameKind::exception) {
    const std::uint32_t alias = frame_.exception().series();
    if (alias >= aliases_.size()) return undeclared_alias(alias, aliases_.size());
    frame_.mutable_exception()->set_series(aliases_[alias]);
  } else {
    auto& series = frame.kind == FrameKind::spectra ? *frame_.mutable_spectra()->mutable_series()
                                                    : *frame_.mutable_aggregates()->mutable_series();
    for (std::uint32_t& alias : series) {
      if (alias >= aliases_.size()) return undeclared_alias(alias, aliases_.size());
      alias = aliases_[alias];
    }
  }
  flush(out);
  out.frame(frame_);
  return {};
}

}  // namespace twinpipe
