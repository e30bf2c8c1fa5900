// SPDX-License-Identifier: Apache-2.0
// Which features an asset has, by the rules in force, and what they need: sources, panes under a weighting, pairs.
#include <algorithm>
#include <tuple>

#include "kernel/features_parts.hpp"
#include "kernel/thinned_by.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

const std::string& fact(const v1::Twin& facts, const std::string& name) {
  static const std::string none;
  const auto at = facts.facts().find(name);
  return at == facts.facts().end() ? none : at->second;
}

}  // namespace

Features::Id Features::node_named(const std::string& name) {
  const auto [at, is_new] = node_index_.try_emplace(name, static_cast<Id>(nodes_.size()));
  if (is_new) nodes_.emplace_back().name = name;
  return at->second;
}

Features::Id Features::asset_named(const std::string& key) {
  const auto [at, is_new] = asset_index_.try_emplace(key, static_cast<Id>(assets_.size()));
  if (is_new) assets_.emplace_back().key = key;
  return at->second;
}

Status Features::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  heads_.resize(table().size());
  feeds_.resize(table().size());
  while (asset_of_.size() < table().assets()) {
    const Asset& asset = table().asset(static_cast<std::uint32_t>(asset_of_.size()));
    asset_of_.push_back(asset_named(asset_key(asset.site, asset.line, asset.asset)));
  }
  Id bound = kNobody;
  for (const Declared& series : declared) {
    const Id id = asset_of_[table().series(series.slot).asset];
    const Asset& declaration = table().asset_of(series.slot);
    const Id node = node_named(table().node_name(declaration.node));
    AssetState& asset = assets_[id];
    if (asset.node != node) {
      if (asset.node != kNobody) std::erase(nodes_[asset.node].assets, id), std::erase(nodes_[asset.node].corrected, id);
      asset.node = node;
      asset.corrected = false;
      nodes_[node].assets.push_back(id);
    }
    if (declaration.has_session) begin_session(nodes_[node], declaration.session);
    if (series.is_new) asset.slots.push_back(series.slot);
    if (series.redefined && !series.is_new)  // earlier values mean something else
      for (Source& source : asset.sources)
        if (source.slot == series.slot) source.slot = kNobody;  // no other is the same
    if (series.is_new || series.redefined) asset.bound = false;
    if (series.born && declaration.has_session) remember(declaration.session.birth(), asset.births);
    if (bound != kNobody && bound != id && !assets_[bound].bound) bind(bound);
    bound = id;
  }
  if (bound != kNobody && !assets_[bound].bound) bind(bound);
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
  return keep(frame, out);
}

std::string Features::class_of(const AssetState& asset, Nanos at) const {
  const FactSpans::Span* const span = asset.facts.at(at);
  v1::Twin facts;
  return span != nullptr && facts.ParseFromString(span->fields) ? fact(facts, "class") : "";
}

/// Finds the rules that apply to the asset's series, column by column: of several series that match, the one declared first.
void Features::bind_cells(AssetState& asset, Nanos at) {
  const std::string asset_class = class_of(asset, at);
  Nanos& again = nodes_[asset.node].renew_at;
  again = std::min(again, asset.facts.next_change(at));
  for (std::uint32_t column = 0; column < definitions_->columns.size(); ++column) {
    bool found = false;
    for (const Id slot : asset.slots) {
      const RuleBook::Match match = rules_.find(table(), slot, at, [&](const Rule& rule) {
        const FeatureDefinition& one = definitions_->by_rule[static_cast<std::size_t>(&rule - rules_.rules().data())];
        return one.rule != nullptr && one.column == column &&
               (one.asset_class.empty() || glob_matches(one.asset_class, asset_class));
      });
      again = std::min(again, match.until);
      if (match.rule == nullptr) continue;
      ambiguous_ += found && !definitions_->of(*match.rule).of_asset();
      if (!std::exchange(found, true)) bind_cell(asset, slot, definitions_->of(*match.rule), at);
    }
  }
}

