// SPDX-License-Identifier: Apache-2.0
// Publishes what a SparkplugEdge has to say.
#include "client/sparkplug_publisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "io/fd.hpp"
#include "io/waiter.hpp"
#include "kernel/sparkplug_state_payload.hpp"
#include "kernel/sparkplug_topic.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

constexpr Nanos kLongestWait = 100 * kMillisecond;
constexpr Nanos kGoodbye = 5 * kSecond;  // for the last messages
constexpr Nanos kHangUp = kSecond;       // for the broker to read DISCONNECT
constexpr int kRefused = 0x80;
constexpr double kLate = 1e9;  // ns of a reading's delay, above the usual, within which it is of the present

}  // namespace

/// One node's connection.
struct SparkplugPublisher::Session {
  std::unique_ptr<MqttClient> client;
  std::size_t first_broker = 0;  // where the next client begins
  std::uint8_t bdseq = 0;
  bool bdseq_known = false;  // read from disk, or chosen before
  bool ever_connected = false;
  bool subscribed = false;
  bool leaving = false;     // DISCONNECT follows as soon as all is out
  bool returning = false;   // and then another connection
  Nanos waiting_since = 0;  // for the primary host
  std::uint64_t host_timestamp = 0;
};

SparkplugPublisher::SparkplugPublisher(sparkplug::SparkplugEdge& edge, PublisherOptions options,
                                       std::function<void(const std::string&)> say)
    : edge_(&edge), options_(std::move(options)), say_(std::move(say)) {}

SparkplugPublisher::~SparkplugPublisher() = default;

Status SparkplugPublisher::start() {
  if (!options_.state_directory.empty())
    if (Status status = make_directory(options_.state_directory); !status.ok()) return status;
  return poll_.open();
}

// ---- sessions -------------------------------------------------------------------------------------------------------

SparkplugPublisher::Session& SparkplugPublisher::session(std::uint32_t node) {
  while (sessions_.size() <= node) sessions_.push_back(std::make_unique<Session>());
  return *sessions_[node];
}

Status SparkplugPublisher::connect(std::uint32_t node) {
  Session& at = session(node);
  const sparkplug::EdgeNode& edge = edge_->node(node);
  MqttOptions options = options_.mqtt;
  options.clean = true;  // tck-id-principles-persistence-clean-session-311
  if (!options.client_id.empty()) options.client_id += fmt::format("-{}-{}", edge.group(), edge.edge());
  std::ranges::rotate(options.brokers,
                      options.brokers.begin() + static_cast<std::ptrdiff_t>(at.first_broker % options.brokers.size()));
  MqttCallbacks callbacks;
  callbacks.on_connecting = [this, node] {
    if (Status status = choose_bdseq(node); !status.ok() && failure_.ok()) failure_ = std::move(status);
  };
  callbacks.on_connected = [this, node](bool) { on_connected(node); };
  callbacks.on_disconnected = [this, node](const std::string& reason) {
    edge_->node(node).lose();
    session(node).subscribed = false;
    say_(fmt::format("{}/{}: connection lost: {}", edge_->node(node).group(), edge_->node(node).edge(), reason));
  };
  callbacks.on_message = [this, node](const MqttMessage& message) { on_message(node, message); };
  callbacks.on_subscribed = [this, node](int, const std::vector<int>& granted) { on_subscribed(node, granted); };
  at.subscribed = at.leaving = false;
  at.client = std::make_unique<MqttClient>(std::move(options), std::move(callbacks));
  return at.client->start();
}

/// A new number for every attempt: a will of an attempt that the broker accepted and we did not hear of must not match
/// the session that follows. It is on disk before CONNECT leaves, and 255 is followed by 0.
Status SparkplugPublisher::choose_bdseq(std::uint32_t node) {
  Session& at = session(node);
  const sparkplug::EdgeNode& edge = edge_->node(node);
  const std::string path = options_.state_directory.empty() ? std::string()
                                                            : fmt::format("{}/{}.{}.bdseq", options_.state_directory,
                                                                          encode_level(edge.group()), encode_level(edge.edge()));
  if (!at.bdseq_known && !path.empty()) {
    const Result<std::string> text = read_file(path);
    if (text.ok()) {
      unsigned last = 0;
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), last);
      if (error != std::errc{} || last > 255) return Status::error(Code::bad_config, path + ": not a number from 0 to 255");
      at.bdseq = static_cast<std::uint8_t>(last);
      at.bdseq_known = true;
    } else if (text.status().code != Code::no_input) {
      return text.status();
    }
  }
  at.bdseq = at.bdseq_known ? static_cast<std::uint8_t>(at.bdseq + 1) : std::uint8_t{0};
  at.bdseq_known = true;
  if (!path.empty())
    if (Status status = replace_file(path, fmt::format("{}\n", at.bdseq)); !status.ok()) return status;
  if (at.client) {
    const sparkplug::EdgeMessage will = edge.will(at.bdseq, wall_now());
    at.client->set_will(MqttWill{will.topic, will.payload, will.qos, false});
  }
  return {};
}

