// SPDX-License-Identifier: Apache-2.0
// JSON with placeholders.
#include "kernel/json_template.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <utility>

#include "wire/json_string.hpp"

namespace twinpipe {

using simdjson::dom::element;
using simdjson::dom::element_type;

Result<TextTemplate> TextTemplate::parse(std::string_view text) {
  TextTemplate made;
  std::string plain;
  const auto wrong = [&] {
    return Status::error(Code::bad_config, fmt::format("'{}': a placeholder is {{name}}, and a brace is written twice", text));
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '{' && c != '}') {
      plain += c;
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == c) {
      plain += c;
      ++at;
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (c == '}' || end == text.npos) return wrong();
    const std::string_view name = text.substr(at + 1, end - at - 1);
    if (name.empty() || name.find('{') != name.npos) return wrong();
    if (!plain.empty()) made.pieces_.push_back({std::exchange(plain, {}), false});
    made.pieces_.push_back({std::string(name), true});
    at = end;
  }
  if (!plain.empty()) made.pieces_.push_back({std::move(plain), false});
  return made;
}

std::string TextTemplate::render(const Value& value) const {
  std::string text;
  for (const Piece& piece : pieces_) text += piece.placeholder ? value(piece.text).text : piece.text;
  return text;
}

std::string_view TextTemplate::alone() const {
  return pieces_.size() == 1 && pieces_.front().placeholder ? std::string_view(pieces_.front().text) : std::string_view();
}

std::vector<std::string_view> TextTemplate::names() const {
  std::vector<std::string_view> names;
  for (const Piece& piece : pieces_)
    if (piece.placeholder) names.push_back(piece.text);
  return names;
}

/// Takes a template apart while it is walked.
struct JsonTemplateWriter {
  JsonTemplate made;

  void raw(std::string_view json) {
    if (made.pieces_.empty() || made.pieces_.back().is_text) made.pieces_.emplace_back();
    made.pieces_.back().json += json;
  }

  Status string(std::string_view text) {
    Result<TextTemplate> parsed = TextTemplate::parse(text);
    if (!parsed.ok()) return parsed.status();
    if (!parsed->names().empty()) {
      made.pieces_.push_back({{}, true, std::move(*parsed)});
      return {};
    }
    return quoted(parsed->render({}));
  }

  Status quoted(std::string_view text) {
    std::string json;
    append_json_string(text, json);
    raw(json);
    return {};
  }

  Status walk(const element& value) {
    switch (value.type()) {
      case element_type::STRING: return string(std::string_view(value));
      case element_type::ARRAY: {
        raw("[");
        bool first = true;
        for (const element item : simdjson::dom::array(value)) {
          if (!std::exchange(first, false)) raw(",");
          if (Status status = walk(item); !status.ok()) return status;
        }
        raw("]");
        return {};
      }
      case element_type::OBJECT: {
        raw("{");
        bool first = true;
        for (const auto [key, item] : simdjson::dom::object(value)) {
          if (key.find_first_of("{}") != key.npos)
            return Status::error(Code::bad_config, fmt::format("'{}': a key holds no placeholder", key));
          if (!std::exchange(first, false)) raw(",");
          (void)quoted(key);
          raw(":");
          if (Status status = walk(item); !status.ok()) return status;
        }
        raw("}");
        return {};
      }
      default: raw(simdjson::minify(value)); return {};
    }
  }
};

Result<JsonTemplate> JsonTemplate::parse(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root); error != simdjson::SUCCESS)
    return Status::error(Code::bad_config, fmt::format("it is not JSON: {}", simdjson::error_message(error)));
  if (!root.is_object()) return Status::error(Code::bad_config, "it is not a JSON object");
  JsonTemplateWriter writer;
  if (Status status = writer.walk(root); !status.ok()) return status;
  return std::move(writer.made);
}

std::string JsonTemplate::render(const TextTemplate::Value& value) const {
  std::string json;
  for (const Piece& piece : pieces_) {
    const std::string_view alone = piece.text.alone();
    if (!piece.is_text) json += piece.json;
    else if (!alone.empty() && !value(alone).json.empty()) json += value(alone).json;
    else append_json_string(piece.text.render(value), json);
  }
  return json;
}

std::vector<std::string_view> JsonTemplate::names() const {
  std::vector<std::string_view> names;
  for (const Piece& piece : pieces_)
    for (const std::string_view name : piece.text.names()) names.push_back(name);
  return names;
}

}  // namespace twinpipe
