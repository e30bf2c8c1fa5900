// SPDX-License-Identifier: Apache-2.0
// One MQTT session over a list of brokers.
#include "client/mqtt_client.hpp"

#include <fmt/format.h>
#include <mosquitto.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "io/waiter.hpp"

namespace twinpipe {
namespace {

constexpr Nanos kLongestTimeout = 30 * kSecond;
constexpr Nanos kTick = kSecond / 2;  // pings have a resolution of a second
constexpr std::size_t kLongestPayload = 268'435'455;

struct Library {
  Library() { mosquitto_lib_init(); }
  ~Library() { mosquitto_lib_cleanup(); }
};

/// Words for an error of libmosquitto; the system's for those of the system.
std::string words(int error, int system) {
  return error == MOSQ_ERR_ERRNO ? std::generic_category().message(system) : std::string(mosquitto_strerror(error));
}

}  // namespace

std::string Broker::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "mqtts" : "mqtt", brackets ? "[" : "", host, brackets ? "]" : "", port);
}

Result<Broker> parse_broker(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return Status::error(Code::usage, fmt::format("broker '{}': {}; write mqtt://HOST:PORT or mqtts://HOST:PORT", text, why));
  };
  Broker broker;
  std::string_view rest = text;
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    if (name != "mqtt" && name != "mqtts") return wrong("unknown scheme");
    broker.tls = name == "mqtts";
    rest.remove_prefix(scheme + 3);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) return wrong("user and password do not belong here");
  broker.port = broker.tls ? 8883 : 1883;
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return wrong("']' is missing");
    broker.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    broker.host = rest.substr(0, colon);
    port = rest.substr(colon);
  }
  if (broker.host.empty()) return wrong("no host");
  if (port.empty()) return broker;
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), broker.port);
  if (port[0] != ':' || error != std::errc{} || end != port.data() + port.size() || broker.port < 1 || broker.port > 65535)
    return wrong("not a port");
  return broker;
}

/// libmosquitto's callbacks, handed on.
struct MqttClient::Hooks {
  static MqttClient& self(void* object) { return *static_cast<MqttClient*>(object); }

  static void connected(mosquitto*, void* object, int refused, int flags) {
    MqttClient& client = self(object);
    if (refused != 0) {
      client.last_error_ = fmt::format("{} refused: {}", client.broker().text(), mosquitto_connack_string(refused));
      return;  // the broker hangs up; disconnected() follows
    }
    client.state_ = State::up;
    client.tried_ = 0;
    client.timeout_ = client.options_.first_timeout;
    if (client.callbacks_.on_connected) client.callbacks_.on_connected((flags & 1) != 0);
  }
  static void disconnected(mosquitto*, void* object, int error) {
    MqttClient& client = self(object);
    const int system = errno;
    if (client.state_ == State::stopped || client.state_ == State::idle) return;
    const bool refused = error > 0 && error <= 5 && client.state_ == State::connecting && !client.last_error_.empty();
    client.failed(refused ? client.last_error_ : fmt::format("{}: {}", client.broker().text(), words(error, system)));
  }
  static void message(mosquitto*, void* object, const mosquitto_message* m) {
    MqttClient& client = self(object);
    if (!client.callbacks_.on_message) return;
    client.callbacks_.on_message(
        {m->topic, {static_cast<const char*>(m->payload), static_cast<std::size_t>(m->payloadlen)}, m->qos, m->retain});
  }
  static void published(mosquitto*, void* object, int id) {
    MqttClient& client = self(object);
    client.unsent_.erase(id);
    client.unsent_plain_.erase(id);
    if (client.callbacks_.on_published) client.callbacks_.on_published(id);
  }
  static void subscribed(mosquitto*, void* object, int id, int count, const int* granted) {
    MqttClient& client = self(object);
    if (client.callbacks_.on_subscribed) client.callbacks_.on_subscribed(id, std::vector<int>(granted, granted + count));
  }
};

void MqttClient::Destroy::operator()(mosquitto* client) const { mosquitto_destroy(client); }

MqttClient::MqttClient(MqttOptions options, MqttCallbacks callbacks)
    : options_(std::move(options)), callbacks_(std::move(callbacks)), timeout_(options_.first_timeout) {
  static const Library library;
}

MqttClient::~MqttClient() { state_ = State::stopped; }

