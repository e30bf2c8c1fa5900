// SPDX-License-Identifier: Apache-2.0
// A tool's command line and life.
#include "cli/tool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "cli/version.hpp"
#include "io/fd.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

std::string json_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (byte < 0x20) out += fmt::format("\\u{:04x}", byte);
    else out += c;
  }
  return out;
}

/// mdoc gives a meaning to a leading '.' or '\'' and to '\'.
std::string mdoc_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
  }
  return out.empty() || (out[0] != '.' && out[0] != '\'') ? out : "\\&" + out;
}

/// Standard error is written here alone; a failure to write it has nowhere to be told.
void write_error(std::string_view line) { (void)write_all(STDERR_FILENO, line); }

}  // namespace

Status print(std::string_view text) {
  const Result<Written> written = write_all(STDOUT_FILENO, text);
  return written.ok() ? Status{} : Status::error(written.status().code, "standard output: " + written.status().message);
}

Tool::Tool(std::string name, std::string summary, Role role)
    : name_(std::move(name)), role_(role), app_(std::move(summary), name_) {
  app_.get_formatter()->column_width(34);
  app_.set_version_flag(
      "--version", [this] { return producer(); }, "Print the version and exit");
  app_.set_config("--config", "", "Options from this file (TOML): 'long-name = value' a line")->type_name("FILE");
  app_.allow_config_extras(CLI::config_extras_mode::error);  // a misspelt name must not be a default that never comes
}

std::string Tool::producer() const { return fmt::format("{} {}", name_, kVersion); }

