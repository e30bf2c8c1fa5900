// SPDX-License-Identifier: Apache-2.0
// A model file: read, and held against its own reference rows.
#include "kernel/model_file.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "kernel/xgboost_json.hpp"
#include "policy/digest.hpp"

namespace twinpipe {
namespace {

namespace dom = simdjson::dom;

/// Greatest difference of a reference row, in parts of the greatest number among them. Leaves are added up in float, 6e-8 apart:
/// the and not in the same order by every version: 1e-7 was measured with a hundred trees. A base_score that is misread gives
/// 1e-1.
constexpr double kTolerance = 1e-6;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

template <class... Args>
Status bad(fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config, fmt::format(format, std::forward<Args>(args)...));
}

/// Floats as trees compare them. What a float cannot hold is beyond every split, and the library takes no infinity.
float as_float(double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(value > kMost ? kMost : value < -kMost ? -kMost : value);
}

}  // namespace

class ModelFile::Reader {
 public:
  explicit Reader(ModelFile& to) : to_(&to) {}
  Status read(std::string_view text, unsigned threads);

 private:
  Status read_fields(dom::object file);
  Status read_texts(dom::element element, std::string_view key, std::vector<std::string>& texts);
  Status read_field(std::string_view key, dom::element value);
  Status read_reference(dom::element element);
  Status read_row(dom::element element);
  Status read_numbers(dom::element reference, std::string_view key, std::vector<double>& numbers);
  Status read_booster(dom::element element, unsigned threads);
  Status check_reference();
  Status compare(std::span<const float> here, std::span<const double> stored, std::string_view what) const;

  ModelFile* to_;
  std::string saved_by_;
  std::vector<float> rows_;
  std::vector<double> margin_, score_;
};

Status ModelFile::Reader::read(std::string_view text, unsigned threads) {
  dom::parser parser;
  dom::element root;
  dom::object file;
  if (const auto error = parser.parse(simdjson::padded_string(text)).get(root); error != simdjson::SUCCESS)
    return bad("not JSON: {}", simdjson::error_message(error));
  std::int64_t form = 0;
  if (root.get(file) != simdjson::SUCCESS || file["twinpipe_model"].get(form) != simdjson::SUCCESS)
    return bad("not a model file: it has no 'twinpipe_model'");
  if (form != 1) return bad("'twinpipe_model' is {}, and this program knows 1", form);
  if (Status status = read_fields(file); !status.ok()) return status;
  to_->digest_ = sha256_hex(text);
  if (Status status = read_booster(file["xgboost"], threads); !status.ok()) return status;
  if (Status status = read_reference(file["reference"]); !status.ok()) return status;
  return check_reference();
}

Status ModelFile::Reader::read_fields(dom::object file) {
  std::set<std::string_view> seen;
  for (const auto& [key, value] : file) {
    if (!seen.insert(key).second) return bad("'{}' stands there twice", key);
    if (Status status = read_field(key, value); !status.ok()) return status;
  }
  for (const std::string_view key : {"failure_mode", "threshold", "features", "definition_digest", "xgboost"})
    if (!seen.contains(key)) return bad("'{}' is missing", key);
  if (!seen.contains("reference"))
    return bad(
        "'reference' is missing: rows with what the training program predicts for them; without them nobody can tell "
        "whether libxgboost {} reads the model right",
        XgboostModel::library_version());
  return {};
}

Status ModelFile::Reader::read_field(std::string_view key, dom::element value) {
  std::string_view text;
  if (key == "failure_mode") {
    if (value.get(text) != simdjson::SUCCESS || text.empty()) return bad("'failure_mode' is not a text");
    to_->failure_mode_ = text;
  } else if (key == "threshold") {
    if (value.get(to_->threshold_) != simdjson::SUCCESS) return bad("'threshold' is not a number");
  } else if (key == "features") {
    return read_texts(value, key, to_->features_);
  } else if (key == "definition_digest") {
    if (value.get(text) != simdjson::SUCCESS) return read_texts(value, key, to_->definitions_);
    to_->definitions_.emplace_back(text);  // empty: of rows that bear none
  } else if (key == "match") {
    if (value.get(text) != simdjson::SUCCESS) return bad("'match' is not a text");
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return bad("'match': {}", pattern.status().message);
    if (const std::string& sensor = pattern->levels()[3]; sensor != "+" && !glob_matches(sensor, ""))
      return bad("'match' speaks of assets, not of sensors: its last level is + or *");
    to_->match_ = *pattern;
  } else if (key != "twinpipe_model" && key != "reference" && key != "xgboost" && key != "trained") {
    return bad("unknown key '{}'", key);
  }
  return {};
}

Status ModelFile::Reader::read_texts(dom::element element, std::string_view key, std::vector<std::string>& texts) {
  dom::array all;
  if (element.get(all) != simdjson::SUCCESS || all.size() == 0) return bad("'{}' is not a list of texts", key);
  for (const dom::element one : all) {
    std::string_view text;
    if (one.get(text) != simdjson::SUCCESS || text == kBias) return bad("'{}' lists something that is no name", key);
    if (std::ranges::find(texts, text) != texts.end()) return bad("'{}': '{}' stands there twice", key, text);
    texts.emplace_back(text);
  }
  return {};
}

