// SPDX-License-Identifier: Apache-2.0
// An Alert's news: waits for company, is repeated, and becomes messages.
#include <algorithm>

#include "kernel/alert_parts.hpp"
#include "wire/names.hpp"

namespace twinpipe {

AlertMember Alert::member(AlertPhase phase, const Watch& watch) const {
  const AssetState& asset = assets_[asset_of(watch)];
  AlertMember member;
  member.subject = encode_level(asset.site) + '/' + encode_level(asset.line) + '/' + encode_level(asset.asset);
  if (!is_of_asset(watch.on)) member.subject += '/' + encode_level(sensors_[watch.subject].name);
  member.detail = watch.detail;
  member.since = watch.since;
  member.episode = watch.episode;
  if (phase == AlertPhase::recover) member.until = watch.ended;
  member.reminder = phase == AlertPhase::remind ? watch.reminders : 0;
  member.value = watch.value;
  return member;
}

/// What was queued of the same watch leaves first, so that the messages of a subject alternate.
void Alert::queue(AlertPhase phase, Index index) {
  const auto group_of = [this](const Watch& watch) {
    const AssetState& asset = assets_[asset_of(watch)];
    return rules_[watch.rule].group == AlertGroup::site ? asset.site : nodes_[asset.node].name;
  };
  const std::string group = group_of(watches_[index]);
  if (watches_[index].pending) {
    const Index rule = watches_[index].rule;
    send([&](const Pending& news) { return news.watch == index || (news.rule == rule && news.group == group); });
  }
  Watch& watch = watches_[index];
  if (phase == AlertPhase::raise) watch.episode = ++raised_;
  if (phase == AlertPhase::remind) ++watch.reminders;
  pending_.push_back({phase, index, watch.rule, group, known(), member(phase, watch)});
  watch.pending = true;
  watch.told = phase != AlertPhase::recover;
  if (watch.remind_at != kForever) reminders_.erase({watch.remind_at, index});
  watch.remind_at = kForever;
  if (phase == AlertPhase::recover) watch.reminders = 0;
  else if (options_.remind > 0 && known() != kBeginning) watch.remind_at = saturating_add(known(), options_.remind);
  if (watch.remind_at != kForever) reminders_.insert({watch.remind_at, index});
  recovered_ += phase == AlertPhase::recover;
  reminded_ += phase == AlertPhase::remind;
}

void Alert::remind() {
  while (!reminders_.empty() && reminders_.begin()->first <= known()) {
    const Index index = reminders_.begin()->second;
    Watch& watch = watches_[index];
    if (watch.active && !in_past(nodes_[assets_[asset_of(watch)].node])) {
      queue(AlertPhase::remind, index);
    } else {  // it may be over
      reminders_.erase(reminders_.begin());
      watch.remind_at = saturating_add(known(), options_.remind);
      reminders_.insert({watch.remind_at, index});
    }
  }
}

/// One message for what one rule says of one group, in the order of what was first.
void Alert::send(const std::function<bool(const Pending&)>& which) {
  std::vector<AlertNews> all;
  std::map<std::tuple<AlertPhase, Index, std::string>, std::size_t> places;
  std::vector<Pending> staying;
  std::vector<Index> sent;
  for (Pending& news : pending_) {
    if (!which(news)) {
      staying.push_back(std::move(news));
      continue;
    }
    sent.push_back(news.watch);
    const AlertRule& rule = rules_[news.rule];
    const auto [place, is_new] = places.try_emplace({news.phase, news.rule, news.group}, all.size());
    if (is_new || rule.group == AlertGroup::none) {
      place->second = all.size();
      all.push_back({news.phase, &rule, news.group, known(), {}});
    }
    all[place->second].members.push_back(std::move(news.member));
  }
  pending_ = std::move(staying);
  for (const AlertNews& news : all) messages_.push_back(alert_message(news, *policy_));
  sent_ += all.size();
  for (const Index watch : sent) watches_[watch].pending = false;
  for (const Index watch : sent) release(watch);
}

void Alert::flush(Flush which) {
  std::set<std::pair<Index, std::string>> due;
  for (const Pending& news : pending_) {
    const Nanos wait = rules_[news.rule].group_wait;
    if (which == Flush::all || wait == 0 || saturating_sub(known(), news.queued) >= wait) due.insert({news.rule, news.group});
  }
  if (!due.empty()) send([&](const Pending& news) { return due.contains({news.rule, news.group}); });
}

}  // namespace twinpipe