Status MqttClient::start() {
  if (options_.brokers.empty()) return Status::error(Code::usage, "no broker was named");
  if (options_.client_id.empty() && !options_.clean)
    return Status::error(Code::usage, "a session that the broker keeps needs a client id");
  // One client for plain and TLS brokers alike is not possible: TLS is a property of libmosquitto's client.
  if (std::ranges::any_of(options_.brokers, [this](const Broker& b) { return b.tls != options_.brokers[0].tls; }))
    return Status::error(Code::usage, "brokers with and without TLS in one list");
  if (Status status = configure(); !status.ok()) return status;
  attempt(monotonic_now());
  return {};
}

Status MqttClient::configure() {
  client_.reset(mosquitto_new(options_.client_id.empty() ? nullptr : options_.client_id.c_str(), options_.clean, this));
  if (!client_) return Status::error(Code::internal, fmt::format("cannot make an MQTT client: {}", words(MOSQ_ERR_ERRNO, errno)));
  // "Threaded" keeps libmosquitto from writing acknowledgements by itself, before the reader is done with the message.
  mosquitto_threaded_set(client_.get(), true);
  mosquitto_int_option(client_.get(), MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_connect_with_flags_callback_set(client_.get(), Hooks::connected);
  mosquitto_disconnect_callback_set(client_.get(), Hooks::disconnected);
  mosquitto_message_callback_set(client_.get(), Hooks::message);
  mosquitto_publish_callback_set(client_.get(), Hooks::published);
  mosquitto_subscribe_callback_set(client_.get(), Hooks::subscribed);
  if (!options_.user.empty() && mosquitto_username_pw_set(client_.get(), options_.user.c_str(),
                                                          options_.password.empty() ? nullptr : options_.password.c_str()) != 0)
    return Status::error(Code::usage, "MQTT user name or password: not UTF-8");
  return options_.brokers[0].tls ? configure_tls() : Status{};
}

Status MqttClient::configure_tls() {
  const auto path = [](const std::string& file) { return file.empty() ? nullptr : file.c_str(); };
  const bool system = options_.ca_file.empty();
  const int error = mosquitto_tls_set(client_.get(), path(options_.ca_file), system ? "/etc/ssl/certs" : nullptr,
                                      path(options_.certificate_file), path(options_.key_file), nullptr);
  if (error == 0) return {};
  return Status::error(Code::no_input, fmt::format("TLS files ({}, {}, {}): {}", system ? "/etc/ssl/certs" : options_.ca_file,
                                                   options_.certificate_file, options_.key_file, words(error, errno)));
}

void MqttClient::set_will(const MqttWill& will) {
  will_ = will;
  if (client_ && !will.topic.empty())
    mosquitto_will_set(client_.get(), will_.topic.c_str(), static_cast<int>(will_.payload.size()), will_.payload.data(),
                       will_.qos, will_.retain);
}

int MqttClient::fd() const {
  return client_ && (state_ == State::connecting || state_ == State::up) ? mosquitto_socket(client_.get()) : -1;
}

bool MqttClient::wants_write() const { return fd() >= 0 && mosquitto_want_write(client_.get()); }

void MqttClient::attempt(Nanos now) {
  last_error_.clear();
  state_ = State::connecting;
  attempt_until_ = now + timeout_;
  deadline_ = std::min(attempt_until_, now + kTick);
  if (callbacks_.on_connecting) callbacks_.on_connecting();
  if (!will_.topic.empty()) set_will(will_);
  errno = 0;
  const int error =
      mosquitto_connect_async(client_.get(), broker().host.c_str(), broker().port, std::max(5, options_.keep_alive));
  const int system = errno;
  if (error != MOSQ_ERR_SUCCESS && state_ == State::connecting)
    failed(fmt::format("{}: {}", broker().text(), words(error, system)));
}

/// The next broker is tried at once; when all have failed in a row, a second later and with more patience.
void MqttClient::failed(std::string reason) {
  const bool was_up = state_ == State::up;
  last_error_ = std::move(reason);
  state_ = State::idle;
  ++failures_;
  ++tried_;
  broker_ = (broker_ + 1) % options_.brokers.size();
  const bool all = tried_ % options_.brokers.size() == 0;
  if (all && !was_up) timeout_ = std::min(2 * timeout_, kLongestTimeout);
  deadline_ = monotonic_now() + (all && !was_up ? kSecond : 0);
  for (const int id : unsent_plain_) unsent_.erase(id);
  unsent_plain_.clear();
  if (was_up && callbacks_.on_disconnected) callbacks_.on_disconnected(last_error_);
}

void MqttClient::read(int packets) {
  // libmosquitto takes one packet a call; EAGAIN says that the socket is empty.
  for (int i = 0; i < packets && fd() >= 0; ++i) {
    errno = 0;
    if (mosquitto_loop_read(client_.get(), 1) != MOSQ_ERR_SUCCESS || errno == EAGAIN) return;
  }
}

void MqttClient::write() {
  if (fd() >= 0) mosquitto_loop_write(client_.get(), 1);
}

void MqttClient::keep_alive(Nanos now) {
  if (now < deadline_ || state_ == State::stopped) return;
  if (state_ == State::idle) return attempt(now);
  deadline_ = now + kTick;
  if (state_ == State::connecting) {
    if (now >= attempt_until_) failed(last_error_.empty() ? broker().text() + ": no answer" : last_error_);
    return;
  }
  mosquitto_loop_misc(client_.get());
}

Result<int> MqttClient::publish(const std::string& topic, std::string_view payload, int qos, bool retain) {
  if (payload.size() > kLongestPayload)
    return Status::error(Code::bad_data, fmt::format("{}: a payload of {} bytes", topic, payload.size()));
  if (state_ != State::up) return Status::error(Code::temporary, "not connected to an MQTT broker");
  int id = 0;
  const int error =
      mosquitto_publish(client_.get(), &id, topic.c_str(), static_cast<int>(payload.size()), payload.data(), qos, retain);
  if (error == MOSQ_ERR_SUCCESS) {
    unsent_.insert(id);
    if (qos == 0) unsent_plain_.insert(id);
    return id;
  }
  const Code code = error == MOSQ_ERR_INVAL || error == MOSQ_ERR_MALFORMED_UTF8 ? Code::usage : Code::temporary;
  return Status::error(code, fmt::format("cannot publish to {}: {}", topic, words(error, errno)));
}

Result<int> MqttClient::subscribe(const std::vector<std::string>& filters, int qos) {
  if (state_ != State::up) return Status::error(Code::temporary, "not connected to an MQTT broker");
  std::vector<char*> texts;
  for (const std::string& filter : filters) texts.push_back(const_cast<char*>(filter.c_str()));  // the interface lacks a const
  int id = 0;
  const int error =
      mosquitto_subscribe_multiple(client_.get(), &id, static_cast<int>(texts.size()), texts.data(), qos, 0, nullptr);
  if (error == MOSQ_ERR_SUCCESS) return id;
  return Status::error(error == MOSQ_ERR_INVAL ? Code::usage : Code::temporary,
                       fmt::format("cannot subscribe to {}: {}", fmt::join(filters, ", "), words(error, errno)));
}

bool MqttClient::wait(Nanos until) {
  const Nanos now = monotonic_now();
  if (now >= until || fd() < 0) return false;
  pollfd entry{fd(), static_cast<short>(POLLIN | (wants_write() ? POLLOUT : 0)), 0};
  const Nanos limit = std::min(until - now, kTick);
  const timespec time{limit / kSecond, limit % kSecond};
  if (ppoll(&entry, 1, &time, nullptr) > 0) {
    if ((entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0) read();
    write();
  }
  if (!leaving_) keep_alive(monotonic_now());
  return true;
}

bool MqttClient::drain(Nanos timeout) {
  const Nanos until = monotonic_now() + timeout;
  while (!unsent_.empty())
    if (!wait(until)) return false;
  return true;
}

void MqttClient::disconnect(Nanos timeout) {
  if (fd() >= 0 && state_ == State::up && mosquitto_disconnect(client_.get()) == MOSQ_ERR_SUCCESS) {
    leaving_ = true;
    callbacks_.on_disconnected = nullptr;
    const Nanos until = monotonic_now() + timeout;
    // The broker closes the connection when it has read DISCONNECT.
    while (state_ == State::up && wait(until)) {
    }
  }
  drop();
}

void MqttClient::drop() {
  state_ = State::stopped;
  client_.reset();
}

}  // namespace twinpipe
