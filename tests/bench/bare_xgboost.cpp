// SPDX-License-Identifier: Apache-2.0
// bare_xgboost make ROWS | predict: what score is measured against, in the working directory.
//
// make trains a hundred trees of depth 6 on ten features and writes rows.tp and model.json for score, and the same for libxgboost
// alone: matrix.bin, floats row by row, and booster.json. predict hands the whole matrix over in one call, by one thread, and
// prints the CPU seconds of that call alone, with the sum of the scores.
#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "io/fd.hpp"
#include "wire/output.hpp"

using namespace twinpipe;

namespace {

constexpr std::size_t kFeatures = 10, kTrainingRows = 50'000, kFrame = 512, kAssets = 10'000;
constexpr int kTrees = 100;

void must(bool done) {
  if (done) return;
  fmt::print(stderr, "bare_xgboost: {}\n", XGBGetLastError());
  std::exit(70);
}

void write_file(const char* path, std::string_view bytes) { must(replace_file(path, bytes).ok()); }

std::vector<float> make_matrix(std::size_t rows) {
  std::mt19937_64 random(20261123);
  std::normal_distribution<float> normal;
  std::vector<float> matrix(rows * kFeatures);
  for (float& value : matrix) value = random() % 20 == 0 ? std::numeric_limits<float>::quiet_NaN() : normal(random);
  return matrix;
}

std::string feature_name(std::size_t feature) { return fmt::format("f{}", feature); }

std::string train(const std::vector<float>& matrix, std::size_t rows) {
  std::vector<float> label(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const float* x = &matrix[row * kFeatures];
    const auto at = [&](std::size_t feature) { return std::isnan(x[feature]) ? 0.0F : x[feature]; };
    label[row] = at(0) + at(1) * at(2) + at(3) * at(3) / 2 + 0.3F * at(4) > 3.2F ? 1.0F : 0.0F;
  }
  DMatrixHandle data = nullptr;
  must(XGDMatrixCreateFromMat(matrix.data(), rows, kFeatures, std::numeric_limits<float>::quiet_NaN(), &data) == 0);
  must(XGDMatrixSetFloatInfo(data, "label", label.data(), rows) == 0);
  BoosterHandle booster = nullptr;
  must(XGBoosterCreate(&data, 1, &booster) == 0);
  for (const auto& [name, value] : {std::pair{"objective", "binary:logistic"}, std::pair{"max_depth", "6"},
                                    std::pair{"nthread", "1"}, std::pair{"eta", "0.1"}, std::pair{"tree_method", "hist"}})
    must(XGBoosterSetParam(booster, name, value) == 0);
  for (int tree = 0; tree < kTrees; ++tree) must(XGBoosterUpdateOneIter(booster, tree, data) == 0);
  bst_ulong size = 0;
  const char* text = nullptr;
  must(XGBoosterSaveModelToBuffer(booster, R"({"format":"json"})", &size, &text) == 0);
  std::string json(text, size);
  XGBoosterFree(booster);
  XGDMatrixFree(data);
  return json;
}

/// The rows' scores, or margins; and the CPU seconds that it took.
double predict(const std::string& json, const std::vector<float>& matrix, int type, std::vector<float>& out) {
  BoosterHandle booster = nullptr;
  must(XGBoosterCreate(nullptr, 0, &booster) == 0 && XGBoosterSetParam(booster, "nthread", "1") == 0);
  must(XGBoosterLoadModelFromBuffer(booster, json.data(), json.size()) == 0);
  const std::string rows = fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                                       reinterpret_cast<std::uintptr_t>(matrix.data()), matrix.size() / kFeatures, kFeatures);
  const std::string config = fmt::format(
      R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0}})",
      type);
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* found = nullptr;
  const std::clock_t begin = std::clock();
  must(XGBoosterPredictFromDense(booster, rows.c_str(), config.c_str(), nullptr, &shape, &dimensions, &found) == 0);
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  out.assign(found, found + shape[0]);
  XGBoosterFree(booster);
  return seconds;
}

std::string model_file(const std::string& json, const std::vector<float>& matrix) {
  constexpr std::size_t kReference = 32;
  const std::vector<float> rows(matrix.begin(), matrix.begin() + kReference * kFeatures);
  std::string names, values;
  for (std::size_t feature = 0; feature < kFeatures; ++feature)
    names += fmt::format("{}\"{}\"", feature > 0 ? "," : "", feature_name(feature));
  for (std::size_t at = 0; at < rows.size(); ++at)
    values += fmt::format("{}{}{}",
                          at % kFeatures > 0 ? ","
                          : at > 0           ? "],["
                                             : "[[",
                          std::isnan(rows[at]) ? "null" : "", std::isnan(rows[at]) ? std::string() : fmt::format("{}", rows[at]));
  std::vector<float> margin, score;
  predict(json, rows, 1, margin);
  predict(json, rows, 0, score);
  return fmt::format(R"({{"twinpipe_model":1,"failure_mode":"wear","threshold":0.5,"features":[{}],"definition_digest":"",)"
                     R"("reference":{{"rows":{}]],"margin":[{}],"score":[{}]}},"xgboost":{}}})",
                     names, values, fmt::join(margin, ","), fmt::join(score, ","), json);
}

void write_rows(const std::vector<float>& matrix, std::size_t rows) {
  Output out;
  out.open("bare_xgboost");
  v1::Frame frame;
  for (std::size_t row = 0; row < rows; ++row) {
    v1::Features& to = *frame.mutable_features();
    for (auto feature = static_cast<std::size_t>(to.column_size()); feature < kFeatures; ++feature)
      to.add_column()->set_name(feature_name(feature));
    to.add_entity(fmt::format("plant-1.line-{}.pump-{}", row % 10, row % kAssets));
    to.add_as_of(static_cast<Nanos>(row / kAssets) * 60 * kSecond);
    to.add_known_at(to.as_of(to.as_of_size() - 1) + 2 * kSecond);
    to.add_revision(0);
    for (std::size_t feature = 0; feature < kFeatures; ++feature)
      to.mutable_column(static_cast<int>(feature))->add_value(static_cast<double>(matrix[row * kFeatures + feature]));
    if (static_cast<std::size_t>(to.entity_size()) < kFrame && row + 1 < rows) continue;
    out.frame(frame);
    frame.Clear();
  }
  out.close(true);
  write_file("rows.tp", out.pending());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "make" && argc == 3) {
    const std::size_t rows = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 1000);
    const std::vector<float> matrix = make_matrix(rows);
    const std::string json = train(matrix, std::min(rows, kTrainingRows));
    write_file("booster.json", json);
    write_file("model.json", model_file(json, matrix));
    write_file("matrix.bin", {reinterpret_cast<const char*>(matrix.data()), matrix.size() * sizeof(float)});
    write_rows(matrix, rows);
    return 0;
  }
  if (what != "predict") return 64;
  const Result<std::string> json = read_file("booster.json"), bytes = read_file("matrix.bin");
  must(json.ok() && bytes.ok());
  std::vector<float> matrix(bytes->size() / sizeof(float)), scores;
  std::memcpy(matrix.data(), bytes->data(), bytes->size());
  const double seconds = predict(*json, matrix, 0, scores);
  double sum = 0;
  for (const float score : scores) sum += static_cast<double>(score);
  fmt::print("{:.3f} {:.6g}\n", seconds, sum);
  return 0;
}
