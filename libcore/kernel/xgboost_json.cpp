// SPDX-License-Identifier: Apache-2.0
// A model as XGBoost saves it in JSON: checked, and written anew.
#include "kernel/xgboost_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "wire/json_string.hpp"

namespace twinpipe {
namespace {

namespace dom = simdjson::dom;
using Names = std::span<const std::string_view>;

/// The newest version whose fields were compared with those of the oldest one, in files and in what they predict.
constexpr std::pair<std::int64_t, std::int64_t> kNewest{3, 2};

constexpr std::array<std::string_view, 2> kModel{"learner", "version"};
constexpr std::array<std::string_view, 6> kLearner{"attributes",       "feature_names",       "feature_types",
                                                   "gradient_booster", "learner_model_param", "objective"};
constexpr std::array<std::string_view, 5> kLearnerParam{"base_score", "boost_from_average", "num_class", "num_feature",
                                                        "num_target"};
constexpr std::array<std::string_view, 2> kTreeBooster{"model", "name"};
constexpr std::array<std::string_view, 3> kDart{"gbtree", "name", "weight_drop"};
constexpr std::array<std::string_view, 5> kTrees{"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"};
constexpr std::array<std::string_view, 3> kTreesParam{"num_parallel_tree", "num_trees", "size_leaf_vector"};
constexpr std::array<std::string_view, 3> kCategories{"enc", "feature_segments", "sorted_idx"};
constexpr std::array<std::string_view, 16> kTree{
    "base_weights",  "categories",   "categories_nodes", "categories_segments", "categories_sizes", "default_left",  "id",
    "left_children", "loss_changes", "parents",          "right_children",      "split_conditions", "split_indices", "split_type",
    "sum_hessian",   "tree_param"};
constexpr std::array<std::string_view, 4> kTreeParam{"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"};
/// Lists whose numbers have a point even where they are whole: the library tells the two apart.
constexpr std::array<std::string_view, 5> kReal{"base_weights", "loss_changes", "split_conditions", "sum_hessian", "weight_drop"};

template <class... Args>
Status bad(fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config, "xgboost: " + fmt::format(format, std::forward<Args>(args)...));
}

bool contains(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

/// "[5E-1]" → "5E-1": the one thing that is written in two ways.
std::string_view without_brackets(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  return text;
}

/// As XGBoost writes it: the shortest digits that give the same float, one before the point.
bool append_float(double value, std::string& text) {
  const auto number = static_cast<float>(value);
  if (!std::isfinite(number)) return false;
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific).ptr;
  const std::string_view all(digits, static_cast<std::size_t>(end - digits));
  const std::size_t e = all.find('e');
  int exponent = 0;
  const char* const from = all.data() + e + (all[e + 1] == '+' ? 2 : 1);
  std::from_chars(from, end, exponent);
  text.append(all.substr(0, e)).append(fmt::format("E{}", exponent));
  return true;
}

class Reader {
 public:
  Result<XgboostJson> read(dom::element model) {
    if (Status status = check(model); !status.ok()) return status;
    if (!write(model, false)) return bad("a number is beyond what a float holds");
    return std::move(to_);
  }

 private:
  Status check(dom::element model);
  Status check_version(dom::object model);
  Status check_learner(dom::object learner);
  Status check_booster(dom::object booster);
  Status check_trees(dom::object model, std::size_t& count);
  Status check_tree(dom::object tree);
  Status check_links(dom::object tree, std::size_t nodes);
  bool write(dom::element element, bool real);

  static Result<dom::object> object(dom::object parent, std::string_view key, Names known) {
    dom::object found;
    if (parent[key].get(found) != simdjson::SUCCESS) return bad("'{}' is missing or not an object", key);
    return only(found, key, known);
  }
  static Result<dom::object> only(dom::object found, std::string_view where, Names known) {
    for (const auto& [key, value] : found)
      if (!contains(known, key)) return bad("'{}' has a field '{}' that this program does not know", where, key);
    return found;
  }
  static Result<dom::array> list(dom::object parent, std::string_view key, std::size_t size) {
    dom::array found;
    if (parent[key].get(found) != simdjson::SUCCESS) return bad("'{}' is missing or not a list", key);
    if (found.size() != size) return bad("'{}' has {} entries, not {}", key, found.size(), size);
    return found;
  }
  /// Numbers of parameters are texts.
  static Result<std::size_t> number(dom::object parent, std::string_view key, std::size_t otherwise) {
    const auto found = parent[key];
    if (found.error() == simdjson::NO_SUCH_FIELD) return otherwise;
    std::string_view text;
    std::size_t value = 0;
    if (found.get(text) == simdjson::SUCCESS)
      if (const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
          error == std::errc{} && end == text.data() + text.size())
        return value;
    return bad("'{}' is not a whole number", key);
  }
  static bool is_empty(dom::object parent, std::string_view key) {
    dom::array found;
    const auto error = parent[key].get(found);
    return error == simdjson::NO_SUCH_FIELD || (error == simdjson::SUCCESS && found.size() == 0);
  }

