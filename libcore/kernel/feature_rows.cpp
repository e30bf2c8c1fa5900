// SPDX-License-Identifier: Apache-2.0
// Features payload → columns. What is not written the usual way (a column in pieces, or unpacked: both are legal protobuf) is
// brought into it by the generated code first.
#include "kernel/feature_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "kernel/text_values.hpp"
#include "wire/fields.hpp"

namespace twinpipe {
namespace {

static_assert(std::endian::native == std::endian::little, "protobuf's fixed-width columns are read as they are");

using Proto = v1::Features;

constexpr char kEntityTag = static_cast<char>(short_tag(Proto::kEntityFieldNumber, WireType::length_delimited));
constexpr std::string_view kCompleteness = "completeness";

Status bad(std::string message) { return Status::error(Code::bad_data, std::move(message)); }

bool once(std::string_view value, std::size_t width, std::string_view& column) {
  if (!column.empty() || value.size() % width != 0) return false;
  column = value;
  return true;
}

std::uint64_t word_at(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

/// memcmp() for names, which are some twenty bytes: the call costs more than they do.
inline bool same_bytes(const char* a, const char* b, std::size_t size) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (size < kWord) return std::memcmp(a, b, size) == 0;
  for (std::size_t i = 0; i + kWord < size; i += kWord)
    if (word_at(a + i) != word_at(b + i)) return false;
  return word_at(a + size - kWord) == word_at(b + size - kWord);
}

}  // namespace

std::uint32_t EntityTable::find_or_add(std::string_view name) {
  if (const auto at = numbers_.find(name); at != numbers_.end()) return at->second;
  if (names_.size() >= limit_) return kNone;
  names_.push_back(texts_.emplace_back(name));
  numbers_.emplace(names_.back(), size() - 1);
  return size() - 1;
}

Result<std::uint32_t> FeatureLayouts::find(std::span<const std::string_view> names, std::string_view digest) {
  key_.assign(digest);
  for (const std::string_view name : names) {
    key_ += '\0';
    key_ += name;
  }
  if (const auto at = numbers_.find(key_); at != numbers_.end()) return at->second;
  FeatureLayout layout;
  layout.digest = digest;
  for (const std::string_view name : names) {
    if (std::ranges::find(layout.names, name) != layout.names.end()) return bad(fmt::format("two columns are called '{}'", name));
    layout.names.emplace_back(name);
  }
  for (const std::string& name : layout.names) {
    auto at = std::ranges::find(features_, name);
    if (at == features_.end() && !fixed_) at = features_.insert(at, name);
    layout.feature.push_back(at == features_.end() ? kNone : static_cast<std::uint32_t>(at - features_.begin()));
  }
  layouts_.push_back(std::move(layout));
  return numbers_.emplace(key_, static_cast<std::uint32_t>(layouts_.size() - 1)).first->second;
}

bool FeaturesDecoder::parse_column(std::string_view rest, Column& column) const {
  while (!rest.empty()) {
    Field field;
    if (!take_field(rest, field) || field.type != WireType::length_delimited) return false;
    if (field.number == v1::FeatureColumn::kNameFieldNumber) column.name = field.value;
    else if (field.number != v1::FeatureColumn::kValueFieldNumber || !once(field.value, sizeof(double), column.values))
      return false;
  }
  return true;
}

FeaturesDecoder::Shape FeaturesDecoder::parse(std::string_view rest) {
  names_.clear();
  columns_.clear();
  revision_.clear();
  as_of_ = known_at_ = label_time_ = completeness_ = digest_ = {};
  has_revision_ = false;
  while (!rest.empty()) {
    // Short names, one behind the other: nearly all of the fields.
    while (rest.size() >= 2 && rest[0] == kEntityTag && static_cast<std::uint8_t>(rest[1]) < 0x80 &&
           rest.size() - 2 >= static_cast<std::uint8_t>(rest[1])) {
      const std::size_t length = static_cast<std::uint8_t>(rest[1]);
      if (!without_entities_) names_.emplace_back(rest.data() + 2, length);
      rest.remove_prefix(2 + length);
    }
    if (rest.empty()) break;
    Field field;
    if (!take_field(rest, field)) return Shape::bad;
    if (field.type != WireType::length_delimited) return Shape::unusual;
    bool usual = true;
    switch (field.number) {
      case Proto::kEntityFieldNumber:
        if (!without_entities_) names_.push_back(field.value);
        break;
      case Proto::kAsOfFieldNumber: usual = once(field.value, sizeof(Nanos), as_of_); break;
      case Proto::kKnownAtFieldNumber: usual = once(field.value, sizeof(Nanos), known_at_); break;
      case Proto::kLabelTimeFieldNumber: usual = once(field.value, sizeof(Nanos), label_time_); break;
      case Proto::kCompletenessFieldNumber: usual = once(field.value, sizeof(double), completeness_); break;
      case Proto::kDefinitionDigestFieldNumber: digest_ = field.value; break;
      case Proto::kColumnFieldNumber: usual = parse_column(field.value, columns_.emplace_back()); break;
      case Proto::kRevisionFieldNumber:
        usual = revision_.empty();
        while (usual && !field.value.empty()) {
          std::uint64_t value = 0;
          const int used = read_varint(field.value, value);
          if (used <= 0) return Shape::bad;
          revision_.push_back(static_cast<std::uint32_t>(value));
          field.value.remove_prefix(static_cast<std::size_t>(used));
        }
        has_revision_ = true;
        break;
      default: break;  // of a later schema
    }
    if (!usual) return Shape::unusual;
  }
  return Shape::usual;
}

Result<FeatureRows> FeaturesDecoder::decode(std::string_view payload) {
  Shape shape = parse(payload);
  if (shape == Shape::unusual) {
    Proto message;
    if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) shape = Shape::bad;
    else shape = parse(normal_ = message.SerializeAsString());
  }
  if (shape != Shape::usual) return bad("Features frame does not parse");
  return rows();
}