void Tool::declare_common() {
  if (role_ != Role::plain) {
    option("--stats", common_.statistics_every, "SECONDS", "Print counters this often, in seconds; SIGUSR1 prints them too");
    option("--metrics", common_.metrics_file, "FILE", "Keep counters in this Prometheus text file");
  }
  if (role_ == Role::filter || role_ == Role::sink || role_ == Role::viewer) {
    bytes_option(*this, "--max-frame", common_.max_frame, "Greatest frame accepted, in bytes");
    option("--max-series", common_.max_series, "COUNT", "Greatest number of series accepted")->capture_default_str();
    flag("--skip-bad", common_.skip_bad, "Count and leave out frames with bad content; bad framing still ends the tool");
    flag("--finish", common_.finish, "The end of unsealed input is the end of the data");
  }
  if (role_ == Role::filter || role_ == Role::sink) {
    option("--state", common_.state_directory, "DIR", "Save state under each Position, load it after Resume");
  }
  option("--log", common_.log, "FORMAT", "Messages as text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

/// An mdoc list item per option, for the man page; hidden options have no description.
std::string Tool::options_as_mdoc() const {
  std::string out = ".Bl -tag -width Ds\n";
  for (const CLI::Option* option : app_.get_options()) {
    if (option->get_description().empty()) continue;
    const std::string type = option->get_type_name();
    const std::size_t checked = type.find(':');  // CLI11 puts what a check accepts behind the metavar
    std::string item = ".It ";
    if (option->get_positional()) {
      item += "Ar " + mdoc_escape(option->get_name());
    } else {
      bool more = false;
      for (const std::string& name : option->get_snames())
        item += (std::exchange(more, true) ? " , Fl " : "Fl ") + mdoc_escape(name);
      for (const std::string& name : option->get_lnames())
        item += (std::exchange(more, true) ? " , Fl \\-" : "Fl \\-") + mdoc_escape(name);
      if (option->get_items_expected_max() > 0) item += " Ar " + mdoc_escape(type.substr(0, checked));
    }
    out += item + "\n" + mdoc_escape(option->get_description()) + ".\n";
    if (checked != type.npos) out += "Accepted: " + mdoc_escape(type.substr(checked + 1)) + ".\n";
    if (!option->get_default_str().empty()) out += "The default is " + mdoc_escape(option->get_default_str()) + ".\n";
  }
  return out + ".El\n";
}

int Tool::answer(std::string_view text) const {
  const Status status = print(text);
  if (!status.ok()) say(status);
  return static_cast<int>(status.code);
}

int Tool::run(int argc, char** argv, const std::function<Status()>& body) {
  occupy_standard_descriptors();
  declare_common();
  try {
    // For man pages. Looked at before parsing, which would ask for the required options.
    if (argc == 2 && std::string_view(argv[1]) == "--help-mdoc") return answer(options_as_mdoc());
    app_.parse(argc, argv);
    common_.statistics_set = common_.statistics_every > 0;
    const Status status = body();
    if (!status.message.empty()) say(status);
    return static_cast<int>(status.code);
  } catch (const CLI::CallForHelp&) {
    std::string help = app_.help();
    help.resize(help.find_last_not_of('\n') + 1);
    return answer(help + "\n");
  } catch (const CLI::CallForVersion& version) {
    return answer(std::string(version.what()) + "\n");
  } catch (const CLI::FileError& error) {
    say(Status::error(Code::no_input, error.what()));
    return static_cast<int>(Code::no_input);
  } catch (const CLI::ConfigError& error) {
    say(Status::error(Code::bad_config, error.what()));
    return static_cast<int>(Code::bad_config);
  } catch (const CLI::ParseError& error) {
    say(Status::error(Code::usage, fmt::format("{}; see {} --help", error.what(), name_)));
    return static_cast<int>(Code::usage);
  } catch (const std::bad_alloc&) {
    say("out of memory");
    return static_cast<int>(Code::internal);
  } catch (const std::exception& error) {
    say(fmt::format("internal error: {}", error.what()));
    return static_cast<int>(Code::internal);
  }
}

void Tool::say(std::string_view message) const { say(Status::error(Code::ok, std::string(message))); }

void Tool::say(const Status& status) const {
  std::string line;
  if (common_.log == "json") {
    line = fmt::format(R"({{"tool":"{}","message":"{}","code":{})", name_, json_escape(status.message),
                       static_cast<int>(status.code));
    if (status.frame) line += fmt::format(R"(,"frame":{})", *status.frame);
    if (status.offset) line += fmt::format(R"(,"offset":{})", *status.offset);
    line += "}\n";
  } else {
    std::string place;
    if (status.frame && status.offset) place = fmt::format("frame {} at byte {}: ", *status.frame, *status.offset);
    line = fmt::format("{}: {}{}\n", name_, place, status.message);
  }
  write_error(line);
}

CLI::Option* duration_option(Tool& tool, const std::string& name, Nanos& value, const std::string& description) {
  const auto read = [&value](const CLI::results_t& texts) {
    Result<Nanos> parsed = parse_duration(texts.at(0));
    if (!parsed.ok()) throw CLI::ValidationError(parsed.status().message);
    value = *parsed;
    return true;
  };
  return tool.app().add_option(name, read, description)->type_name("DURATION")->default_str(format_duration(value));
}

/// As one would write it: 65536 is 64k.
static std::string bytes_text(std::size_t bytes) {
  std::size_t power = 0;
  for (; bytes >= 1024 && bytes % 1024 == 0 && power < 4; ++power) bytes /= 1024;
  return fmt::format("{}{}", bytes, std::string_view("kMGT").substr(power == 0 ? 4 : power - 1, 1));
}

CLI::Option* bytes_option(Tool& tool, const std::string& name, std::size_t& value, const std::string& description) {
  const auto read = [&value](const CLI::results_t& texts) {
    Result<std::uint64_t> parsed = parse_bytes(texts.at(0));
    if (!parsed.ok()) throw CLI::ValidationError(parsed.status().message);
    value = static_cast<std::size_t>(*parsed);
    return true;
  };
  return tool.app().add_option(name, read, description)->type_name("BYTES")->default_str(bytes_text(value));
}

}  // namespace twinpipe::cli