Status ModelFile::Reader::read_booster(dom::element element, unsigned threads) {
  const Result<XgboostJson> model = read_xgboost_json(element);
  if (!model.ok()) return model.status();
  saved_by_ = model->version;
  const std::size_t features = to_->features_.size();
  if (model->features != features) return bad("'features' has {} names, and the model {} features", features, model->features);
  if (!model->feature_names.empty() && model->feature_names != to_->features_) {
    const auto at = std::ranges::mismatch(model->feature_names, to_->features_);
    return bad("'features' has '{}' where the model has '{}'", at.in2 == to_->features_.end() ? "" : *at.in2,
               at.in1 == model->feature_names.end() ? "" : *at.in1);
  }
  Result<XgboostModel> booster = XgboostModel::load(model->text, model->dart, features, threads);
  if (!booster.ok()) return booster.status();
  to_->booster_.emplace(std::move(*booster));
  return {};
}

Status ModelFile::Reader::read_reference(dom::element element) {
  dom::array rows;
  if (element["rows"].get(rows) != simdjson::SUCCESS || rows.size() == 0) return bad("'reference' has no 'rows'");
  for (const dom::element row : rows)
    if (Status status = read_row(row); !status.ok()) return status;
  if (Status status = read_numbers(element, "margin", margin_); !status.ok()) return status;
  return read_numbers(element, "score", score_);
}

Status ModelFile::Reader::read_row(dom::element element) {
  const std::size_t row = rows_.size() / to_->features_.size() + 1;
  dom::array values;
  if (element.get(values) != simdjson::SUCCESS || values.size() != to_->features_.size())
    return bad("reference row {} is not a list of {} numbers", row, to_->features_.size());
  for (const dom::element value : values) {
    double number = kMissing;
    if (!value.is_null() && value.get(number) != simdjson::SUCCESS)
      return bad("reference row {} has something that is neither a number nor null", row);
    rows_.push_back(as_float(number));
  }
  return {};
}

Status ModelFile::Reader::read_numbers(dom::element reference, std::string_view key, std::vector<double>& numbers) {
  dom::array all;
  const std::size_t rows = rows_.size() / to_->features_.size();
  if (reference[key].get(all) != simdjson::SUCCESS || all.size() != rows)
    return bad("'reference' has no '{}' with a number for each of its {} rows", key, rows);
  for (const dom::element one : all)
    if (one.get(numbers.emplace_back()) != simdjson::SUCCESS) return bad("'{}' has something that is not a number", key);
  return {};
}

Status ModelFile::Reader::check_reference() {
  const auto margin = to_->booster_->predict(rows_, XgboostModel::What::margin);
  if (!margin.ok()) return margin.status();
  if (Status status = compare(*margin, margin_, "margin"); !status.ok()) return status;
  const auto score = to_->booster_->predict(rows_, XgboostModel::What::score);
  if (!score.ok()) return score.status();
  return compare(*score, score_, "score");
}

Status ModelFile::Reader::compare(std::span<const float> here, std::span<const double> stored, std::string_view what) const {
  if (here.size() != stored.size()) return bad("the model has {} numbers for {} rows", here.size(), stored.size());
  double greatest = 0;
  for (const double value : stored) greatest = std::max(greatest, std::fabs(value));
  for (std::size_t row = 0; row < here.size(); ++row)
    if (!(std::fabs(static_cast<double>(here[row]) - stored[row]) <= kTolerance * greatest))
      return bad(
          "reference row {}: {} {} here, and {} where the model was trained: libxgboost {} does not read this model of XGBoost "
          "{} right, or the file was changed",
          row + 1, what, here[row], stored[row], XgboostModel::library_version(), saved_by_);
  return {};
}

Result<std::unique_ptr<ModelFile>> ModelFile::parse(std::string_view text, std::string name, unsigned threads) {
  auto model = std::make_unique<ModelFile>();
  model->name_ = std::move(name);
  if (Status status = Reader(*model).read(text, threads); !status.ok())
    return Status::error(status.code, model->name_ + ": " + status.message);
  return model;
}

Status ModelFile::score(const ModelRows& rows, std::span<double> scores) {
  const std::size_t columns = features_.size();
  matrix_.resize(rows.rows * columns);
  for (std::size_t feature = 0; feature < columns; ++feature)
    for (std::size_t row = 0; row < rows.rows; ++row) matrix_[row * columns + feature] = as_float(rows.at(feature, row));
  const auto found = booster_->predict(matrix_, XgboostModel::What::score);
  if (!found.ok()) return found.status();
  if (found->size() != scores.size()) return Status::error(Code::internal, "libxgboost: more or fewer scores than rows");
  std::ranges::copy(*found, scores.begin());
  return {};
}

Status ModelFile::contributions(const ModelRows& rows, std::span<const std::uint32_t> which, std::vector<double>& out) {
  matrix_.clear();
  for (const std::uint32_t row : which)
    for (std::size_t feature = 0; feature < features_.size(); ++feature) matrix_.push_back(as_float(rows.at(feature, row)));
  const auto found = booster_->contributions(matrix_);
  if (!found.ok()) return found.status();
  if (found->size() != which.size() * (features_.size() + 1))
    return Status::error(Code::internal, "libxgboost: contributions of another shape");
  out.assign(found->begin(), found->end());
  return {};
}

}  // namespace twinpipe
