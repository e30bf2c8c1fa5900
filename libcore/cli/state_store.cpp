// SPDX-License-Identifier: Apache-2.0
// States of a filter on disk, one per Position.
#include "cli/state_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "io/fd.hpp"
#include "policy/digest.hpp"
#include "state.pb.h"

namespace twinpipe::cli {

/// The number for people, and a digest of the whole Position: two sources may count alike.
std::string StateStore::name_of(const v1::Position& position) {
  std::string identity = position.source();
  for (const v1::Offset& offset : position.offset())
    identity += fmt::format("\n{} {} {}", offset.name(), offset.partition(), offset.next());
  return fmt::format("{}-{:.16}.state", position.number(), sha256_hex(identity));
}

Status StateStore::save(const v1::Position& position, const SeriesTable& table, const Stage& stage) {
  v1::FilterState state;
  state.set_table(table.save());
  state.set_stage(stage.save());
  const std::string name = name_of(position);
  if (Status status = make_directory(directory_); !status.ok()) return status;
  if (Status status = replace_file(directory_ + "/" + name, state.SerializeAsString()); !status.ok()) return status;
  remember(name);
  return thin_out();
}

void StateStore::remember(const std::string& name) {
  std::erase(recent_, name);
  recent_.push_back(name);
  if (recent_.size() > kStatesKept) recent_.pop_front();
}

/// States of this process stay whatever the files' times say: the one that it was loaded from is the oldest file of all while
/// the states of runs that came to nothing pile up, and the cursor names it until something new is safe; and a clock that was set
/// back makes the newest state look old. The others go by age and not by number: a source that lost its past counts from the
/// start again. What a process killed while saving left half written goes too.
Status StateStore::thin_out() const {
  std::vector<std::filesystem::path> others;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".tmp") && name.find(".state.") != name.npos) std::filesystem::remove(entry.path(), error);
    else if (name.ends_with(".state") && std::ranges::find(recent_, name) == recent_.end()) others.push_back(entry.path());
  }
  if (error) return system_error(Code::io_error, "cannot list " + directory_, error.value());
  std::ranges::sort(others, {}, [&error](const auto& path) { return std::filesystem::last_write_time(path, error); });
  for (std::size_t i = 0; i + kStatesKept < others.size() + recent_.size(); ++i) std::filesystem::remove(others[i], error);
  return {};
}

Status StateStore::load(const v1::Position& position, SeriesTable& table, Stage& stage) {
  const std::string name = name_of(position);
  Result<std::string> bytes = read_file(directory_ + "/" + name);
  if (!bytes.ok())
    return Status::error(Code::bad_config, fmt::format("no state for Position {} of {}: {}", position.number(), position.source(),
                                                       bytes.status().message));
  v1::FilterState state;
  if (!state.ParseFromString(*bytes)) return Status::error(Code::bad_config, directory_ + "/" + name + ": not a filter's state");
  if (Status status = table.restore(state.table()); !status.ok()) return status;
  if (Status status = stage.load(state.stage()); !status.ok()) return status;
  remember(name);
  return {};
}

}  // namespace twinpipe::cli
