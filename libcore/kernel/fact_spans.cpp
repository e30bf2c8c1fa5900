// SPDX-License-Identifier: Apache-2.0
// What the asset registry says of one asset, by event time.
#include "kernel/fact_spans.hpp"

#include <algorithm>
#include <map>

#include "state.pb.h"

namespace twinpipe {
namespace {

/// The fields of a Twin, in the order of their numbers, its facts in that of their names.
std::string fields_of(const v1::AssetFacts& facts) {
  std::map<std::string, std::string> sorted;
  for (const v1::Fact& fact : facts.fact()) sorted[fact.name()] = fact.value();
  std::string fields;
  v1::Twin one;
  for (const auto& [name, value] : sorted) {
    (*one.mutable_facts())[name] = value;
    one.AppendToString(&fields);
    one.clear_facts();
  }
  one.set_registry_as_of(facts.registry_as_of());
  one.set_registry_stale(facts.registry_stale());
  one.AppendToString(&fields);
  return fields;
}

bool holds(const FactSpans::Span& span, Nanos time) { return span.from <= time && time < span.until; }

/// The one that came later hides the other wherever that would be in force.
bool hides(const FactSpans::Span& later, const FactSpans::Span& earlier) {
  return later.from <= earlier.from && earlier.until <= later.until;
}

}  // namespace

void FactSpans::forget(Nanos now) {
  std::erase_if(spans_, [&](const Span& span) {
    if (span.until > now) return false;
    last_end_ = std::max(last_end_, span.until);
    return true;
  });
}

void FactSpans::take(const v1::AssetFacts& facts, Nanos now) {
  Span span{.from = facts.from() == 0 ? kBeginning : facts.from(),
            .until = facts.until() == 0 ? kForever : facts.until(),
            .unknown = facts.unknown(),
            .fields = fields_of(facts)};
  registered_ = registered_ || !span.unknown;
  std::erase_if(spans_, [&](const Span& other) { return hides(span, other); });
  spans_.push_back(std::move(span));
  forget(now);
}

const FactSpans::Span* FactSpans::at(Nanos time) const {
  const auto last = std::find_if(spans_.rbegin(), spans_.rend(), [&](const Span& span) { return holds(span, time); });
  return last == spans_.rend() ? nullptr : &*last;
}

Nanos FactSpans::next_change(Nanos time) const {
  Nanos next = kForever;
  for (const Span& span : spans_) {
    if (span.from > time) next = std::min(next, span.from);
    if (span.until > time) next = std::min(next, span.until);
  }
  return next;
}

std::optional<Nanos> FactSpans::left(Nanos time) const {
  const auto is_known = [](const Span* span) { return span != nullptr && !span->unknown; };
  const Span* now = at(time);
  if (!registered_ || is_known(now)) return std::nullopt;
  Nanos end = last_end_;
  for (const Span& span : spans_) {
    for (const Nanos change : {span.from, span.until})
      if (change > time && is_known(at(change))) return std::nullopt;
    if (span.until <= time) end = std::max(end, span.until);
  }
  return now == nullptr ? end : now->from;
}

void FactSpans::save(v1::TwinFacts& to) const {
  to.set_registered(registered_);
  to.set_last_end(last_end_);
  for (const Span& span : spans_) {
    v1::TwinFactSpan& one = *to.add_span();
    one.set_from(span.from);
    one.set_until(span.until);
    one.set_unknown(span.unknown);
    one.set_fields(span.fields);
  }
}

void FactSpans::load(const v1::TwinFacts& from) {
  registered_ = from.registered();
  last_end_ = from.last_end();
  spans_.clear();
  for (const v1::TwinFactSpan& one : from.span()) spans_.push_back({one.from(), one.until(), one.unknown(), one.fields()});
}

}  // namespace twinpipe
