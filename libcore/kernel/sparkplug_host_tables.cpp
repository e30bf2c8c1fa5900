// SPDX-License-Identifier: Apache-2.0
// The host's birth tables as bytes to keep, and its counters.
#include <fmt/format.h>
#include <zlib.h>

#include "kernel/sparkplug_node.hpp"

namespace twinpipe::sparkplug {
namespace {

std::uint32_t check_of(v1::BirthState state) {
  state.clear_check();
  const std::string bytes = state.SerializeAsString();
  return static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

}  // namespace

bool SparkplugHost::take_changed_table(std::string& name, std::string& bytes) {
  if (changed_.empty()) return false;
  Node& node = *changed_.back();
  changed_.pop_back();
  node.changed = false;
  v1::BirthState state;
  state.set_version(1);
  state.set_group(node.group);
  state.set_edge(node.edge);
  *state.mutable_session() = node.session;
  state.set_knows_bdseq(node.knows_bdseq);
  node.births.save(state);
  state.set_check(check_of(state));
  name = node.name;
  state.SerializeToString(&bytes);
  return true;
}

Status SparkplugHost::load_table(std::string_view bytes) {
  v1::BirthState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.version() != 1 ||
      state.check() != check_of(state) || !valid_id(state.group()) || !valid_id(state.edge()))
    return Status::error(Code::bad_config, "not a birth table");
  Node* const known = node(state.group(), state.edge());
  if (known == nullptr || known->life != Node::Life::unborn || known->restored) return {};  // more than the limit, or twice
  known->restored = true;
  known->session = state.session();
  known->knows_bdseq = state.knows_bdseq();
  known->births.load(state, options_.map);
  return {};
}

std::vector<Counter> SparkplugHost::counters() const {
  const HostCounts& c = counts_;
  std::vector<Counter> all{{"messages", c.messages},
                           {"readings", c.readings},
                           {"births", c.births},
                           {"deaths", c.deaths},
                           {"nodes", nodes_.size()},
                           {"series", aliases_.size()},
                           {"gaps", c.gaps},
                           {"messages_missing", c.missing},
                           {"messages_reordered", c.reordered},
                           {"messages_late", c.late},
                           {"seq_twice", c.twice},
                           {"without_seq", c.without_seq},
                           {"stragglers", c.stragglers},
                           {"unknown_alias", c.unknown_alias},
                           {"before_birth", c.before_birth},
                           {"births_without_nbirth", c.births_without_nbirth},
                           {"name_alias_disagree", c.disagreeing},
                           {"bad_values", c.bad_values},
                           {"future", c.future},
                           {"no_values", c.no_values},
                           {"nodes_refused", c.nodes_refused},
                           {"devices_refused", c.devices_refused},
                           {"metrics_refused", c.metrics_refused},
                           {"stolen_aliases", c.stolen_aliases},
                           {"foreign_deaths", c.foreign_deaths},
                           {"suspected_deaths", c.suspected_deaths},
                           {"stale_readings", c.stale_readings},
                           {"controls", c.controls},
                           {"rebirth_requests", c.rebirth_requests},
                           {"sessions_by_clock", c.sessions_by_clock},
                           {"shed_messages", c.shed_messages},
                           {"shed_readings", c.shed_readings},
                           {"unconfirmed_tables", c.unconfirmed_tables},
                           {"repeated", c.repeated},
                           {"foreign_topics", c.foreign_topics},
                           {"commands_seen", c.commands_seen},
                           {"retained_ignored", c.retained},
                           {"compressed", reader_.compressed()}};
  for (std::size_t i = 1; i < faults_.size(); ++i)
    if (faults_[i] > 0) all.push_back({std::string(counter_of(static_cast<PayloadFault>(i))), faults_[i]});
  return all;
}

}  // namespace twinpipe::sparkplug
