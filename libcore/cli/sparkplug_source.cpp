// SPDX-License-Identifier: Apache-2.0
// sp-sub's loop.
#include "cli/sparkplug_source.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "policy/digest.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

constexpr int kRefused = 0x80;
constexpr Nanos kGoodbye = 2 * kSecond;
constexpr std::string_view kTableSuffix = ".births";
constexpr std::size_t kTablesWaiting = 1000;
constexpr std::size_t kGroupBytes = std::size_t{1} << 20;

}  // namespace

SparkplugSource::SparkplugSource(Tool& tool, SparkplugSourceOptions options)
    : tool_(&tool), options_(std::move(options)), source_(tool), host_(options_.host) {
  if (options_.host.role == sparkplug::Role::primary) state_.emplace(options_.host_id);
}

Status SparkplugSource::run() {
  if (Status status = prepare(); !status.ok()) return status;
  if (Status status = open(); !status.ok()) return status;
  source_.set_counters([this] { return counters(); });
  if (Status status = start(); !status.ok()) return status;
  if (Status status = loop(); !status.ok()) {
    // What was whole leaves, but nothing says that the stream ended well.
    (void)hand_over();
    return buffer_ == nullptr || !plain_link_
               ? status
               : Status::error(status.code, status.message + "; plain messages that were not acknowledged stay with the broker");
  }
  return end();
}

/// Before the brokers are told of us: a client id that is used again ends the session of whoever has it, and that is the one
/// who holds the buffer's lock.
Status SparkplugSource::open() {
  if (options_.buffer.directory.empty()) return source_.open_behind();
  auto buffer =
      std::make_unique<RecordBehind>(options_.buffer, std::clamp<std::size_t>(options_.buffer_memory / 4, 1, kGroupBytes),
                                     [this](const std::string& notice) { tool_->say(notice); });
  if (Status status = buffer->start(); !status.ok()) return status;
  buffer_ = buffer.get();
  return source_.open_behind(std::move(buffer));
}

std::vector<Counter> SparkplugSource::counters() const {
  std::vector<Counter> all = host_.counters();
  if (plain_topics_)
    for (Counter& counter : plain_topics_->counters()) all.push_back(std::move(counter));
  all.push_back({"link_failures", link_->failures()});
  all.push_back({"bytes_waiting", source_.waiting()});
  if (buffer_ == nullptr) return all;
  const RecordCounts& counts = buffer_->counts();
  for (const auto& [name, count] :
       {std::pair("frames_written", &counts.frames_written), std::pair("frames_safe", &counts.frames_safe),
        std::pair("bytes_written", &counts.bytes_written), std::pair("groups_written", &counts.groups)})
    all.push_back({name, *count});
  return all;
}

Status SparkplugSource::prepare() {
  if (state_ && !sparkplug::valid_id(options_.host_id))
    return Status::error(Code::usage, "host id '" + options_.host_id + "' is no topic level");
  if (!options_.plain.patterns.empty()) {
    if (options_.mqtt.client_id.empty())
      return Status::error(Code::usage, "--plain needs --client-id: the broker keeps QoS 1 messages for that client");
    Result<std::unique_ptr<PlainTopics>> topics = PlainTopics::make(options_.plain, host_);
    if (!topics.ok()) return topics.status();
    plain_topics_ = std::move(*topics);
  }
  for (const std::string& group : options_.groups)
    if (!sparkplug::valid_id(group)) return Status::error(Code::usage, "group '" + group + "' is no topic level");
  return load_tables();
}

Status SparkplugSource::start() {
  MqttOptions clean = options_.mqtt;
  clean.clean = true;
  link_ = std::make_unique<MqttClient>(std::move(clean), sparkplug_callbacks());
  if (Status status = link_->start(); !status.ok()) return status;
  if (plain_topics_) {
    MqttOptions kept = options_.mqtt;
    kept.clean = false;
    kept.client_id += "-plain";
    plain_link_ = std::make_unique<MqttClient>(std::move(kept), plain_callbacks());
    if (Status status = plain_link_->start(); !status.ok()) return status;
  }
  started_ = monotonic_now();
  return {};
}

