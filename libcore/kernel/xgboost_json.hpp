// SPDX-License-Identifier: Apache-2.0
// A model as XGBoost saves it in JSON, checked field by field and written the way that every version of the library reads alike.
//
// Why not hand the file over as it is: a model saved by XGBoost 3.1 or later has its base_score as "[5E-1]". Version 1.7 loads
// that without an error, takes another base score, and predicts wrong numbers. So every field is held against the list of those
// whose meaning is known and is the same in all versions read here; a field that is not on it is refused.
#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

#include "wire/status.hpp"

namespace twinpipe {

struct XgboostJson {
  std::string text;                        // for XGBoosterLoadModelFromBuffer
  std::string version;                     // "3.2.0", of who saved it
  bool dart = false;                       // otherwise gbtree
  std::vector<std::string> feature_names;  // none where the model has none
  std::size_t features = 0;                // columns of its rows
};

/// Errors (bad_config) name the field: a version later than the newest known one, an unknown field, another booster than gbtree
/// and dart, several outputs, categories, trees that are none.
Result<XgboostJson> read_xgboost_json(simdjson::dom::element model);

}  // namespace twinpipe