void Features::bind(Id id) {
  AssetState& asset = assets_[id];
  asset.bound = true;
  std::vector<Source> sources = std::exchange(asset.sources, {});
  std::vector<Track> tracks = std::exchange(asset.tracks, {});
  std::vector<PairTrack> pairs = std::exchange(asset.pairs, {});
  asset.cells.clear();
  bind_cells(asset, nodes_[asset.node].watermark);
  carry_over(asset, sources, tracks, pairs);
  for (Track& track : asset.tracks) (void)fit(track, track.reach);
  for (PairTrack& pair : asset.pairs) (void)fit(pair, pair.reach);
  // Columns of one window behind each other: it is merged once.
  std::ranges::stable_sort(asset.cells, {}, [](const Cell& cell) {
    return std::tuple(cell.definition->function == FeatureFunction::correlation, cell.track, cell.definition->panes);
  });
  connect(id);
}

/// What an asset had before and still needs keeps what it knows.
void Features::carry_over(AssetState& asset, std::vector<Source>& sources, std::vector<Track>& tracks,
                          std::vector<PairTrack>& pairs) {
  std::vector<Id> now(sources.size(), kNobody);
  for (std::size_t i = 0; i < sources.size(); ++i)
    for (std::size_t j = 0; j < asset.sources.size(); ++j)
      if (asset.sources[j].same(sources[i])) {
        const bool lined = asset.sources[j].lined;
        const ValueList* const values = asset.sources[j].values;
        const Signal* const of = asset.sources[j].of;
        asset.sources[j] = std::move(sources[i]);
        asset.sources[j].lined = lined;
        asset.sources[j].values = values;
        asset.sources[j].of = of;
        now[i] = static_cast<Id>(j);
      }
  for (Track& old : tracks)
    for (Track& track : asset.tracks)
      if (now[old.source] == track.source && old.weighting == track.weighting && old.hold == track.hold &&
          old.period == track.period && old.reach >= track.reach) {
        track.panes = std::move(old.panes);
        track.reach = old.reach;
        track.entered = std::move(old.entered);
        track.forgotten = old.forgotten;
        break;
      }
  for (PairTrack& old : pairs)
    for (PairTrack& pair : asset.pairs)
      if (now[old.x] == pair.x && now[old.y] == pair.y && old.hold_x == pair.hold_x && old.hold_y == pair.hold_y &&
          old.reach >= pair.reach) {
        pair.panes = std::move(old.panes);
        pair.reach = old.reach;
        break;
      }
}

void Features::bind_cell(AssetState& asset, Id slot, const FeatureDefinition& definition, Nanos at) {
  Cell cell{&definition, kNobody};
  if (definition.function == FeatureFunction::correlation) return bind_correlation(asset, slot, definition, at, cell);
  if (!definition.of_asset()) {
    const Rule& rule = *definition.rule;
    Thinning thinning = thinned_by(rule, upstream_, table(), slot, at);
    Nanos period = rule.duration("period").value_or(0);
    if (definition.function == FeatureFunction::stale_share) {
      // Fresh is what holds on, for as long as the SLO says.
      const Asset& names = table().asset_of(slot);
      const Rule* const freshness =
          rules_.policy().match("freshness", names.site, names.line, names.asset, table().series(slot).sensor.name(), at);
      const bool on_change = freshness != nullptr && freshness->text("reports", "periodic") == "on-change";
      std::optional<Nanos> slo = rule.duration("slo");
      if (!slo && freshness != nullptr && !on_change) slo = freshness->duration("slo");
      const Id source = source_for(asset, slot, definition);
      cell.track = track_for(asset, source, v1::WEIGHTING_STEP, slo.value_or(kForever), 0);
    } else {
      if (definition.of_state()) thinning.weighting = v1::WEIGHTING_STEP, period = 0;
      if (definition.of.source != Signal::Source::value && rule.text("weighting", "auto") == "auto")
        thinning.weighting = v1::WEIGHTING_COUNT;  // a row stands for its own span
      const bool by_count = thinning.weighting == v1::WEIGHTING_COUNT;
      const Id source = source_for(asset, slot, definition);
      cell.track = track_for(asset, source, thinning.weighting, by_count ? 0 : thinning.hold(period), by_count ? period : 0);
      asset.sources[source].lined = asset.sources[source].lined || thinning.weighting == v1::WEIGHTING_LINEAR;
    }
    Track& track = asset.tracks[cell.track];
    track.reach = std::max(track.reach, definition.panes);
    track.counts_cycles = track.counts_cycles || definition.function == FeatureFunction::cycles_since_service;
  }
  asset.cells.push_back(cell);
}

