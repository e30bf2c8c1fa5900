// SPDX-License-Identifier: Apache-2.0
// Predictions into work orders.
#include "kernel/work_orders.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "policy/digest.hpp"
#include "state.pb.h"
#include "wire/json_string.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

Status bad(std::string what) { return Status::error(Code::bad_data, std::move(what)); }

/// Columns are as long as there are rows, or absent where they may be.
Status check_columns(const v1::Predictions& from) {
  const int rows = from.entity_size();
  const auto fits = [&](int size, bool required) { return size == rows || (size == 0 && !required); };
  const auto all_fit = [&](const auto& columns) {
    return std::ranges::all_of(columns, [&](const v1::FeatureColumn& column) { return column.value_size() == rows; });
  };
  const auto trend_fits = [&](const v1::Trend& trend) {
    return static_cast<int>(trend.row()) < rows && trend.as_of_size() == trend.value_size();
  };
  if (!fits(from.as_of_size(), true) || !fits(from.known_at_size(), false) || !fits(from.score_size(), false) ||
      !fits(from.fired_size(), false) || !fits(from.revision_size(), false) || !all_fit(from.feature()) ||
      !all_fit(from.contribution()))
    return bad(fmt::format("columns of unequal length: Predictions of {} entities", rows));
  return std::ranges::all_of(from.trend(), trend_fits) ? Status{} : bad("a trend of no row, or with columns of unequal length");
}

}  // namespace

std::string work_order_key(std::string_view asset, std::string_view failure_mode, std::string_view episode) {
  std::string said;
  for (const std::string_view part : {asset, failure_mode, episode}) append_json_string(part, said);
  return sha256_hex(said).substr(0, 32);
}

WorkOrders::WorkOrders(const SeriesTable& table, const Policy& policy, std::vector<WorkOrderRule> rules, WorkOrderShapes shapes,
                       WorkOrderOptions options)
    : Stage(table),
      rules_(policy, "work-order"),
      made_(std::move(rules)),
      shapes_(std::move(shapes)),
      options_(options),
      entities_(options.max_assets) {}

Status WorkOrders::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  if (frame.has_work_order()) {
    if (frame.work_order().state() == v1::WorkOrder::STATE_COMPLETED) take_completed(frame.work_order());
    return pass(view, out);
  }
  if (Status status = take_predictions(frame.predictions(), out); !status.ok()) return status;
  return options_.keep ? pass(view, out) : Status{};
}

Result<std::uint32_t> WorkOrders::asset_number(const std::string& entity) {
  const std::uint32_t known = entities_.size();
  const std::uint32_t number = entities_.find_or_add(entity);
  if (number == EntityTable::kNone) return Status::error(Code::bad_data, fmt::format("more than {} assets", entities_.limit()));
  if (number == known) {
    if (!split_asset_key(entity)) return bad(fmt::format("entity '{}' is not an asset: site.line.asset", entity));
    assets_.emplace_back();
  }
  return number;
}

std::uint32_t WorkOrders::mode_number(const std::string& name) {
  const auto number = static_cast<std::uint32_t>(std::ranges::find(modes_, name) - modes_.begin());
  if (number == modes_.size()) modes_.push_back(name);
  return number;
}

WorkOrders::Track& WorkOrders::track_of(std::uint32_t asset, std::uint32_t mode) {
  std::vector<Track>& tracks = assets_[asset].tracks;
  const auto at = std::ranges::find(tracks, mode, &Track::mode);
  if (at != tracks.end()) return *at;
  Track& track = tracks.emplace_back();
  track.mode = mode;
  (void)track.episode.complete(assets_[asset].serviced);
  return track;
}

/// Which rule applies from event time `at` on.
void WorkOrders::follow_rule(std::string_view entity, Track& track, Nanos at, Output& out) {
  const std::array<std::string, 3> levels = *split_asset_key(entity);
  const std::string& mode = modes_[track.mode];
  const auto of_mode = [&](const Rule& rule) {
    return glob_matches(made_[static_cast<std::size_t>(&rule - rules_.rules().data())].failure_mode, mode);
  };
  const RuleBook::Match match = rules_.find({levels[0], levels[1], levels[2], ""}, at, of_mode);
  track.rule = match.rule != nullptr ? static_cast<std::uint32_t>(match.rule - rules_.rules().data()) : kNone;
  track.rule_until = match.until;
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
}

Status WorkOrders::take_predictions(const v1::Predictions& from, Output& out) {
  if (Status status = check_columns(from); !status.ok()) return status;
  const std::uint32_t mode = mode_number(from.failure_mode());
  for (int row = 0; row < from.entity_size(); ++row) {
    const Result<std::uint32_t> asset = asset_number(from.entity(row));
    if (!asset.ok()) return asset.status();
    Track& track = track_of(*asset, mode);
    WorkOrderEpisode::Row one;
    one.as_of = from.as_of(row);
    one.revision = row < from.revision_size() ? from.revision(row) : 0;
    one.fired = row < from.fired_size() && from.fired(row);
    const Nanos known_at = row < from.known_at_size() ? from.known_at(row) : 0;
    one.past = known_at != 0 && saturating_sub(known_at, one.as_of) > options_.past_after;
    if (one.as_of >= track.rule_until) follow_rule(from.entity(row), track, one.as_of, out);
    if (track.rule == kNone) continue;
    fired_ += one.fired ? 1 : 0;
    past_ += one.fired && one.past ? 1 : 0;
    const WorkOrderEpisode::Outcome outcome = track.episode.take(one, made_[track.rule]);
    stale_ += outcome == WorkOrderEpisode::Outcome::stale ? 1 : 0;
    if (outcome == WorkOrderEpisode::Outcome::due) make_order(from, row, track);
  }
  return {};
}