inline std::uint32_t FeaturesDecoder::number(std::string_view name) {
  if (next_ == seen_.size()) next_ = 0;
  if (next_ < seen_.size()) {
    const Seen& guess = seen_[next_];
    if (guess.size == name.size() && same_bytes(seen_text_.data() + guess.at, name.data(), name.size())) {
      ++next_;
      return guess.entity;
    }
  }
  const std::uint32_t entity = entities_->find_or_add(name);
  if (entity == EntityTable::kNone) return entity;
  if (entity >= place_.size()) place_.resize(entities_->size(), EntityTable::kNone);
  if (place_[entity] == EntityTable::kNone) {
    place_[entity] = static_cast<std::uint32_t>(seen_.size());
    seen_.push_back({entity, static_cast<std::uint32_t>(name.size()), seen_text_.size()});
    seen_text_ += name;
  }
  next_ = place_[entity] + std::size_t{1};
  return entity;
}

Status FeaturesDecoder::number_entities() {
  entity_.resize(names_.size());
  for (std::size_t row = 0; row < names_.size(); ++row) {
    const std::uint32_t before = entities_->size();
    const std::uint32_t entity = number(names_[row]);
    if (entity == EntityTable::kNone) return bad(fmt::format("more than {} entities (--max-series)", entities_->limit()));
    if (entity == before && !is_utf8(names_[row])) return bad("the name of an entity is not UTF-8");
    entity_[row] = entity;
  }
  return {};
}

Result<FeatureRows> FeaturesDecoder::rows() {
  const std::size_t rows = without_entities_ ? as_of_.size() / sizeof(Nanos) : names_.size();
  const auto wrong = [rows](std::string_view what, std::size_t size) {
    return bad(fmt::format("columns of unequal length: {} entities and {} of {}", rows, size, what));
  };
  if (as_of_.size() != 8 * rows) return as_of_.empty() ? bad("feature rows without as_of") : wrong("as_of", as_of_.size() / 8);
  if (known_at_.empty() && rows > 0 && !known_at_optional_)
    return bad("feature rows without known_at: nobody can tell whether they leak (--event-time does not ask)");
  if (!known_at_.empty() && known_at_.size() != 8 * rows) return wrong("known_at", known_at_.size() / 8);
  if (!label_time_.empty() && label_time_.size() != 8 * rows) return wrong("label_time", label_time_.size() / 8);
  if (has_revision_ && revision_.size() != rows) return wrong("revision", revision_.size());
  if (!completeness_.empty()) columns_.push_back({kCompleteness, completeness_});
  column_names_.clear();
  views_.clear();
  for (const Column& column : columns_) {
    if (column.values.size() != 8 * rows) return wrong("'" + std::string(column.name) + "'", column.values.size() / 8);
    column_names_.push_back(column.name);
    views_.emplace_back(column.values);
  }
  if (!std::ranges::all_of(column_names_, is_utf8)) return bad("the name of a column is not UTF-8");
  Result<std::uint32_t> layout = layouts_->find(column_names_, digest_);
  if (!layout.ok()) return layout.status();
  if (without_entities_) entity_.assign(rows, 0);
  else if (Status status = number_entities(); !status.ok()) return status;
  FeatureRows found;
  found.entity = entity_;
  found.as_of = PackedView<Nanos>(as_of_);
  found.known_at = PackedView<Nanos>(known_at_);
  found.label_time = PackedView<Nanos>(label_time_);
  found.revision = revision_;
  found.layout = *layout;
  found.column = views_;
  return found;
}

}  // namespace twinpipe