void Features::bind_correlation(AssetState& asset, Id slot, const FeatureDefinition& definition, Nanos at, Cell& cell) {
  const auto named = [&](Id other) { return table().series(other).sensor.name() == definition.with; };
  const auto with = std::ranges::find_if(asset.slots, named);
  if (with != asset.slots.end() && *with != slot) {
    const auto hold = [&](Id of) { return thinned_by(*definition.rule, upstream_, table(), of, at).hold(0); };
    PairTrack pair;
    pair.x = source_for(asset, slot, definition);
    pair.y = source_for(asset, *with, definition);
    pair.hold_x = hold(slot);
    pair.hold_y = hold(*with);
    const auto same = [&](const PairTrack& other) {
      return other.x == pair.x && other.y == pair.y && other.hold_x == pair.hold_x && other.hold_y == pair.hold_y;
    };
    const auto known = std::ranges::find_if(asset.pairs, same);
    cell.track = static_cast<Id>(known - asset.pairs.begin());
    if (known == asset.pairs.end()) asset.pairs.push_back(std::move(pair));
    asset.pairs[cell.track].reach = std::max(asset.pairs[cell.track].reach, definition.panes);
  }
  asset.cells.push_back(cell);
}

Features::Id Features::source_for(AssetState& asset, Id slot, const FeatureDefinition& definition) {
  Source source;
  source.slot = slot;
  const ValueType type = table().series(slot).sensor.type();
  if (definition.of.source != Signal::Source::value) {
    source.kind = Kind::row;
    source.of = &definition.of;
  } else if (definition.of_state()) {
    source.kind = Kind::state;
    source.values = &definition.rule->list("values");
  } else if (definition.function == FeatureFunction::stale_share && is_text(type)) {
    source.kind = Kind::presence;
  }
  const auto known = std::ranges::find_if(asset.sources, [&](const Source& other) { return other.same(source); });
  if (known != asset.sources.end()) return static_cast<Id>(known - asset.sources.begin());
  asset.sources.push_back(std::move(source));
  return static_cast<Id>(asset.sources.size() - 1);
}

Features::Id Features::track_for(AssetState& asset, Id source, v1::Weighting weighting, Nanos hold, Nanos period) {
  for (Id i = 0; i < asset.tracks.size(); ++i) {
    const Track& track = asset.tracks[i];
    if (track.source == source && track.weighting == weighting && track.hold == hold && track.period == period) return i;
  }
  Track& track = asset.tracks.emplace_back();
  track.source = source;
  track.weighting = weighting;
  track.hold = hold;
  track.period = period;
  return static_cast<Id>(asset.tracks.size() - 1);
}

/// From slots to sources.
void Features::connect(Id id) {
  AssetState& asset = assets_[id];
  for (const Id slot : asset.slots) feeds_[slot].clear(), heads_[slot] = {};
  for (Id i = 0; i < asset.sources.size(); ++i) feeds_[asset.sources[i].slot].push_back({id, i});
}

void Features::bind_all(Node& node) {
  node.renew_at = kForever;
  for (const Id asset : node.assets) bind(asset);
}

/// The node's watermark moved: rules may have expired, facts may have changed.
void Features::renew(Node& node, Output& out) {
  if (node.watermark < node.renew_at) return;
  bind_all(node);
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
}

}  // namespace twinpipe
