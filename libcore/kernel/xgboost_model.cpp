// SPDX-License-Identifier: Apache-2.0
// libxgboost's C API, with a matrix handed over as numpy's array interface: in place for plain trees; as a DMatrix for dart,
// whose trees are walked one after the other in place and take twice as long, and for contributions, which have no other way.
#include "kernel/xgboost_model.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace twinpipe {
namespace {

constexpr std::size_t kLongest = 300;                       // of a message: the library quotes whole models
constexpr int kScore = 0, kMargin = 1, kContributions = 2;  // XGBoosterPredictFromDMatrix's types

/// The first line of what the library says; a stack trace follows.
Status failed(Code code, std::string_view what) {
  std::string_view why = XGBGetLastError();
  if (const std::size_t bracket = why.find("] "); why.starts_with('[') && bracket != why.npos) why.remove_prefix(bracket + 2);
  return Status::error(code, fmt::format("libxgboost: {}: {}", what, why.substr(0, std::min(why.find('\n'), kLongest))));
}

std::string array_interface(std::span<const float> matrix, std::size_t columns) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<std::uintptr_t>(matrix.data()), matrix.size() / columns, columns);
}

std::string config(int type) {
  return fmt::format(
      R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true,"missing":NaN,"cache_id":0}})",
      type);
}

struct Matrix {
  DMatrixHandle handle = nullptr;
  Matrix() = default;
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() { XGDMatrixFree(handle); }
};

struct Answer {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;

  std::span<const float> span() const {
    std::size_t size = 1;
    for (bst_ulong i = 0; i < dimensions; ++i) size *= shape[i];
    return {values, size};
  }
};

Result<std::span<const float>> through_matrix(void* booster, std::span<const float> rows, std::size_t features, int type) {
  Matrix matrix;
  Answer answer;
  if (XGDMatrixCreateFromDense(array_interface(rows, features).c_str(), R"({"missing":NaN,"nthread":1})", &matrix.handle) != 0)
    return failed(Code::internal, "cannot take the rows");
  if (XGBoosterPredictFromDMatrix(booster, matrix.handle, config(type).c_str(), &answer.shape, &answer.dimensions,
                                  &answer.values) != 0)
    return failed(Code::internal, "cannot predict");
  return answer.span();
}

}  // namespace

void XgboostModel::Free::operator()(void* booster) const { XGBoosterFree(booster); }

Result<XgboostModel> XgboostModel::load(const std::string& json, bool dart, std::size_t features, unsigned threads) {
  // What it would print on standard error is in its error, too.
  BoosterHandle handle = nullptr;
  if (XGBSetGlobalConfig(R"({"verbosity":0})") != 0 || XGBoosterCreate(nullptr, 0, &handle) != 0)
    return failed(Code::internal, "cannot start");
  XgboostModel model;
  model.booster_.reset(handle);
  model.dart_ = dart;
  model.features_ = features;
  if (XGBoosterSetParam(handle, "nthread", std::to_string(threads).c_str()) != 0) return failed(Code::internal, "nthread");
  if (XGBoosterLoadModelFromBuffer(handle, json.data(), json.size()) != 0)
    return failed(Code::bad_config, "cannot load the model");
  // The library reads its parameters when it first has to do something; now is better than at the first row.
  const std::vector<float> row(features, 0.0F);
  if (const auto one = model.predict(row, What::score); !one.ok()) return Status::error(Code::bad_config, one.status().message);
  return model;
}

Result<std::span<const float>> XgboostModel::predict(std::span<const float> matrix, What what) {
  const int type = what == What::margin ? kMargin : kScore;
  if (matrix.empty()) return std::span<const float>();
  if (dart_) return through_matrix(booster_.get(), matrix, features_, type);
  Answer answer;
  if (XGBoosterPredictFromDense(booster_.get(), array_interface(matrix, features_).c_str(), config(type).c_str(), nullptr,
                                &answer.shape, &answer.dimensions, &answer.values) != 0)
    return failed(Code::internal, "cannot predict");
  return answer.span();
}

Result<std::span<const float>> XgboostModel::contributions(std::span<const float> matrix) {
  if (matrix.empty()) return std::span<const float>();
  return through_matrix(booster_.get(), matrix, features_, kContributions);
}

std::string XgboostModel::library_version() {
  int major = 0, minor = 0, patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace twinpipe
