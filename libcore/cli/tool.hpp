// SPDX-License-Identifier: Apache-2.0
// A tool's command line and life: options declared once, help, man page text and version from that declaration, and the
// one place where a failure becomes a message and an exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe::cli {

/// What every tool has.
struct CommonOptions {
  std::string log = "text";     // text | json
  double statistics_every = 0;  // seconds; 0: only at the end and on SIGUSR1
  bool statistics_set = false;
  std::string metrics_file;
  std::size_t max_frame = kDefaultFrameLimit;
  std::uint32_t max_series = 4'000'000;
  bool skip_bad = false;
  bool finish = false;
  std::string state_directory;
};

/// Which of the common options a tool takes.
enum class Role {
  filter,  // frames in, frames out
  sink,    // frames in
  viewer,  // frames in, text out
  source,  // frames out
  plain,   // neither
};

class Tool {
 public:
  /// `summary`: one line, without a full stop, for --help and the man page's NAME.
  Tool(std::string name, std::string summary, Role role);

  /// Declares "--name METAVAR" or a positional ("METAVAR" with no dashes in `name`). Every option has a metavar; a unit stands
  /// in it or in the description.
  template <class T>
  CLI::Option* option(const std::string& name, T& value, const std::string& metavar, const std::string& description) {
    return app_.add_option(name, value, description)->type_name(metavar);
  }
  CLI::Option* flag(const std::string& name, bool& value, const std::string& description) {
    return app_.add_flag(name, value, description);
  }
  CLI::App& app() { return app_; }

  /// Parses; then `body`; then turns its Status into a line on standard error and an exit code. Opens nothing itself.
  int run(int argc, char** argv, const std::function<Status()>& body);

  const std::string& name() const { return name_; }
  /// "name version", for Open frames.
  std::string producer() const;
  const CommonOptions& common() const { return common_; }
  Role role() const { return role_; }

  /// One line on standard error, as text or JSON.
  void say(std::string_view message) const;
  void say(const Status& status) const;

 private:
  void declare_common();
  std::string options_as_mdoc() const;
  int answer(std::string_view text) const;

  std::string name_;
  Role role_;
  CommonOptions common_;
  CLI::App app_;
};

/// Text on standard output, for people: help, tables, answers. A reader that left is no error. Errors: io_error.
Status print(std::string_view text);

/// An option that holds a duration.
CLI::Option* duration_option(Tool& tool, const std::string& name, Nanos& value, const std::string& description);
/// An option that holds a number of bytes.
CLI::Option* bytes_option(Tool& tool, const std::string& name, std::size_t& value, const std::string& description);

}  // namespace twinpipe::cli