MqttCallbacks SparkplugSource::sparkplug_callbacks() {
  MqttCallbacks callbacks;
  callbacks.on_connecting = [this] {
    if (!state_) return;
    const sparkplug::Publication will = state_->will(wall_now());
    link_->set_will({will.topic, will.payload, will.qos, will.retain});
  };
  callbacks.on_connected = [this](bool) { on_connected(); };
  callbacks.on_disconnected = [this](const std::string& reason) {
    tool_->say(fmt::format("link lost: {}", reason));
    host_.link_lost(wall_now(), source_.out());
  };
  callbacks.on_message = [this](const MqttMessage& message) {
    const sparkplug::Message taken{message.topic, message.payload, message.retained, wall_now()};
    if (state_ && message.topic == state_->topic()) return on_state(taken);
    bound_memory();
    host_.message(taken, source_.out(), publications_);
  };
  callbacks.on_subscribed = [this](int, const std::vector<int>& granted) {
    for (const int qos : granted)
      if (qos == kRefused)
        fatal_ = Status::error(Code::no_permission, "the broker refuses the subscription to Sparkplug's topics");
  };
  return callbacks;
}

void SparkplugSource::on_connected() {
  if (was_up_) tool_->say(fmt::format("link restored: {}", link_->broker().text()));
  was_up_ = true;
  std::vector<std::string> filters;
  for (const std::string& group : options_.groups) filters.push_back(fmt::format("{}/{}/#", sparkplug::kNamespace, group));
  if (filters.empty()) filters.push_back(fmt::format("{}/#", sparkplug::kNamespace));
  else if (state_) filters.push_back(state_->topic());
  // Subscribed before STATE says that we are there (tck-id-host-topic-phid-birth-sub-required).
  if (Result<int> sent = link_->subscribe(filters, state_ ? 1 : 0); !sent.ok()) fatal_ = sent.status();
  if (state_) publications_.push_back(state_->birth());
  host_.link_restored(wall_now());
}

void SparkplugSource::on_state(const sparkplug::Message& message) {
  switch (state_->observe(message)) {
    case sparkplug::StatePublisher::Answer::none: return;
    case sparkplug::StatePublisher::Answer::publish_again: publications_.push_back(state_->birth()); return;
    case sparkplug::StatePublisher::Answer::conflict:
      fatal_ = Status::error(
          Code::bad_config,
          fmt::format("another primary host publishes {}: two hosts must not share an id; this one stops", state_->topic()));
      return;
  }
}

MqttCallbacks SparkplugSource::plain_callbacks() {
  MqttCallbacks callbacks;
  callbacks.on_connected = [this](bool) {
    plain_was_up_ = true;
    plain_topics_->link_restored();
    if (Result<int> sent = plain_link_->subscribe(plain_topics_->filters(), 1); !sent.ok()) fatal_ = sent.status();
  };
  callbacks.on_disconnected = [this](const std::string& reason) {
    tool_->say(fmt::format("link of plain topics lost: {}", reason));
    plain_topics_->link_lost(wall_now(), source_.out());
  };
  callbacks.on_message = [this](const MqttMessage& message) {
    ++plain_messages_;
    plain_topics_->message({message.topic, message.payload, message.retained, wall_now()}, source_.out());
  };
  callbacks.on_subscribed = [this](int, const std::vector<int>& granted) {
    for (const int qos : granted)
      if (qos == kRefused) fatal_ = Status::error(Code::no_permission, "the broker refuses the subscription to plain topics");
  };
  return callbacks;
}

