// SPDX-License-Identifier: Apache-2.0
// How two patterns lie to each other, a level at a time: tables over the two globs' characters.
#include "policy/pattern_relations.hpp"

#include <algorithm>
#include <vector>

namespace twinpipe {
namespace {

/// A truth for every pair of places in two texts, their ends included.
class Table {
 public:
  Table(std::size_t rows, std::size_t columns) : columns_(columns + 1), cells_((rows + 1) * columns_) {}
  std::vector<bool>::reference at(std::size_t row, std::size_t column) { return cells_[row * columns_ + column]; }

 private:
  std::size_t columns_;
  std::vector<bool> cells_;
};

/// One step of a glob. A run of '*' and '?' stands for "at least so many characters", whatever their order: `pass` takes one
/// character and any stars before it, and the run ends with one star.
enum class Step : std::uint8_t { literal, one, pass, star };
struct Item {
  Step step;
  char character;
};

std::vector<Item> items_of(std::string_view glob) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < glob.size();) {
    if (glob[i] != '*' && glob[i] != '?') {
      items.push_back({Step::literal, glob[i++]});
      continue;
    }
    const std::size_t end = std::min(glob.find_first_not_of("*?", i), glob.size());
    const std::string_view run = glob.substr(i, end - i);
    const bool open = run.find('*') != run.npos;
    items.insert(items.end(), static_cast<std::size_t>(std::ranges::count(run, '?')), {open ? Step::pass : Step::one, 0});
    if (open) items.push_back({Step::star, 0});
    i = end;
  }
  return items;
}

/// Whether `item` takes inner[j], given what follows in `table`.
bool takes(const Item& item, std::string_view inner, Table& table, std::size_t i, std::size_t j) {
  const bool more = j < inner.size();
  switch (item.step) {
    // A literal of the outer glob cannot answer for a wildcard of the inner one, which stands for any character.
    case Step::literal: return more && inner[j] == item.character && table.at(i + 1, j + 1);
    case Step::one: return more && inner[j] != '*' && table.at(i + 1, j + 1);
    case Step::pass: return more && (inner[j] == '*' ? table.at(i, j + 1) : table.at(i + 1, j + 1));
    case Step::star: return table.at(i + 1, j) || (more && table.at(i, j + 1));
  }
  return false;
}

}  // namespace

bool glob_covers(std::string_view outer, std::string_view inner) {
  const std::vector<Item> items = items_of(outer);
  Table table(items.size(), inner.size());
  table.at(items.size(), inner.size()) = true;
  for (std::size_t i = items.size(); i-- > 0;)
    for (std::size_t j = inner.size() + 1; j-- > 0;) table.at(i, j) = takes(items[i], inner, table, i, j);
  return table.at(0, 0);
}

bool covers(const Pattern& outer, const Pattern& inner) {
  return std::ranges::equal(outer.levels(), inner.levels(), glob_covers);
}

std::optional<std::string> common_text(std::string_view one, std::string_view other, char fill) {
  Table table(one.size(), other.size());
  const auto star = [](std::string_view glob, std::size_t at) { return at < glob.size() && glob[at] == '*'; };
  for (std::size_t i = one.size() + 1; i-- > 0;)
    for (std::size_t j = other.size() + 1; j-- > 0;) {
      const bool more = i < one.size(), other_more = j < other.size();
      bool possible = !more && !other_more;
      if (star(one, i)) possible |= table.at(i + 1, j) || (other_more && table.at(i, j + 1));
      if (star(other, j)) possible |= table.at(i, j + 1) || (more && table.at(i + 1, j));
      if (more && other_more && (one[i] == other[j] || one[i] == '?' || other[j] == '?'))
        possible |= !star(one, i) && !star(other, j) && table.at(i + 1, j + 1);
      table.at(i, j) = possible;
    }
  if (!table.at(0, 0)) return std::nullopt;

  std::string text;
  const auto add = [&](char character) { text += character == '?' || character == '*' ? fill : character; };
  for (std::size_t i = 0, j = 0; i < one.size() || j < other.size();) {
    if (star(one, i) && star(other, j)) add(fill);
    if (star(one, i)) {
      if (table.at(i + 1, j)) ++i;
      else if (star(other, j)) ++j;
      else add(other[j++]);
    } else if (star(other, j)) {
      if (table.at(i, j + 1)) ++j;
      else add(one[i++]);
    } else {
      add(one[i] == '?' ? other[j] : one[i]);
      ++i, ++j;
    }
  }
  return text;
}

std::optional<SeriesLevels> common_series(const Pattern& one, const Pattern& other, char fill) {
  SeriesLevels levels;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::optional<std::string> text = common_text(one.levels()[i], other.levels()[i], fill);
    if (!text) return std::nullopt;
    levels[i] = *text;
  }
  return levels;
}

}  // namespace twinpipe