void SparkplugPublisher::on_connected(std::uint32_t node) {
  Session& at = session(node);
  ++connects_;
  at.ever_connected = true;
  at.waiting_since = monotonic_now();
  std::vector<std::string> filters = edge_->subscriptions(node);
  if (!options_.primary_host.empty()) filters.push_back(sparkplug::state_topic(options_.primary_host));
  if (const Result<int> id = at.client->subscribe(filters, 1); !id.ok() && failure_.ok()) failure_ = id.status();
}

void SparkplugPublisher::on_subscribed(std::uint32_t node, const std::vector<int>& granted) {
  session(node).subscribed = true;
  if (std::ranges::find(granted, kRefused) != granted.end())
    say_(fmt::format("{}/{}: the broker refuses a subscription: commands or the host's state will not arrive",
                     edge_->node(node).group(), edge_->node(node).edge()));
  if (options_.primary_host.empty()) open(node);
}

void SparkplugPublisher::open(std::uint32_t node) {
  if (edge_->node(node).is_open() || session(node).leaving) return;
  edge_->node(node).open(session(node).bdseq, wall_now(), out_);
}

/// What was published already is sent before DISCONNECT.
void SparkplugPublisher::leave(std::uint32_t node) {
  Session& at = session(node);
  if (!at.client || at.leaving) return;
  edge_->node(node).lose();
  at.leaving = true;
}

/// tck-id-operational-behavior-primary-application-state-with-multiple-servers-walk
void SparkplugPublisher::walk(std::uint32_t node, const std::string& why) {
  say_(fmt::format("{}/{}: {}", edge_->node(node).group(), edge_->node(node).edge(), why));
  Session& at = session(node);
  const std::vector<Broker>& brokers = options_.mqtt.brokers;
  const auto here = std::ranges::find(brokers, at.client->broker().text(), &Broker::text);
  at.first_broker = static_cast<std::size_t>(here - brokers.begin()) + 1;
  at.returning = true;
  leave(node);
}

void SparkplugPublisher::on_message(std::uint32_t node, const MqttMessage& message) {
  if (!options_.primary_host.empty() && message.topic == sparkplug::state_topic(options_.primary_host))
    return on_host_state(node, message);
  edge_->command(node, message.topic, message.payload, wall_now(), out_);
}

/// An older state is a late one of a session that is over (tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp).
void SparkplugPublisher::on_host_state(std::uint32_t node, const MqttMessage& message) {
  Session& at = session(node);
  const std::optional<sparkplug::StatePayload> state = sparkplug::parse_state(message.payload);
  if (!state || state->timestamp < at.host_timestamp) return;
  at.host_timestamp = state->timestamp;
  if (state->online) return open(node);
  if (!edge_->node(node).is_open()) return;
  edge_->node(node).die(wall_now(), out_);
  walk(node, fmt::format("primary host {} is offline", options_.primary_host));
}

// ---- the loop -------------------------------------------------------------------------------------------------------

Status SparkplugPublisher::service(std::uint32_t node) {
  Session& at = *sessions_[node];
  if (!at.client) return {};
  const Nanos now = monotonic_now();
  at.client->read();
  publish(std::exchange(out_, {}));
  at.client->write();
  at.client->keep_alive(now);
  if (!failure_.ok()) return std::exchange(failure_, {});
  if (!at.ever_connected && at.client->failures() >= options_.mqtt.brokers.size())
    return Status::error(Code::unavailable, fmt::format("no broker: {}", at.client->last_error()));
  const bool in_vain = !options_.primary_host.empty() && options_.mqtt.brokers.size() > 1 && at.client->connected() &&
                       !edge_->node(node).is_open() && now - at.waiting_since >= options_.host_wait;
  if (in_vain && !at.leaving)
    walk(node, fmt::format("primary host {} is not at {}", options_.primary_host, at.client->broker().text()));
  if (at.leaving && (at.client->unfinished() == 0 || !at.client->connected())) {
    at.client->disconnect(kHangUp);
    at.client.reset();
    at.leaving = false;
    if (std::exchange(at.returning, false))
      if (Status status = connect(node); !status.ok()) return status;
  }
  poll_.watch(static_cast<int>(node), at.client ? at.client->fd() : -1, at.client && at.client->wants_write());
  return {};
}

Status SparkplugPublisher::service() {
  for (std::uint32_t node = 0; node < sessions_.size(); ++node)
    if (Status status = service(node); !status.ok()) return status;
  return {};
}

void SparkplugPublisher::settle(Nanos before) {
  for (std::uint32_t node = 0; node < edge_->nodes(); ++node) edge_->node(node).settle(before, wall_now(), out_);
  publish(std::exchange(out_, {}));
}