/// The stream's reader stalls, or the buffer's disk: readings beyond the bound are counted, not kept. Births and deaths are.
void SparkplugSource::bound_memory() {
  const std::size_t waiting = source_.waiting();
  const char* const where = buffer_ != nullptr ? "the buffer's disk" : "standard output";
  if (!host_.shedding() && waiting > options_.buffer_memory) {
    tool_->say(fmt::format("{} stalls: {} bytes wait (--buffer-memory), readings are lost from here on", where, waiting));
    host_.set_shedding(true, source_.out());
  } else if (host_.shedding() && waiting <= options_.buffer_memory / 2) {
    host_.set_shedding(false, source_.out());
    tool_->say(fmt::format("{} moves again; what was lost is in the stream as gaps", where));
  }
}

void SparkplugSource::publish(bool now) {
  for (const sparkplug::Publication& publication : publications_)
    if (Result<int> sent = link_->publish(publication.topic, publication.payload, publication.qos, publication.retain);
        !sent.ok() && link_->connected())
      tool_->say(sent.status());
  if (now || !publications_.empty()) link_->write();
  publications_.clear();
}

Nanos SparkplugSource::timeout() const {
  if (more_tables_) return 0;
  const Nanos monotonic = monotonic_now();
  Nanos wait = std::min(link_->deadline() - monotonic, host_.deadline() - wall_now());
  if (plain_link_) wait = std::min({wait, plain_link_->deadline() - monotonic, next_plain_tick_ - monotonic});
  if (options_.duration > 0) wait = std::min(wait, started_ + options_.duration - monotonic);
  return std::clamp<Nanos>(wait, 0, kSecond);
}

bool SparkplugSource::finished() const {
  if (options_.duration > 0 && monotonic_now() - started_ >= options_.duration) return true;
  return options_.count > 0 && host_.counts().readings + (plain_topics_ ? plain_topics_->readings() : 0) >= options_.count;
}

Status SparkplugSource::check_start() {
  const bool up = was_up_ && (!plain_link_ || plain_was_up_);
  if (up || monotonic_now() - started_ < options_.connect_timeout) return {};
  const MqttClient& failed = was_up_ ? *plain_link_ : *link_;
  return Status::error(Code::unavailable,
                       fmt::format("no MQTT broker within {}: {}", format_duration(options_.connect_timeout),
                                   failed.last_error().empty() ? failed.broker().text() + ": no answer" : failed.last_error()));
}

Status SparkplugSource::loop() {
  while (!source_.done() && !finished()) {
    if (Status status = step(); !status.ok()) return status;
    if (!fatal_.ok()) return fatal_;
    if (Status status = check_start(); !status.ok()) return status;
    // One table a round, so that a storm of births does not keep the loop from reading.
    more_tables_ = false;
    if (tables_.size() < kTablesWaiting)
      if (Status status = take_table(); !status.ok()) return status;
    if (Status status = save_tables(1); !status.ok()) return status;
  }
  return {};
}

/// What was read goes on its way, all of it.
Status SparkplugSource::hand_over() {
  host_.flush(source_.out());
  return source_.flush();
}

/// One round: wait, read both sessions, let time pass, publish.
Status SparkplugSource::step() {
  host_.flush(source_.out());
  std::array<pollfd, 2> watched{
      {{link_->fd(), static_cast<short>(POLLIN | (link_->wants_write() ? POLLOUT : 0)), 0}, {-1, 0, 0}}};
  if (plain_link_ && acknowledge_at_ == 0)
    watched[1] = {plain_link_->fd(), static_cast<short>(POLLIN | (plain_link_->wants_write() ? POLLOUT : 0)), 0};
  if (Status status = source_.wait(watched, timeout()); !status.ok()) return status;
  bound_memory();
  if ((watched[0].revents & ~POLLOUT) != 0) link_->read();
  link_->keep_alive(monotonic_now());
  host_.tick(wall_now(), source_.out(), publications_);
  publish((watched[0].revents & POLLOUT) != 0 || link_->wants_write());
  return plain_link_ ? step_plain((watched[1].revents & ~POLLOUT) != 0) : Status{};
}

