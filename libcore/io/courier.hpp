// SPDX-License-Identifier: Apache-2.0
// Carries messages from an outbox to a service, by a thread of its own: whoever reads a stream must not wait for a network.
//
// One message at a time, in the order in which they were put. Who fails waits: 1, 2, 4, … times `first`, at most `longest`. What
// only one message is refused for keeps back the messages of its key, and the others pass; a service that does not answer keeps
// back all. There is no jitter: a plant has few senders, and a schedule that repeats can be tested.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/outbox.hpp"
#include "io/wake.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

/// What became of one attempt.
enum class Verdict {
  done,     // taken
  again,    // not this one now; others may be
  wait,     // nothing is taken now
  refused,  // this one never will be
};

struct Attempt {
  Verdict verdict = Verdict::done;
  std::string why;                    // one line, where it is not done
  std::string answer;                 // kept beside what was taken or refused
  std::optional<Nanos> not_before{};  // the service asks for so much time
};

struct RetryPlan {
  Nanos first = kSecond, longest = 300 * kSecond;
  /// How long to wait after so many failures in a row, at least one.
  Nanos after(std::uint32_t failures) const;
};

class Courier {
 public:
  using Deliver = std::function<Attempt(const OutboxMessage&)>;
  /// What became of an attempt, once the outbox knows it.
  using Concluded = std::function<void(const OutboxMessage&, const Attempt&)>;

  /// Both run in the courier's thread. The outbox is open, and outlives this.
  Courier(Outbox& outbox, RetryPlan plan, Deliver deliver, Concluded concluded = {});
  /// As stop().
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  void start();
  /// Something was put.
  void notify();
  /// Waits for the attempt under way; what waits stays in the outbox.
  void stop();

  /// Readable when there is something to say or the outbox has changed; look() then takes lines for people, and says what went
  /// wrong with the outbox itself.
  int fd() const { return wake_.fd(); }
  Status look(std::vector<std::string>& lines);

  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t failures() const { return failures_; }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Patience {
    std::uint32_t failures = 0;
    Nanos until = 0;  // monotonic
  };
  void run();
  Status step(Nanos now, Nanos& next);
  Status conclude(const OutboxMessage& message, const Attempt& attempt);
  Nanos fail(Patience& patience, const Attempt& attempt);
  void say(std::string line);

  Outbox* outbox_;
  const RetryPlan plan_;
  const Deliver deliver_;
  const Concluded concluded_;
  Wake wake_;
  std::thread thread_;
  Patience service_;                        // the thread's, as the next
  std::map<std::uint64_t, Patience> keys_;  // of what failed by itself
  std::atomic<std::uint64_t> delivered_ = 0, failures_ = 0, refused_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex:
  std::vector<std::string> lines_;
  Status status_;
  bool news_ = false, stopping_ = false;
};

}  // namespace twinpipe
