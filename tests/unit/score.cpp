// SPDX-License-Identifier: Apache-2.0
// score: which model files and rules are refused, which rows, and what a prediction says.
#include "kernel/score.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "drive.hpp"
#include "kernel/linear_model.hpp"
#include "small_model.hpp"

using namespace twinpipe;
using testing::small_model;
using testing::StreamWriter;

namespace {

std::string refusal(const std::string& text) {
  const auto model = ModelFile::parse(text, "m.json", 1);
  if (model.ok()) return "";
  CHECK(model.status().code == Code::bad_config);
  return model.status().message;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), by);
}

Policy policy_of(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","score":[)" + rules + "]}");
  INFO((policy.ok() ? "" : policy.status().message));
  REQUIRE(policy.ok());
  return *policy;
}

std::string complaint(const std::string& rule) {
  return LinearModel::check(policy_of(R"({"match":"+/+/+/+","name":"r",)" + rule + "}")).message;
}

v1::Frame two_rows() {
  v1::Frame frame;
  v1::Features& rows = *frame.mutable_features();
  for (const char* name : {"s.l.a", "s.l.b"}) rows.add_entity(name);
  for (const Nanos time : {10, 20}) rows.add_as_of(time), rows.add_known_at(time + 1), rows.add_revision(2);
  for (const char* name : {"load", "heat"}) rows.add_column()->set_name(name);
  for (const double value : {1.0, std::nan("")}) rows.mutable_column(0)->add_value(value);
  for (const double value : {90.0, 70.0}) rows.mutable_column(1)->add_value(value);
  rows.set_definition_digest("d1");
  return frame;
}

struct Scored {
  Status status;
  std::string stream;
  std::vector<std::string> notices;

  v1::Predictions only() const {
    const auto frames = testing::frames_of(stream, FrameKind::predictions);
    REQUIRE(frames.size() == 1);
    return frames[0].predictions();
  }
};

Scored scored(const v1::Frame& frame, const std::string& model, const std::string& rules = "", const ScoreOptions& options = {}) {
  std::vector<std::unique_ptr<ModelFile>> models;
  if (!model.empty()) models.push_back(std::move(*ModelFile::parse(model, "m.json", 1)));
  const Policy policy = policy_of(rules);
  StreamWriter writer;
  writer.out().frame(frame);
  SeriesTable table;
  Score stage(table, std::move(models), policy, options, 100);
  Output out;
  Scored result;
  result.status = testing::drive(writer.take(), stage, table, out);
  result.stream = out.pending();
  result.notices = stage.take_notices();
  return result;
}

}  // namespace

TEST_CASE("a base score in brackets means what it means without") {
  CHECK(refusal(small_model("[5E-1]")).empty());
  CHECK(refusal(small_model("5E-1")).empty());
  CHECK(refusal(small_model("0.5")).empty());
  CHECK(refusal(small_model("[5E-1,5E-1]")).find("'base_score' is not one number") != std::string::npos);
}

TEST_CASE("a model that does not give what its reference rows say is refused, with the row") {
  CHECK(refusal(small_model("[6E-1]"))
            .find("m.json: reference row 1: margin 0.35000002 here, and 0.25 where the model was trained") == 0);
  CHECK(refusal(replaced(small_model(), R"("margin":[0.25,1,)", R"("margin":[0.25,1.00001,)")).find("reference row 2") !=
        std::string::npos);
  CHECK(refusal(replaced(small_model(), R"("score":[0.25,1,0.25])", R"("score":[0.25,1,0.75])")).find("reference row 3: score") !=
        std::string::npos);
}

