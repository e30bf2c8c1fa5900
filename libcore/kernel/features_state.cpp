// SPDX-License-Identifier: Apache-2.0
// What a checkpoint keeps of features: inputs that may still be corrected, panes, and which rows have been sent.
#include <algorithm>
#include <array>
#include <bit>

#include "kernel/features_parts.hpp"
#include "state.pb.h"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

template <class Sums>
using NumbersOf = std::array<double, sizeof(Sums) / sizeof(double)>;

template <class Sums>
void save_panes(const SlidingPanes<Sums>& panes, v1::FeaturesPanes& to) {
  to.set_newest(panes.newest());
  for (std::int64_t pane = panes.newest() - panes.panes() + 1; pane <= panes.newest(); ++pane) {
    if (!panes.has(pane) || panes.at(pane).empty()) continue;
    to.add_pane(pane);
    for (const double number : std::bit_cast<NumbersOf<Sums>>(panes.at(pane))) to.add_number(number);
  }
}

template <class Sums>
bool load_panes(const v1::FeaturesPanes& from, SlidingPanes<Sums>& panes) {
  constexpr int kNumbers = std::tuple_size_v<NumbersOf<Sums>>;
  if (from.number_size() != kNumbers * from.pane_size()) return false;
  panes.begin(from.newest());
  for (int i = 0; i < from.pane_size(); ++i) {
    NumbersOf<Sums> numbers;
    std::copy_n(from.number().begin() + i * kNumbers, kNumbers, numbers.begin());
    if (!panes.has(from.pane(i))) return false;
    panes.replace(from.pane(i), std::bit_cast<Sums>(numbers));
  }
  return true;
}

void save_times(const std::vector<Nanos>& times, google::protobuf::RepeatedField<std::int64_t>& to) {
  to.Add(times.begin(), times.end());
}

Status wrong() { return Status::error(Code::bad_config, "the saved state does not fit its series table"); }

}  // namespace

void Features::save_source(const Source& source, v1::FeaturesSource& to) {
  to.set_slot(source.slot);
  to.set_before_time(source.before.time);
  to.set_before_value(source.before.value);
  to.set_known_time(source.known_before.time);
  to.set_known_value(source.known_before.value);
  to.set_dirty(source.dirty);
  to.set_since(source.since);
  for (const auto& raw : source.raw) {
    v1::FeaturesRaw& one = *to.add_raw();
    one.set_pane(raw->pane);
    one.set_of_older_session(raw->of_older_session);
    for (const FeaturePoint& point : raw->points) {
      one.add_time(point.time);
      one.add_value(point.value);
      one.add_covered(point.covered);
    }
  }
}

bool Features::load_source(const v1::FeaturesSource& from, Source& source) {
  if (from.slot() != source.slot) return false;
  source.before = {from.before_time(), from.before_value(), 0};
  source.known_before = {from.known_time(), from.known_value(), 0};
  source.dirty = from.dirty();
  source.since = from.since();
  for (const v1::FeaturesRaw& one : from.raw()) {
    if (one.value_size() != one.time_size() || one.covered_size() != one.time_size() || one.time_size() == 0) return false;
    RawPane& raw = raw_pane(source, one.pane());
    raw.of_older_session = one.of_older_session();
    for (int i = 0; i < one.time_size(); ++i) {
      raw.in_order = raw.in_order && (i == 0 || one.time(i) > one.time(i - 1));
      raw.points.push_back({one.time(i), one.value(i), one.covered(i)});
    }
  }
  return true;
}

void Features::save_asset(const AssetState& asset, v1::FeaturesAsset& to) {
  to.set_key(asset.key);
  to.set_node(asset.node == kNobody ? 0 : asset.node + 1);
  to.set_closed(asset.closed);
  to.set_changed_from(asset.changed_from);
  to.set_changed_to(asset.changed_to);
  for (const Source& source : asset.sources) save_source(source, *to.add_source());
  for (const Track& track : asset.tracks) {
    v1::FeaturesPanes& panes = *to.add_track();
    panes.set_reach(track.reach);
    panes.set_forgotten(track.forgotten);
    save_times(track.entered, *panes.mutable_entered());
    save_panes(track.panes, panes);
  }
  for (const PairTrack& pair : asset.pairs) {
    v1::FeaturesPanes& panes = *to.add_pair();
    panes.set_reach(pair.reach);
    save_panes(pair.panes, panes);
  }
  for (const SentWindows::Run& run : asset.sent.runs()) {
    to.add_sent_first(run.first);
    to.add_sent_last(run.last);
    to.add_sent_revision(run.revision);
  }
  save_times(asset.births, *to.mutable_birth());
  save_times(asset.deaths, *to.mutable_death());
  save_times(asset.services, *to.mutable_service());
  asset.facts.save(*to.mutable_facts());
}