void SparkplugPublisher::publish(const std::vector<sparkplug::EdgeMessage>& messages) {
  for (const sparkplug::EdgeMessage& message : messages) {
    MqttClient* client = session(message.node).client.get();
    const Result<int> id = client ? client->publish(message.topic, message.payload, message.qos, false)
                                  : Result<int>(Status::error(Code::temporary, "not connected"));
    if (id.ok()) {
      ++messages_;
      bytes_ += message.payload.size();
    } else if (id.status().code == Code::temporary) {
      ++lost_;  // the link went between two looks at it: as if it had been on its way
    } else if (failure_.ok()) {
      failure_ = id.status();
    }
  }
}

/// Whether the connection that the work needs is there; begins to connect where it is not.
bool SparkplugPublisher::ready(const sparkplug::SparkplugEdge::Work& work, Status& status) {
  using Needs = sparkplug::SparkplugEdge::Needs;
  Session& at = session(work.node);
  if (work.needs == Needs::nothing && !work.opens) return true;
  if (!at.client) status = connect(work.node);
  if (work.needs == Needs::nothing) return status.ok();
  if (!status.ok() || at.leaving || !at.client->connected() || at.client->unfinished() >= options_.queue) return false;
  return work.needs == Needs::connection || edge_->node(work.node).is_open();
}

/// The event time that is due now.
Nanos SparkplugPublisher::event_now() const {
  if (!(options_.speed > 0) || !first_time_) return wall_now();
  return *first_time_ + static_cast<Nanos>(static_cast<double>(monotonic_now() - first_at_) * options_.speed);
}

Nanos SparkplugPublisher::due_in(const sparkplug::SparkplugEdge::Work& work) {
  if (!(options_.speed > 0) || work.time == 0) return 0;
  const Nanos now = monotonic_now();
  if (!first_time_) {
    first_time_ = work.time;
    first_at_ = now;
  }
  const double elapsed = static_cast<double>(work.time - *first_time_) / options_.speed;
  return first_at_ + static_cast<Nanos>(elapsed) - now;
}

Result<Nanos> SparkplugPublisher::publish_due() {
  for (sparkplug::SparkplugEdge::Work work; edge_->next(work);) {
    Status status;
    if (!ready(work, status)) {
      if (status.ok()) status = service();
      if (!status.ok()) return status;
      if (!ready(work, status)) return status.ok() ? Result<Nanos>(until_deadline()) : Result<Nanos>(status);
    }
    if (const Nanos due = due_in(work); due > 0) return std::min(due, until_deadline());
    edge_->set_event_clock(work.node, event_now(), static_cast<Nanos>(kLate * std::max(options_.speed, 1.0)));
    edge_->take(wall_now(), out_);
    publish(std::exchange(out_, {}));
    if (work.ends) leave(work.node);
  }
  return Nanos{0};
}

Nanos SparkplugPublisher::until_deadline() const {
  const Nanos now = monotonic_now();
  Nanos wait = kLongestWait;
  for (const auto& at : sessions_)
    if (at->client) wait = std::min(wait, at->client->deadline() - now);
  return std::max(wait, Nanos{1});
}

std::size_t SparkplugPublisher::unfinished() const {
  std::size_t count = 0;
  for (const auto& at : sessions_)
    if (at->client) count += at->client->unfinished();
  return count;
}

Result<Nanos> SparkplugPublisher::work(bool ended) {
  if (Status status = service(); !status.ok()) return status;
  Result<Nanos> wait = publish_due();
  if (!wait.ok()) return wait;
  settle(wall_now() - (ended && *wait == 0 ? 0 : options_.birth_wait));
  if (Status status = service(); !status.ok()) return status;
  if (*wait > 0 || !ended) return wait;
  if (unfinished() > 0) return until_deadline();
  const Nanos now = monotonic_now();
  if (!linger_until_) linger_until_ = now + options_.linger;
  return *linger_until_ > now ? std::min(*linger_until_ - now, until_deadline()) : Nanos{0};
}

Status SparkplugPublisher::stop() {
  options_.speed = 0;
  const Nanos until = monotonic_now() + kGoodbye;
  const bool connected = std::ranges::any_of(sessions_, [](const auto& at) { return at->client && at->client->connected(); });
  for (bool more = connected; more && monotonic_now() < until;) {
    const Result<Nanos> wait = publish_due();
    if (!wait.ok()) return wait.status();
    more = *wait > 0;
    for (const auto& at : sessions_)
      if (more && at->client) at->client->drain(std::min(*wait, 10 * kMillisecond));
  }
  settle(wall_now());
  for (std::uint32_t node = 0; node < sessions_.size(); ++node) {
    edge_->node(node).die(wall_now(), out_);
    publish(std::exchange(out_, {}));
  }
  for (const auto& at : sessions_) {
    if (!at->client) continue;
    if (at->client->connected() && !at->client->drain(kGoodbye)) lost_ += at->client->unfinished();
    at->client->disconnect(kHangUp);
  }
  return std::exchange(failure_, {});
}

std::vector<Counter> SparkplugPublisher::counters() const {
  return {{"messages_out", messages_}, {"bytes_out", bytes_}, {"messages_lost", lost_}, {"connects", connects_}};
}

}  // namespace twinpipe