TEST_CASE("model files that are refused") {
  const std::string good = small_model();
  const auto [what, by, message] = GENERATE(table<std::string, std::string, std::string>({
      {R"("reference":{"rows":[[79.5,1],[80,null],[null,3]],"margin":[0.25,1,0.25],"score":[0.25,1,0.25]},)", "",
       "'reference' is missing"},
      {R"([[79.5,1],[80,null],[null,3]])", "[]", "'reference' has no 'rows'"},
      {R"([79.5,1],)", "[79.5],", "reference row 1 is not a list of 2 numbers"},
      {R"("margin":[0.25,1,0.25],)", R"("margin":[0.25,1],)", "no 'margin' with a number for each of its 3 rows"},
      {R"("margin":[0.25,1,0.25],)", "", "no 'margin' with a number for each of its 3 rows"},
      {R"("twinpipe_model":1,)", R"("twinpipe_model":2,)", "'twinpipe_model' is 2"},
      {R"("twinpipe_model":1,)", "", "not a model file"},
      {R"("threshold":0.75,)", "", "'threshold' is missing"},
      {R"("threshold":0.75,)", R"("threshold":"high",)", "'threshold' is not a number"},
      {R"("definition_digest":"d1",)", "", "'definition_digest' is missing"},
      {R"("definition_digest":"d1",)", R"("definition_digest":"d1","colour":1,)", "unknown key 'colour'"},
      {R"("definition_digest":"d1",)", R"("definition_digest":"d1","match":"a/b/c/d",)", "its last level is + or *"},
      {R"("features":["heat","load"])", R"("features":["load","heat"])", "'features' has 'load' where the model has 'heat'"},
      {R"("features":["heat","load"])", R"("features":["heat"])", "'features' has 1 names, and the model 2 features"},
      {R"("features":["heat","load"])", R"("features":["heat","bias"])", "something that is no name"},
      {R"("version":[3,2,0])", R"("version":[3,3,0])", "saved by version 3.3.0, and this program knows those from 1.0 to 3.2"},
      {R"("version":[3,2,0])", R"("version":[4,0,0])", "saved by version 4.0.0"},
      {R"(,"version":[3,2,0])", "", "'version' is missing"},
      {R"("num_class":"0")", R"("num_class":"3")", "several outputs"},
      {R"("num_target":"1")", R"("num_target":"2")", "several outputs"},
      {R"("id":0)", R"("id":0,"leaf_unit":"g")", "'tree' has a field 'leaf_unit' that this program does not know"},
      {R"("attributes")", R"("intercept":1,"attributes")", "'learner' has a field 'intercept'"},
      {R"("name":"gbtree")", R"("name":"gblinear")", "the booster is 'gblinear'"},
      {R"("enc":[])", R"("enc":[1])", "categories"},
      {R"("split_type":[0,0,0])", R"("split_type":[1,0,0])", "a split is by category, in tree 0"},
      {R"("left_children":[1,)", R"("left_children":[0,)", "node 0 has 0 for a child"},
      {R"("left_children":[1,)", R"("left_children":[2,)", "node 0 has 2 for a child"},
      {R"("left_children":[1,)", R"("left_children":[9,)", "node 0 has 9 for a child"},
      {R"("split_indices":[0,)", R"("split_indices":[2,)", "node 0 splits feature 2"},
      {R"("split_conditions":[80,-0.25,0.5])", R"("split_conditions":[80,-0.25])", "'split_conditions' has 2 entries, not 3"},
      {R"("split_conditions":[80,)", R"("split_conditions":[1e300,)", "beyond what a float holds"},
      {R"("num_trees":"1")", R"("num_trees":"2")", "'tree_info' has 1 entries, not 2"},
      {R"("tree_info":[0])", R"("tree_info":[1])", "a tree is of another output"},
      {R"("reg:squarederror")", R"("reg:nonsense")", "libxgboost: cannot load the model: "},
      {R"({"twinpipe_model")", R"(["twinpipe_model")", "not JSON"},
  }));
  INFO(what << " -> " << by);
  CHECK_THAT(refusal(replaced(good, what, by)), Catch::Contains(message));
}

TEST_CASE("rules that are refused") {
  const std::string sum = R"("failure_mode":"wear","weights":{"heat":1},"threshold":1)";
  CHECK(complaint(sum).empty());
  CHECK(complaint(R"("failure_mode":"wear","feature":"heat","at_least":80)").empty());
  const auto [rule, message] = GENERATE_REF(table<std::string, std::string>({
      {R"("weights":{"heat":1},"threshold":1)", "'failure_mode' is missing"},
      {R"("failure_mode":"wear")", "either 'weights' or one 'feature'"},
      {sum + R"(,"feature":"heat","at_least":80)", "either 'weights' or one 'feature'"},
      {R"("failure_mode":"wear","weights":{"heat":1})", "'threshold' is missing"},
      {sum + R"(,"at_most":3)", "'at_most' is of one 'feature'"},
      {R"("failure_mode":"wear","feature":"heat")", "either 'at_least' or 'at_most'"},
      {R"("failure_mode":"wear","feature":"heat","at_least":1,"at_most":1)", "either 'at_least' or 'at_most'"},
      {R"("failure_mode":"wear","feature":"heat","at_least":1,"threshold":1)", "'threshold' is of 'weights'"},
      {sum + R"(,"link":"logistic")", "lies between 0 and 1"},
      {R"("failure_mode":"wear","weights":{"bias":1},"threshold":1)", "cannot be told from the bias"},
  }));
  INFO(rule);
  CHECK_THAT(complaint(rule), Catch::Contains("policy: score: rule 'r': ") && Catch::Contains(message));
}

