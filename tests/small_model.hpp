// SPDX-License-Identifier: Apache-2.0
// A model file that is small enough to be read: one tree of XGBoost's, as version 3.2 saves it.
#pragma once

#include <string>

namespace twinpipe::testing {

/// heat < 80, or no heat at all: margin 0.5 - 0.25; otherwise 0.5 + 0.5. It never looks at "load".
inline std::string small_model(const std::string& base_score = "[5E-1]", const std::string& more = "") {
  return R"({"twinpipe_model":1,"failure_mode":"wear","threshold":0.75,"features":["heat","load"],"definition_digest":"d1",)" +
         more +
         R"("reference":{"rows":[[79.5,1],[80,null],[null,3]],"margin":[0.25,1,0.25],"score":[0.25,1,0.25]},"xgboost":{"learner":{
      "attributes":{"note":"x"},"feature_names":["heat","load"],"feature_types":["float","float"],
      "gradient_booster":{"model":{"cats":{"enc":[],"feature_segments":[],"sorted_idx":[]},
        "gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"iteration_indptr":[0,1],"tree_info":[0],
        "trees":[{"base_weights":[0,-0.25,0.5],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],
          "default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],"loss_changes":[1,0,0],"parents":[2147483647,0,0],
          "right_children":[2,-1,-1],"split_conditions":[80,-0.25,0.5],"split_indices":[0,0,0],"split_type":[0,0,0],
          "sum_hessian":[3,1,2],"tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}]},
        "name":"gbtree"},
      "learner_model_param":{"base_score":")" +
         base_score + R"(","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},
      "objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[3,2,0]}})";
}

}  // namespace twinpipe::testing
