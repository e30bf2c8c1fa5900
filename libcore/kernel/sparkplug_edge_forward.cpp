// SPDX-License-Identifier: Apache-2.0
// One Sparkplug B 3.0 edge node: what it keeps of what it published, and publishes again after an outage.
#include <utility>

#include "kernel/sparkplug_edge_node.hpp"
#include "kernel/sparkplug_writer.hpp"

namespace twinpipe::sparkplug {

/// Its value is copied too.
void EdgeNode::add_row(const EdgeRow& row, const EdgeRows& from, EdgeRows& to) {
  to.rows.push_back(row);
  to.rows.back().offset = to.values.size();
  to.values.append(from.values, row.offset, row.size);
}

/// Later than the first one that was no later than usual, give or take: then all that was stored is through.
bool EdgeNode::is_past(const EdgeRow& row) {
  if (forward_ == 0) return false;
  const Nanos delay = event_now_ - row.time;
  if (catching_up_ && delay > saturating_add(usual_, slack_)) return true;
  catching_up_ = false;
  usual_ = std::min(usual_, delay);
  return false;
}

/// Rows of the message that is sent next.
void EdgeNode::keep(std::uint32_t device, EdgeRows rows, Nanos now) {
  while (!kept_.empty() && kept_.front().sent < now - forward_) kept_.pop_front();
  kept_.push_back({{next_}, now, device, std::move(rows)});
}

/// What the birth to be sent next tells: values that it brings for the first time, and those that are kept already.
void EdgeNode::keep_told(std::uint32_t device, Nanos now) {
  if (forward_ == 0) return;
  carry(device);
  EdgeRows rows;
  for (const std::uint32_t number : devices_[device].metrics) {
    const Metric& metric = metrics_[number];
    if (!metric.absorbed || !metric.known) continue;
    EdgeRow row{number, metric.quality, metric.time, rows.values.size(), metric.value.size(), 0, false};
    if (metric.is_waveform) row.sample_period = metric.period;
    rows.values += metric.value;
    rows.rows.push_back(row);
  }
  if (!rows.rows.empty()) keep(device, std::move(rows), now);
}

/// The birth to be sent next tells current values: whoever has it has those that are kept, whatever became of the messages
/// before.
void EdgeNode::carry(std::uint32_t device) {
  for (Kept& kept : std::exchange(kept_, {})) {
    Kept told{kept.carriers, kept.sent, device, {}}, others = told;
    for (const EdgeRow& row : kept.rows.rows) {
      const Metric& metric = metrics_[row.metric];
      const std::string_view value = std::string_view(kept.rows.values).substr(row.offset, row.size);
      const bool said = metric.known && row.time == metric.time && value == metric.value;
      if (kept.device == device) add_row(row, kept.rows, (said ? told : others).rows);
    }
    if (told.rows.rows.empty()) {
      kept_.push_back(std::move(kept));
      continue;
    }
    told.carriers.push_back(devices_[device].birth);
    if (!others.rows.rows.empty()) kept_.push_back(std::move(others));
    kept_.push_back(std::move(told));
  }
}

/// What was published last, once more, but for what the births have just said.
void EdgeNode::repeat(Nanos now, std::vector<EdgeMessage>& out) {
  for (Kept& kept : std::exchange(kept_, {})) {
    if (devices_[kept.device].state != State::born) {
      kept_.push_back(std::move(kept));
      continue;
    }
    kept.sent = now;
    if (kept.carriers.back().birth != next_.birth) {
      std::string payload;
      for (const EdgeRow& row : kept.rows.rows) append_data_metric(row, kept.rows, true, payload);
      append_uuid(repeat_mark(kept.carriers), payload);
      kept.carriers.push_back(next_);
      ++repeated_;
      send(kept.device == 0 ? Verb::ndata : Verb::ddata, kept.device, std::move(payload), now, out);
    }
    kept_.push_back(std::move(kept));
  }
}

}  // namespace twinpipe::sparkplug