/// Plain messages are acknowledged once their readings are written, all that came in a round as one group, and no more of
/// them are read until then: the broker keeps them for us.
Status SparkplugSource::step_plain(bool readable) {
  const std::uint64_t before = plain_messages_;
  if (readable) plain_link_->read();
  if (plain_messages_ != before) {
    if (Status status = hand_over(); !status.ok()) return status;
    acknowledge_at_ = source_.handed_over();
    source_.hurry();
  }
  if (source_.written() >= acknowledge_at_) {
    acknowledge_at_ = 0;
    plain_link_->write();
  }
  plain_link_->keep_alive(monotonic_now());
  if (monotonic_now() >= next_plain_tick_) {
    next_plain_tick_ = monotonic_now() + options_.host.tick;
    plain_topics_->tick(wall_now(), source_.out());
  }
  return {};
}

Status SparkplugSource::end() {
  host_.tick(wall_now(), source_.out(), publications_);
  host_.set_shedding(false, source_.out());
  host_.flush(source_.out());
  for (more_tables_ = true; more_tables_;)
    if (Status status = take_table(); !status.ok()) return status;
  if (state_ && link_->connected()) {
    // DISCONNECT discards the will, so the death is published
    // (tck-id-operational-behavior-host-application-disconnect-intentional).
    publications_.push_back(state_->death(wall_now()));
    publish(true);
    (void)link_->drain(kGoodbye);
  }
  link_->disconnect(kGoodbye);
  const Status closed = source_.close();
  if (plain_link_) {
    // What the reader did not get stays with the broker.
    if (closed.ok() && source_.written() >= acknowledge_at_) plain_link_->disconnect(kGoodbye);
    else plain_link_->drop();
  }
  if (!closed.ok()) return closed;
  return save_tables(tables_.size());
}

// ---- birth tables on disk -------------------------------------------------------------------------------------------

Status SparkplugSource::load_tables() {
  if (options_.state_directory.empty()) return {};
  if (Status status = make_directory(options_.state_directory); !status.ok()) return status;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.state_directory, error)) {
    if (entry.path().extension() != kTableSuffix) continue;
    Result<std::string> bytes = read_file(entry.path().string());
    if (!bytes.ok()) return bytes.status();
    // A table that does not read costs one birth, not the start.
    if (Status status = host_.load_table(*bytes); !status.ok())
      tool_->say(fmt::format("{}: {}; left out", entry.path().string(), status.message));
  }
  return error ? system_error(Code::io_error, "cannot list " + options_.state_directory, error.value()) : Status{};
}

/// A table that changed. It must not last while the birth that it is of may be lost: whoever starts with it does not ask for
/// that birth again, and its values would never come. Nor must the table before it, whose aliases may be others.
Status SparkplugSource::take_table() {
  std::string node, bytes;
  more_tables_ = !options_.state_directory.empty() && host_.take_changed_table(node, bytes);
  if (!more_tables_) return {};
  if (Status status = hand_over(); !status.ok()) return status;
  std::string path = fmt::format("{}/{:.32}{}", options_.state_directory, sha256_hex(node), kTableSuffix);
  if (source_.written() < source_.handed_over()) {
    std::error_code error;
    if (!std::filesystem::remove(path, error) && error)
      return system_error(Code::io_error, "cannot remove " + path, error.value());
    source_.hurry();
  }
  std::erase_if(tables_, [&path](const Table& table) { return table.path == path; });
  tables_.push_back({source_.handed_over(), std::move(path), std::move(bytes)});
  return {};
}

/// Those whose births are written, at most so many.
Status SparkplugSource::save_tables(std::size_t most) {
  for (; most > 0 && !tables_.empty() && source_.written() >= tables_.front().behind; --most) {
    if (Status status = replace_file(tables_.front().path, tables_.front().bytes); !status.ok()) return status;
    tables_.pop_front();
  }
  more_tables_ = more_tables_ || (!tables_.empty() && source_.written() >= tables_.front().behind);
  return {};
}

}  // namespace twinpipe::cli
