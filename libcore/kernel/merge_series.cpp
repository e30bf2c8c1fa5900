// SPDX-License-Identifier: Apache-2.0
// Who is behind the aliases of the inputs of a merge.
#include "kernel/merge_series.hpp"

#include <fmt/format.h>

#include "wire/names.hpp"

namespace twinpipe {

void MergeSeries::open_segment(std::uint32_t input) {
  inputs_[input].aliases.clear();
  inputs_[input].identity = true;
}

Status MergeSeries::take(std::uint32_t number, std::string_view payload, Output& out, const std::string*& node) {
  auto at = known_.find(payload);
  if (at == known_.end()) {
    Result<std::shared_ptr<const Declaration>> learned = learn(payload);
    if (!learned.ok()) return learned.status();
    if (known_bytes_ > kCacheLimit) {
      known_.clear();
      known_bytes_ = 0;
    }
    known_bytes_ += 3 * payload.size() + 256;
    at = known_.emplace(std::string(payload), std::move(*learned)).first;
  }
  const std::shared_ptr<const Declaration> declaration = at->second;
  const Status named = name(number, *declaration);
  if (!named.ok()) {
    // Its series have aliases of the output by now, and those must be dense.
    put(declaration->header, declaration->asset, declaration->to, declaration->bodies, out);
    return named;
  }
  Input& input = inputs_[number];
  input.assets.resize(assets_.size());
  input.series.resize(series_.size());
  HeaderPointer& header = input.assets[declaration->asset];
  if (header && header->session && header->session != declaration->header->session) header->session->leave(number);
  const bool restated = header == nullptr || header->bytes != declaration->header->bytes;
  header = declaration->header;
  if (header->session) header->session->join(number);
  node = &header->node;
  const Asset& asset = assets_[declaration->asset];
  bool differs = asset.header == nullptr || asset.header->bytes != header->bytes;
  for (std::size_t i = 0; i < declaration->to.size(); ++i) {
    const std::uint32_t alias = declaration->to[i];
    input.series[alias].body = declaration->bodies[i];
    differs = differs || series_[alias].body == nullptr || *series_[alias].body != *declaration->bodies[i];
  }
  if (differs) put(header, declaration->asset, declaration->to, declaration->bodies, out);
  // Its other series differ from the output's, or not, as before, unless what it says of the asset has changed.
  if (restated) compare(declaration->asset, asset.series);
  else if (!differs) compare(declaration->asset, declaration->to);
  return {};
}

/// Gives the input's aliases their meaning.
Status MergeSeries::name(std::uint32_t number, const Declaration& declaration) {
  Input& input = inputs_[number];
  for (std::size_t i = 0; i < declaration.from.size(); ++i) {
    const std::uint32_t from = declaration.from[i], to = declaration.to[i];
    if (from > input.aliases.size())
      return Status::error(Code::bad_data, fmt::format("alias {} is not dense: the next one is {}", from, input.aliases.size()));
    if (from < input.aliases.size() && input.aliases[from] != to)
      return Status::error(Code::bad_data, fmt::format("alias {} stands for two series of one segment", from));
    if (from == input.aliases.size()) input.aliases.push_back(to);
    input.identity = input.identity && from == to;
  }
  return {};
}

Result<std::shared_ptr<const MergeSeries::Declaration>> MergeSeries::learn(std::string_view payload) {
  v1::Series series;
  if (!series.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
    return Status::error(Code::bad_data, "Series frame does not parse");
  // All checks come first: an alias of the output that is given is declared.
  std::size_t fresh = 0;
  std::vector<std::string> names;
  const std::string asset_name = asset_key(series.site(), series.line(), series.asset());
  for (const v1::Sensor& sensor : series.sensor()) {
    if (sensor.name().empty())
      return Status::error(Code::bad_data, fmt::format("alias {}: a series without a sensor name", sensor.alias()));
    names.push_back(asset_name + '/' + encode_level(sensor.name()));
    fresh += series_index_.contains(names.back()) ? 0 : 1;
  }
  if (series_.size() + fresh > limit_)
    return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", limit_));
  const auto declaration = std::make_shared<Declaration>();
  const auto [asset, is_new_asset] = asset_index_.try_emplace(asset_name, static_cast<std::uint32_t>(assets_.size()));
  if (is_new_asset) assets_.emplace_back();
  declaration->asset = asset->second;
  for (std::size_t i = 0; i < names.size(); ++i) {
    v1::Sensor& sensor = *series.mutable_sensor(static_cast<int>(i));
    const auto [at, is_new] = series_index_.try_emplace(std::move(names[i]), static_cast<std::uint32_t>(series_.size()));
    if (is_new) {
      series_.push_back({asset->second, nullptr});
      assets_[asset->second].series.push_back(at->second);
    }
    declaration->from.push_back(sensor.alias());
    declaration->to.push_back(at->second);
    sensor.clear_alias();
    declaration->bodies.push_back(std::make_shared<const std::string>(sensor.SerializeAsString()));
  }
  const auto header = std::make_shared<Header>();
  header->node = series.node();
  if (series.has_session()) header->session = sessions_.find(series.node(), series.session());
  series.clear_sensor();
  header->bytes = series.SerializeAsString();
  declaration->header = header;
  return std::shared_ptr<const Declaration>(declaration);
}

void MergeSeries::declare_again(std::uint32_t number, std::uint32_t alias, Output& out) {
  const std::uint32_t asset = series_[alias].asset;
  put(inputs_[number].assets[asset], asset, {alias}, {inputs_[number].series[alias].body}, out);
}

void MergeSeries::put(const HeaderPointer& header, std::uint32_t asset, const std::vector<std::uint32_t>& aliases,
                      const std::vector<Body>& bodies, Output& out) {
  frame_.Clear();
  v1::Series& series = *frame_.mutable_series();
  series.ParseFromString(header->bytes);
  Asset& stated = assets_[asset];
  const bool restated = stated.header == nullptr || stated.header->bytes != header->bytes;
  stated.header = header;
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    v1::Sensor& sensor = *series.add_sensor();
    sensor.ParseFromString(*bodies[i]);
    sensor.set_alias(aliases[i]);
    series_[aliases[i]].body = bodies[i];
  }
  out.frame(frame_);
  compare(asset, restated ? stated.series : aliases);
}

/// Which inputs say of these series of the asset what the output says.
void MergeSeries::compare(std::uint32_t number, const std::vector<std::uint32_t>& aliases) {
  const Asset& asset = assets_[number];
  for (Input& input : inputs_) {
    if (number >= input.assets.size() || input.assets[number] == nullptr) continue;
    input.series.resize(series_.size());
    const Header& header = *input.assets[number];
    const bool same_header = &header == asset.header.get() || header.bytes == asset.header->bytes;
    for (const std::uint32_t alias : aliases) {
      InputSeries& series = input.series[alias];
      if (series.body == nullptr) continue;
      const Body& said = series_[alias].body;
      const bool differs = !same_header || said == nullptr || (series.body != said && *series.body != *said);
      if (differs != series.differs) input.differing += differs ? 1 : std::size_t{0} - 1;
      series.differs = differs;
    }
  }
}

void MergeSeries::leave(std::uint32_t number) {
  for (const HeaderPointer& header : inputs_[number].assets)
    if (header && header->session) header->session->leave(number);
}

}  // namespace twinpipe
