// SPDX-License-Identifier: Apache-2.0
// kbridge's loop.
#include "cli/log_writer.hpp"

#include <fmt/format.h>

#include "cli/cursor.hpp"
#include "client/kafka_positions.hpp"

namespace twinpipe::cli {

LogWriter::LogWriter(Tool& tool, LogWriterOptions options)
    : tool_(&tool), options_(std::move(options)), producer_(options_.producer), table_(tool.common().max_series) {}

Status LogWriter::run() {
  const bool twins = !options_.twins.empty();
  const Result<Routes> routes =
      Routes::parse(options_.routes.empty() ? Routes::defaults() : options_.routes, options_.dead_letter);
  if (!routes.ok()) return routes.status();
  if (Status status = twins ? check_topic_name(options_.twins) : Status{}; !status.ok()) return status;
  if (Status status = producer_.connect(twins ? std::vector{options_.twins} : routes->topics()); !status.ok()) return status;
  if (producer_.transactional()) {
    // Now, and not before, nobody else commits under this id.
    auto committed = committed_position(options_.producer.properties, options_.producer.connect_timeout,
                                        options_.producer.positions_topic, options_.producer.transactional_id);
    if (!committed.ok()) return committed.status();
    committed_ = std::move(*committed);
  }
  if (!options_.cursor.empty())
    producer_.on_confirmed([this](const v1::Position& position) { return write_cursor(options_.cursor, position); });
  ValueLimits limits = options_.limits;
  if (options_.json) {
    json_.emplace(producer_, limits.max_value, tool_->common().max_series);
    limits.max_value = JsonRecords::frame_bytes(limits.max_value);
  }
  RecordSink& sink = json_ ? static_cast<RecordSink&>(*json_) : producer_;
  if (twins) {
    TwinRecords stage(table_, producer_.partitions()[0], limits.max_value, tool_->producer(), sink);
    return run(stage);
  }
  values_.emplace(table_, *routes, producer_.partitions(), limits, tool_->producer(), sink);
  return run(*values_);
}

Status LogWriter::run(Stage& stage) {
  Hooks hooks;
  hooks.on_wake = [this] { return on_wake(); };
  hooks.on_position = [this](const v1::Position& position) { return on_position(position); };
  hooks.on_resume = [this](const v1::Position& position) { return on_resume(position); };
  hooks.fd = producer_.fd();
  hooks.hold = [this](bool ended) { return hold(ended); };
  hooks.counters = [this] {
    std::vector<Counter> all{{"acknowledged", producer_.acknowledged()}};
    if (producer_.transactional()) all.push_back({"transactions", producer_.transactions()});
    return all;
  };
  hooks.on_end = [this](bool final) { return on_end(final); };
  const Status ran = run_stage(*tool_, table_, stage, hooks);
  if (ran.ok()) return ran;
  // Bad input: what was whole before it is delivered all the same. Within a transaction it comes again, behind the Position.
  if (ran.code == Code::bad_data || ran.code == Code::io_error)
    if (Status status = producer_.transactional() && options_.producer.commit_every == 0 ? Status{} : deliver(); !status.ok())
      tool_->say(status);
  return producer_.roll_back(ran);
}

/// Streams without ticks: what waits while the input is quiet leaves after a while. With ticks this comes too late to matter, so
/// that values depend on the frames alone.
Status LogWriter::on_wake() {
  const Nanos now = monotonic_now(), patience = std::max<Nanos>(kSecond, 2 * options_.limits.linger);
  if (!waiting()) quiet_since_ = 0;
  else if (quiet_since_ == 0) quiet_since_ = now;
  if (quiet_since_ != 0 && now - quiet_since_ > patience) {
    quiet_since_ = 0;
    if (Status status = put_all(); !status.ok()) return status;
  }
  const Status status = producer_.poll();
  if (const auto notice = producer_.take_notice()) tool_->say(*notice);
  return status;
}

Status LogWriter::on_position(const v1::Position& position) {
  if (Status status = starts_right(); !status.ok()) return status;
  if (Status status = put_all(); !status.ok()) return status;
  if (Status status = producer_.mark(position); !status.ok()) return status;
  return producer_.poll();
}

Result<Nanos> LogWriter::hold(bool ended) {
  if (ended)
    if (Status status = put_all(); !status.ok()) return status;
  if (producer_.waiting())
    if (Status status = starts_right(); !status.ok()) return status;
  if (!(ended ? producer_.waiting() : producer_.full())) return Nanos{0};
  if (Status status = producer_.poll(); !status.ok()) return status;
  if (!(ended ? producer_.waiting() : producer_.full())) return Nanos{0};
  // librdkafka leaves out wake-ups that follow each other closely, and here all input waits.
  return producer_.committing() ? 5 * kMillisecond : 100 * kMillisecond;
}

Status LogWriter::deliver() {
  if (Status status = put_all(); !status.ok()) return status;
  return producer_.commit();
}

/// What came behind the last Position comes again when the source goes on there: only the real end commits it.
Status LogWriter::on_end(bool final) {
  if (!producer_.transactional() || final || options_.producer.commit_every > 0) return deliver();
  if (Status status = producer_.flush(); !status.ok()) return status;
  if (producer_.uncommitted() > 0 || waiting())
    tool_->say("the input did not end: what came behind its last Position was not committed");
  return producer_.roll_back({});
}

// ---- the start of a transactional id --------------------------------------------------------------------------------

Status LogWriter::on_resume(const v1::Position& position) {
  if (!producer_.transactional()) return {};
  if (committed_ && committed_->SerializeAsString() != position.SerializeAsString())
    return Status::error(Code::temporary,
                         fmt::format("the input goes on at Position {} of {}, but {} of {} was committed: start again "
                                     "from the committed one",
                                     position.number(), position.source(), committed_->number(), committed_->source()));
  resumed_ = true;
  return {};
}

/// A source that does not go on at the committed Position would bring records that are there already, or leave some out.
Status LogWriter::starts_right() const {
  if (!committed_ || resumed_) return {};
  return Status::error(Code::temporary,
                       fmt::format("the input starts anew, but {} has committed Position {} of {}: start the source there",
                                   options_.producer.transactional_id, committed_->number(), committed_->source()));
}

}  // namespace twinpipe::cli
