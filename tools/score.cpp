// SPDX-License-Identifier: Apache-2.0
// score: feature rows into predictions, by XGBoost models and by rules that are written down.
#include "kernel/score.hpp"

#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "io/fd.hpp"
#include "kernel/linear_model.hpp"

using namespace twinpipe;

namespace {

Result<std::vector<std::unique_ptr<ModelFile>>> load_models(const std::vector<std::string>& files, unsigned threads) {
  std::vector<std::unique_ptr<ModelFile>> models;
  for (const std::string& file : files) {
    const Result<std::string> text = read_file(file);
    if (!text.ok()) return text.status();
    Result<std::unique_ptr<ModelFile>> model = ModelFile::parse(*text, file, threads);
    if (!model.ok()) return model.status();
    models.push_back(std::move(*model));
  }
  return models;
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("score", "Score feature rows, with the evidence for those that fire", cli::Role::filter);
  ScoreOptions options;
  std::vector<std::string> files;
  unsigned threads = 1;
  bool no_evidence = false;
  tool.option("--model", files, "FILE", "Model file (JSON), as scripts/train writes it; may be given more than once")
      ->allow_extra_args(false);
  cli::PolicyOption policy(tool, "score", cli::PolicyOption::Need::optional);
  tool.flag("--keep", options.keep, "Send the feature rows on, too, in front of their predictions");
  tool.option("--trend", options.trend, "ROWS", "Rows of a trend, the one that fired among them; 0: no trends")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  tool.option("--top", options.top, "COUNT", "Features that get a trend: those that contribute most")->capture_default_str();
  tool.flag("--no-evidence", no_evidence, "Leave out contributions and trends");
  tool.option("--threads", threads, "COUNT", "Of libxgboost, for all models together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    if (Status status = LinearModel::check(policy.get()); !status.ok()) return status;
    if (!policy.answered() && files.empty() && policy.get().rules("score").empty())
      return Status::error(Code::usage, "nothing to score with: --model, or --policy with rules in its section 'score'");
    Result<std::vector<std::unique_ptr<ModelFile>>> models = load_models(files, threads);
    if (!models.ok() || policy.answered()) return models.ok() ? Status{} : models.status();
    options.evidence = !no_evidence;
    SeriesTable table(tool.common().max_series);
    Score stage(table, std::move(*models), policy.get(), options, tool.common().max_series);
    return cli::run_stage(tool, table, stage);
  });
}