  XgboostJson to_;
};

Status Reader::check(dom::element model) {
  dom::object all;
  if (model.get(all) != simdjson::SUCCESS) return bad("the model is not an object");
  if (Status status = check_version(all); !status.ok()) return status;
  if (const auto known = only(all, "xgboost", kModel); !known.ok()) return known.status();
  const auto learner = object(all, "learner", kLearner);
  return learner.ok() ? check_learner(*learner) : learner.status();
}

Status Reader::check_version(dom::object model) {
  dom::array parts;
  std::array<std::int64_t, 3> version{};
  if (model["version"].get(parts) != simdjson::SUCCESS || parts.size() != version.size())
    return bad("'version' is missing: nobody can tell how to read the model");
  for (std::size_t i = 0; i < version.size(); ++i)
    if (parts.at(i).get(version[i]) != simdjson::SUCCESS) return bad("'version' is not three numbers");
  to_.version = fmt::format("{}", fmt::join(version, "."));
  if (version[0] < 1 || std::pair(version[0], version[1]) > kNewest)
    return bad("the model was saved by version {}, and this program knows those from 1.0 to {}.{}: save it with one of them",
               to_.version, kNewest.first, kNewest.second);
  return {};
}

Status Reader::check_learner(dom::object learner) {
  const auto param = object(learner, "learner_model_param", kLearnerParam);
  if (!param.ok()) return param.status();
  const Result<std::size_t> classes = number(*param, "num_class", 0), targets = number(*param, "num_target", 1),
                            features = number(*param, "num_feature", 0);
  for (const auto* one : {&classes, &targets, &features})
    if (!one->ok()) return one->status();
  if (*classes > 1 || *targets > 1) return bad("the model has several outputs, and a score is one");
  to_.features = *features;
  std::string_view base_score;
  if ((*param)["base_score"].get(base_score) != simdjson::SUCCESS ||
      without_brackets(base_score).find_first_of(",[]") != base_score.npos)
    return bad("'base_score' is not one number");
  dom::array names;
  if (learner["feature_names"].get(names) == simdjson::SUCCESS) {
    for (const dom::element name : names) {
      std::string_view text;
      if (name.get(text) != simdjson::SUCCESS) return bad("a name of a feature is not a text");
      to_.feature_names.emplace_back(text);
    }
  }
  dom::object booster;
  if (learner["gradient_booster"].get(booster) != simdjson::SUCCESS) return bad("'gradient_booster' is missing");
  return check_booster(booster);
}

Status Reader::check_booster(dom::object booster) {
  std::string_view name;
  if (booster["name"].get(name) != simdjson::SUCCESS || (name != "gbtree" && name != "dart"))
    return bad("the booster is '{}', and only trees are read: gbtree and dart", name);
  to_.dart = name == "dart";
  if (const auto known = only(booster, name, to_.dart ? Names(kDart) : Names(kTreeBooster)); !known.ok()) return known.status();
  dom::object trees = booster;
  if (to_.dart) {
    const auto inner = object(booster, "gbtree", kTreeBooster);
    if (!inner.ok()) return inner.status();
    trees = *inner;
  }
  const auto model = object(trees, "model", kTrees);
  if (!model.ok()) return model.status();
  std::size_t count = 0;
  if (Status status = check_trees(*model, count); !status.ok() || !to_.dart) return status;
  const auto weights = list(booster, "weight_drop", count);
  return weights.ok() ? Status{} : weights.status();
}

Status Reader::check_trees(dom::object model, std::size_t& count) {
  const auto param = object(model, "gbtree_model_param", kTreesParam);
  if (!param.ok()) return param.status();
  const Result<std::size_t> trees = number(*param, "num_trees", 0);
  if (!trees.ok()) return trees.status();
  count = *trees;
  if (model["cats"].error() != simdjson::NO_SUCH_FIELD) {
    const auto categories = object(model, "cats", kCategories);
    if (!categories.ok()) return categories.status();
    if (!is_empty(*categories, "enc")) return bad("the model has categories, and feature rows hold numbers alone");
  }
  const auto groups = list(model, "tree_info", count);
  if (!groups.ok()) return groups.status();
  for (const dom::element group : *groups)
    if (std::int64_t of = -1; group.get(of) != simdjson::SUCCESS || of != 0)
      return bad("a tree is of another output than the first");
  const auto all = list(model, "trees", count);
  if (!all.ok()) return all.status();
  std::size_t number = 0;
  for (const dom::element one : *all) {
    dom::object tree;
    if (one.get(tree) != simdjson::SUCCESS) return bad("tree {} is not an object", number);
    if (Status status = check_tree(tree); !status.ok())
      return Status::error(status.code, status.message + fmt::format(", in tree {}", number));
    ++number;
  }
  return {};
}

Status Reader::check_tree(dom::object tree) {
  if (const auto known = only(tree, "tree", kTree); !known.ok()) return known.status();
  const auto param = object(tree, "tree_param", kTreeParam);
  if (!param.ok()) return param.status();
  const Result<std::size_t> nodes = number(*param, "num_nodes", 0), leaf = number(*param, "size_leaf_vector", 0),
                            features = number(*param, "num_feature", to_.features);
  for (const auto* one : {&nodes, &leaf, &features})
    if (!one->ok()) return one->status();
  if (*leaf > 1) return bad("leaves have several values");
  if (*features != to_.features) return bad("num_feature is {}, and the model's {}", *features, to_.features);
  if (!is_empty(tree, "categories")) return bad("the model has categories, and feature rows hold numbers alone");
  for (const std::string_view key :
       {"base_weights", "default_left", "loss_changes", "parents", "split_conditions", "sum_hessian"})
    if (const auto found = list(tree, key, *nodes); !found.ok()) return found.status();
  if (!is_empty(tree, "split_type")) {
    const auto types = list(tree, "split_type", *nodes);
    if (!types.ok()) return types.status();
    for (const dom::element type : *types)
      if (std::int64_t of = -1; type.get(of) != simdjson::SUCCESS || of != 0) return bad("a split is by category");
  }
  return check_links(tree, *nodes);
}

/// Node 0 is the root, every other one has one parent at most: so no way from the root is endless.
Status Reader::check_links(dom::object tree, std::size_t nodes) {
  const auto left = list(tree, "left_children", nodes), right = list(tree, "right_children", nodes),
             split = list(tree, "split_indices", nodes);
  for (const auto* one : {&left, &right, &split})
    if (!one->ok()) return one->status();
  if (nodes == 0) return bad("there is no node");
  std::vector<bool> has_parent(nodes);
  auto l = left->begin(), r = right->begin(), s = split->begin();
  for (std::size_t node = 0; node < nodes; ++node, ++l, ++r, ++s) {
    std::array<std::int64_t, 2> children{};
    std::int64_t feature = -1;
    if ((*l).get(children[0]) != simdjson::SUCCESS || (*r).get(children[1]) != simdjson::SUCCESS ||
        (*s).get(feature) != simdjson::SUCCESS)
      return bad("a link of node {} is not a number", node);
    if (children[0] == -1 && children[1] == -1) continue;
    if (feature < 0 || static_cast<std::size_t>(feature) >= to_.features) return bad("node {} splits feature {}", node, feature);
    for (const std::int64_t child : children) {
      if (child < 1 || static_cast<std::size_t>(child) >= nodes || has_parent[static_cast<std::size_t>(child)])
        return bad("node {} has {} for a child", node, child);
      has_parent[static_cast<std::size_t>(child)] = true;
    }
  }
  return {};
}

/// Everything as it is but attributes, which are notes for people, and the base score.
bool Reader::write(dom::element element, bool real) {
  std::string& text = to_.text;
  if (element.is_object()) {
    text += '{';
    for (const auto& [key, value] : dom::object(element)) {
      if (text.back() != '{') text += ',';
      append_json_string(key, text);
      text += ':';
      std::string_view base_score;
      if (key == "attributes") text += "{}";
      else if (key == "base_score" && value.get(base_score) == simdjson::SUCCESS)
        append_json_string(without_brackets(base_score), text);
      else if (!write(value, contains(kReal, key))) return false;
    }
    text += '}';
    return true;
  }
  if (element.is_array()) {
    text += '[';
    for (const dom::element value : dom::array(element)) {
      if (text.back() != '[') text += ',';
      if (!write(value, real)) return false;
    }
    text += ']';
    return true;
  }
  double number = 0;
  if (element.type() == dom::element_type::DOUBLE || (real && element.get(number) == simdjson::SUCCESS))
    return append_float(double(element), text);
  text += simdjson::minify(element);
  return true;
}

}  // namespace

Result<XgboostJson> read_xgboost_json(dom::element model) { return Reader().read(model); }

}  // namespace twinpipe
