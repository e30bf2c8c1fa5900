// SPDX-License-Identifier: Apache-2.0
// A JSON file with placeholders, "{name}" in its strings: the shape that somebody else's service wants.
//
// A placeholder that is the whole string stands for its value as it is: a number, a list, an object, a string. Inside of other
// text it stands for its text. "{{" is a brace. Values are escaped, so a template never becomes broken JSON.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/status.hpp"

namespace twinpipe {

/// What a placeholder stands for.
struct TemplateValue {
  std::string text;  // inside of other text
  std::string json;  // alone; empty: the text, as a JSON string
};

/// Text with placeholders.
class TextTemplate {
 public:
  /// Errors (bad_config): a brace that begins or ends no placeholder, and is not doubled.
  static Result<TextTemplate> parse(std::string_view text);

  using Value = std::function<const TemplateValue&(std::string_view name)>;
  std::string render(const Value& value) const;
  /// The one placeholder that is all of the text; empty: it is something else.
  std::string_view alone() const;
  std::vector<std::string_view> names() const;

 private:
  struct Piece {
    std::string text;
    bool placeholder = false;
  };
  std::vector<Piece> pieces_;
};

class JsonTemplate {
 public:
  /// Errors (bad_config): not a JSON object, a placeholder that cannot be read or stands in a key.
  static Result<JsonTemplate> parse(std::string_view json);

  /// One line, without its end. `value` is asked for names() only.
  std::string render(const TextTemplate::Value& value) const;
  std::vector<std::string_view> names() const;

 private:
  struct Piece {
    std::string json;  // as it is, when there is no text
    bool is_text = false;
    TextTemplate text;
  };
  friend struct JsonTemplateWriter;
  std::vector<Piece> pieces_;
};

}  // namespace twinpipe