TEST_CASE("a prediction has the row, its features in the model's order, and for rows that fire what they owe to whom") {
  const v1::Predictions got = scored(two_rows(), small_model()).only();
  CHECK(got.entity(1) == "s.l.b");
  CHECK(got.as_of(1) == 20);
  CHECK(got.known_at(1) == 21);
  CHECK(got.revision(1) == 2);
  CHECK(got.failure_mode() == "wear");
  CHECK(got.definition_digest() == "d1");
  CHECK(got.model_digest().size() == 64);
  CHECK(std::vector<double>(got.score().begin(), got.score().end()) == std::vector<double>{1, 0.25});
  CHECK(got.fired(0));
  CHECK(!got.fired(1));
  REQUIRE(got.feature_size() == 2);
  CHECK(got.feature(0).name() == "heat");
  CHECK(got.feature(0).value(1) == 70);
  CHECK(std::isnan(got.feature(1).value(1)));
  REQUIRE(got.contribution_size() == 3);
  CHECK(got.contribution(2).name() == "bias");
  CHECK(got.contribution(0).value(0) + got.contribution(1).value(0) + got.contribution(2).value(0) == Approx(1));
  CHECK(std::isnan(got.contribution(0).value(1)));
  REQUIRE(got.trend_size() == 2);  // of both features
  CHECK(got.trend(0).feature() == "heat");
  CHECK(got.trend(0).value(0) == 90);
}

TEST_CASE("a rule of one feature: the edge fires, and at_most has the opposite sign") {
  const v1::Predictions least =
      scored(two_rows(), "", R"({"match":"+/+/+/+","failure_mode":"hot","feature":"heat","at_least":90})").only();
  CHECK(least.fired(0));
  CHECK(!least.fired(1));
  CHECK(least.score(0) == 90);
  CHECK(least.threshold() == 90);
  const v1::Predictions most =
      scored(two_rows(), "", R"({"match":"+/+/+/+","failure_mode":"cold","feature":"heat","at_most":70})").only();
  CHECK(!most.fired(0));
  CHECK(most.fired(1));
  CHECK(most.score(1) == -70);
  CHECK(most.threshold() == -70);
}

TEST_CASE("a row that lacks a feature has no score by a formula, and never fires") {
  const v1::Predictions got =
      scored(two_rows(), "", R"({"match":"+/+/+/+","failure_mode":"f","weights":{"load":0},"threshold":-1e9})").only();
  CHECK(got.fired(0));
  CHECK(std::isnan(got.score(1)));
  CHECK(!got.fired(1));
}

TEST_CASE("the first rule of a failure mode that matches applies, and a temporary one until it ends") {
  const std::string rules = R"({"match":"s/l/a/+","name":"first","failure_mode":"f","feature":"heat","at_least":1},
    {"match":"+/+/+/+","name":"spell","failure_mode":"f","feature":"heat","at_least":2,"expires":"15","reason":"test"},
    {"match":"+/+/+/+","name":"rest","failure_mode":"f","feature":"heat","at_least":3},
    {"match":"s/l/b/+","name":"beside","failure_mode":"g","feature":"heat","at_least":4})";
  const Scored result = scored(two_rows(), "", rules);
  REQUIRE(result.status.ok());
  std::vector<std::string> told;
  for (const v1::Frame& frame : testing::frames_of(result.stream, FrameKind::predictions))
    for (const std::string& entity : frame.predictions().entity())
      told.push_back(entity + " " + frame.predictions().failure_mode() + " " +
                     std::to_string(int(frame.predictions().threshold())));
  CHECK(told == std::vector<std::string>{"s.l.a f 1", "s.l.b f 3", "s.l.b g 4"});
  REQUIRE(result.notices.size() == 1);
  CHECK_THAT(result.notices[0], Catch::Contains("temporary rule 'spell' has expired"));
  CHECK(testing::frames_of(result.stream, FrameKind::applied).size() == 2);
}

TEST_CASE("rows that a model is not for are refused with both names") {
  v1::Frame other = two_rows();
  other.mutable_features()->set_definition_digest("d2");
  Scored result = scored(other, small_model());
  CHECK(result.status.code == Code::bad_config);
  CHECK(result.status.message == "m.json is for rows of definition d1, and these are of definition d2");
  other = two_rows();
  other.mutable_features()->mutable_column(1)->set_name("warmth");
  result = scored(other, small_model());
  CHECK(result.status.code == Code::bad_config);
  CHECK(result.status.message == "m.json needs feature 'heat', and the rows have load, warmth");
  // Unless none of the rows is of an asset that the model is for.
  result = scored(other, small_model("[5E-1]", R"("match":"+/+/c/+",)"));
  CHECK(result.status.ok());
  CHECK(testing::frames_of(result.stream, FrameKind::predictions).empty());
}

TEST_CASE("feature rows go on when they are asked to, in front of their predictions") {
  ScoreOptions options;
  CHECK(testing::frames_of(scored(two_rows(), small_model(), "", options).stream, FrameKind::features).empty());
  options.keep = true;
  options.evidence = false;
  const Scored result = scored(two_rows(), small_model(), "", options);
  CHECK(testing::frames_of(result.stream, FrameKind::features).size() == 1);
  CHECK(result.only().contribution_size() == 0);
  CHECK(result.only().trend_size() == 0);
  CHECK(result.stream.find("d1") < result.stream.find("wear"));
}