std::string Features::save() const {
  v1::FeaturesState state;
  state.set_policy_digest(rules_.digest());
  state.set_known_at(known_at_);
  for (const Node& node : nodes_) {
    v1::FeaturesNode& to = *state.add_node();
    to.set_name(node.name);
    to.set_watermark(node.watermark);
    to.set_anew(node.anew);
    to.set_closed(node.closed);
    to.set_newest(node.newest);
    to.mutable_asset()->Add(node.assets.begin(), node.assets.end());
    to.mutable_corrected()->Add(node.corrected.begin(), node.corrected.end());
    for (const v1::Session& session : node.sessions) *to.add_session() = session;
  }
  for (const AssetState& asset : assets_) save_asset(asset, *state.add_asset());
  for (const v1::Applied& applied : upstream_.words()) *state.add_upstream() = applied;
  return state.SerializeAsString();
}

/// What the asset is, before its rules are looked up.
bool Features::load_asset(const v1::FeaturesAsset& from, AssetState& asset) {
  asset.key = from.key();
  asset.node = from.node() == 0 ? kNobody : from.node() - 1;
  if (asset.node != kNobody && asset.node >= nodes_.size()) return false;
  asset.closed = from.closed();
  asset.changed_from = from.changed_from();
  asset.changed_to = from.changed_to();
  if (from.sent_last_size() != from.sent_first_size() || from.sent_revision_size() != from.sent_first_size()) return false;
  std::vector<SentWindows::Run> runs;
  for (int i = 0; i < from.sent_first_size(); ++i) runs.push_back({from.sent_first(i), from.sent_last(i), from.sent_revision(i)});
  asset.sent.set_runs(std::move(runs));
  asset.births.assign(from.birth().begin(), from.birth().end());
  asset.deaths.assign(from.death().begin(), from.death().end());
  asset.services.assign(from.service().begin(), from.service().end());
  asset.facts.load(from.facts());
  return true;
}

/// What it knows, once it is clear again what its features need.
bool Features::load_panes_of(const v1::FeaturesAsset& from, AssetState& asset) {
  const auto count = [](const auto& of) { return static_cast<int>(of.size()); };
  if (from.source_size() != count(asset.sources) || from.track_size() != count(asset.tracks) ||
      from.pair_size() != count(asset.pairs))
    return false;
  for (int i = 0; i < from.source_size(); ++i)
    if (!load_source(from.source(i), asset.sources[static_cast<std::size_t>(i)])) return false;
  for (int i = 0; i < from.track_size(); ++i) {
    Track& track = asset.tracks[static_cast<std::size_t>(i)];
    const v1::FeaturesPanes& panes = from.track(i);
    if (!fit(track, panes.reach()) || !load_panes(panes, track.panes)) return false;
    track.entered.assign(panes.entered().begin(), panes.entered().end());
    track.forgotten = panes.forgotten();
  }
  for (int i = 0; i < from.pair_size(); ++i) {
    PairTrack& pair = asset.pairs[static_cast<std::size_t>(i)];
    if (!fit(pair, from.pair(i).reach()) || !load_panes(from.pair(i), pair.panes)) return false;
  }
  return true;
}

Status Features::load(std::string_view bytes) {
  v1::FeaturesState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Status::error(Code::bad_config, "the saved state is not that of features");
  if (state.policy_digest() != rules_.digest())
    return Status::error(Code::bad_config, "the saved state is of another policy: its rows would mix two definitions");
  assets_.clear();
  nodes_.clear();
  asset_index_.clear();
  node_index_.clear();
  asset_of_.clear();
  heads_.assign(table().size(), {});
  feeds_.assign(table().size(), {});
  loaded_ = true;
  known_at_ = state.known_at();
  upstream_.clear();
  for (const v1::Applied& applied : state.upstream()) (void)upstream_.take(applied);
  for (const v1::FeaturesNode& from : state.node()) {
    Node& node = nodes_[node_named(from.name())];
    node.watermark = from.watermark();
    node.anew = from.anew();
    node.closed = from.closed();
    node.newest = from.newest();
    node.assets.assign(from.asset().begin(), from.asset().end());
    node.corrected.assign(from.corrected().begin(), from.corrected().end());
    node.sessions.assign(from.session().begin(), from.session().end());
    for (const Id id : node.assets)
      if (static_cast<int>(id) >= state.asset_size()) return wrong();
    for (const Id id : node.corrected)
      if (static_cast<int>(id) >= state.asset_size()) return wrong();
  }
  for (const v1::FeaturesAsset& from : state.asset())
    if (!load_asset(from, assets_[asset_named(from.key())])) return wrong();
  for (std::uint32_t slot = 0; slot < table().size(); ++slot) {
    const Asset& asset = table().asset_of(slot);
    assets_[asset_named(asset_key(asset.site, asset.line, asset.asset))].slots.push_back(slot);
  }
  for (std::uint32_t i = 0; i < table().assets(); ++i)
    asset_of_.push_back(asset_named(asset_key(table().asset(i).site, table().asset(i).line, table().asset(i).asset)));
  if (static_cast<int>(assets_.size()) != state.asset_size()) return wrong();
  for (Id id = 0; id < assets_.size(); ++id) {
    if (assets_[id].node == kNobody) continue;
    bind(id);
    if (!load_panes_of(state.asset(static_cast<int>(id)), assets_[id])) return wrong();
  }
  for (const Node& node : nodes_)
    for (const Id id : node.corrected) assets_[id].corrected = true;
  return {};
}

}  // namespace twinpipe
