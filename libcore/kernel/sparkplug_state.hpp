// SPDX-License-Identifier: Apache-2.0
// STATE, by which a primary host application tells edge nodes that it is there: will, birth, death, and the quarrel of two
// hosts that share one id.
#pragma once

#include <string>

#include "kernel/sparkplug_host.hpp"

namespace twinpipe::sparkplug {

class StatePublisher {
 public:
  explicit StatePublisher(std::string host_id) : topic_(state_topic(host_id)) {}

  const std::string& topic() const { return topic_; }
  /// For the CONNECT that follows: online false, and the time that the birth will repeat.
  Publication will(Nanos now);
  Publication birth();
  /// Before DISCONNECT, which discards the will.
  Publication death(Nanos now) const;

  enum class Answer {
    none,
    publish_again,  // somebody said that we are offline, or said it is us: say the birth again
    conflict,       // it goes on: another host has this id
  };
  /// A message on topic(), after our birth is out. Retained ones are of the past.
  Answer observe(const Message& message);

 private:
  std::string text(bool online, std::int64_t milliseconds) const;

  static constexpr int kPatience = 3;
  static constexpr Nanos kPeriod = 10 * kSecond;
  std::string topic_;
  std::int64_t since_ = 0;  // ms: the timestamp of this connection
  Nanos quarrel_since_ = 0;
  int quarrels_ = 0;
  int unheard_ = 0;  // births of ours that have not come back yet
};

}  // namespace twinpipe::sparkplug
