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
namespace {

constexpr std::size_t kKept = 16;

}  // namespace

/// The number for people, and a digest of the whole Position: two sources may count alike.
std::string StateStore::path_of(const v1::Position& position) const {
  std::string identity = position.source();
  for (const v1::Offset& offset : position.offset())
    identity += fmt::format("\n{} {} {}", offset.name(), offset.partition(), offset.next());
  return fmt::format("{}/{}-{:.16}.state", directory_, position.number(), sha256_hex(identity));
}

Status StateStore::save(const v1::Position& position, const SeriesTable& table, const Stage& stage) {
  v1::FilterState state;
  state.set_table(table.save());
  state.set_stage(stage.save());
  if (Status status = make_directory(directory_); !status.ok()) return status;
  if (Status status = replace_file(path_of(position), state.SerializeAsString()); !status.ok()) return status;
  std::vector<std::filesystem::path> states;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error))
    if (entry.path().extension() == ".state") states.push_back(entry.path());
  if (error) return system_error(Code::io_error, "cannot list " + directory_, error.value());
  // By age and not by number: a source that lost its past counts from the start again.
  std::ranges::sort(states, {}, [&error](const auto& path) { return std::filesystem::last_write_time(path, error); });
  for (std::size_t i = 0; i + kKept < states.size(); ++i) std::filesystem::remove(states[i], error);
  return {};
}

Status StateStore::load(const v1::Position& position, SeriesTable& table, Stage& stage) const {
  Result<std::string> bytes = read_file(path_of(position));
  if (!bytes.ok())
    return Status::error(Code::bad_config, fmt::format("no state for Position {} of {}: {}", position.number(), position.source(),
                                                       bytes.status().message));
  v1::FilterState state;
  if (!state.ParseFromString(*bytes)) return Status::error(Code::bad_config, path_of(position) + ": not a filter's state");
  if (Status status = table.restore(state.table()); !status.ok()) return status;
  return stage.load(state.stage());
}

}  // namespace twinpipe::cli