void WorkOrders::make_order(const v1::Predictions& predictions, int row, Track& track) {
  const FiredRow fired{&predictions, row, format_time(track.episode.opened), &made_[track.rule], &rules_.policy()};
  const Evidence evidence = work_order_evidence(fired);
  WorkOrderRequest request;
  v1::WorkOrder& order = request.order;
  order.set_asset(fired.asset());
  order.set_failure_mode(predictions.failure_mode());
  order.set_episode(fired.episode);
  order.set_idempotency_key(work_order_key(fired.asset(), predictions.failure_mode(), fired.episode));
  order.set_evidence_digest(evidence.digest);
  order.set_as_of(predictions.as_of(row));
  request.body = shapes_.request(fired, evidence, order.idempotency_key());
  track.key = order.idempotency_key();
  unanswered_.insert_or_assign(track.key, order);
  orders_.push_back(std::move(request));
  ++ordered_;
}

/// Work was done. It ends the episode whose order it was; where it names none, that of its failure mode, or of all.
void WorkOrders::take_completed(const v1::WorkOrder& order) {
  ++completed_;
  if (!split_asset_key(order.asset())) return;  // of an asset that nothing is predicted of
  const Result<std::uint32_t> number = asset_number(order.asset());
  if (!number.ok()) return;
  Asset& asset = assets_[*number];
  if (!order.idempotency_key().empty()) {
    const auto of_key = std::ranges::find(asset.tracks, order.idempotency_key(), &Track::key);
    if (of_key != asset.tracks.end()) {
      (void)of_key->episode.complete(order.time());
      return;
    }
  }
  if (!order.failure_mode().empty()) {
    (void)track_of(*number, mode_number(order.failure_mode())).episode.complete(order.time());
    return;
  }
  asset.serviced = std::max(asset.serviced, order.time());
  for (Track& track : asset.tracks) (void)track.episode.complete(order.time());
}

void WorkOrders::spooled(const std::string& key) {
  const auto at = unanswered_.find(key);
  if (at != unanswered_.end()) at->second.set_state(v1::WorkOrder::STATE_SPOOLED);
}

std::string WorkOrders::save() const {
  v1::WorkOrdersState state;
  for (const std::string& mode : modes_) state.add_mode(mode);
  for (std::uint32_t number = 0; number < assets_.size(); ++number) {
    v1::WorkOrderAssetState& asset = *state.add_asset();
    asset.set_name(std::string(entities_.name(number)));
    asset.set_serviced(assets_[number].serviced);
    for (const Track& track : assets_[number].tracks) {
      v1::WorkOrderTrackState& to = *asset.add_track();
      to.set_mode(track.mode);
      to.set_key(track.key);
      to.set_newest(track.episode.newest);
      to.set_revision(track.episode.revision);
      to.set_fired(track.episode.fired);
      to.set_open(track.episode.open);
      to.set_ordered(track.episode.ordered);
      to.set_opened(track.episode.opened);
      to.set_last_fired(track.episode.last_fired);
      to.set_ended(track.episode.ended);
      to.set_serviced(track.episode.serviced);
    }
  }
  for (const auto& [key, order] : unanswered_) *state.add_unanswered() = order;
  return state.SerializeAsString();
}

Status WorkOrders::load(std::string_view bytes) {
  const auto wrong = [] { return Status::error(Code::bad_config, "the saved state is not a work-order's"); };
  v1::WorkOrdersState state;
  if (!assets_.empty() || !state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return wrong();
  modes_.assign(state.mode().begin(), state.mode().end());
  for (const v1::WorkOrderAssetState& asset : state.asset()) {
    const Result<std::uint32_t> number = asset_number(asset.name());
    if (!number.ok() || *number + 1 != assets_.size()) return wrong();
    assets_.back().serviced = asset.serviced();
    for (const v1::WorkOrderTrackState& from : asset.track()) {
      if (from.mode() >= modes_.size()) return wrong();
      Track& track = assets_.back().tracks.emplace_back();
      track.mode = from.mode();
      track.key = from.key();
      track.episode = {from.newest(), from.revision(),   from.fired(), from.open(),    from.ordered(),
                       from.opened(), from.last_fired(), from.ended(), from.serviced()};
    }
  }
  for (const v1::WorkOrder& order : state.unanswered()) unanswered_.emplace(order.idempotency_key(), order);
  return {};
}

std::vector<Counter> WorkOrders::counters() const {
  return {{"rows_fired", fired_},    {"rows_stale", stale_},           {"rows_past", past_},
          {"orders_made", ordered_}, {"orders_completed", completed_}, {"orders_unanswered", unanswered_.size()}};
}

}  // namespace twinpipe
