// SPDX-License-Identifier: Apache-2.0
// STATE of a primary host application.
#include "kernel/sparkplug_state.hpp"

#include <fmt/format.h>
#include <simdjson.h>

namespace twinpipe::sparkplug {

std::string StatePublisher::text(bool online, std::int64_t milliseconds) const {
  return fmt::format(R"({{"online":{},"timestamp":{}}})", online, milliseconds);
}

Publication StatePublisher::will(Nanos now) {
  since_ = now / kMillisecond;
  unheard_ = 0;
  return {topic_, text(false, since_), 1, true};
}

Publication StatePublisher::birth() {
  ++unheard_;
  return {topic_, text(true, since_), 1, true};
}

Publication StatePublisher::death(Nanos now) const { return {topic_, text(false, now / kMillisecond), 1, true}; }

StatePublisher::Answer StatePublisher::observe(const Message& message) {
  if (message.retained) return Answer::none;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  bool online = false;
  std::int64_t timestamp = 0;
  // What is no STATE at all contradicts ours too.
  const bool readable = parser.parse(message.payload.data(), message.payload.size()).get(root) == simdjson::SUCCESS &&
                        root["online"].get(online) == simdjson::SUCCESS && root["timestamp"].get(timestamp) == simdjson::SUCCESS;
  // Our own words come back once each. The same words once more are another host's, of the same millisecond.
  if (readable && online && timestamp == since_ && unheard_ > 0) {
    --unheard_;
    return Answer::none;
  }
  if (message.arrival - quarrel_since_ > kPeriod || message.arrival < quarrel_since_) {
    quarrel_since_ = message.arrival;
    quarrels_ = 0;
  }
  return ++quarrels_ > kPatience ? Answer::conflict : Answer::publish_again;
}

}  // namespace twinpipe::sparkplug
