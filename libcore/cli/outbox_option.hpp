// SPDX-License-Identifier: Apache-2.0
// --outbox and where it is delivered to, a command or an HTTP service: what tools share that tell somebody something.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/tool.hpp"
#include "client/http_client.hpp"
#include "io/courier.hpp"
#include "kernel/stage.hpp"

namespace twinpipe::cli {

class OutboxOption {
 public:
  enum class To { command_or_url, url };
  /// Declares --outbox, --outbox-limit, --command, --url, --token-file, --ca, --cert, --key, --timeout, --retry-first,
  /// --retry-longest and --drain-for; where everything goes to a URL, no --command.
  explicit OutboxOption(Tool& tool, To to = To::command_or_url);

  /// Errors (usage): none or both of --command and --url, no --outbox, a URL that must not be used.
  Status check() const;
  /// The part of it that does not need an outbox.
  Status check_http() const;
  /// Opens the outbox and begins to deliver. Errors: as Outbox::open().
  Status start();
  /// For tools that deliver in a way of their own. Errors: as Outbox::open().
  Status start(const std::function<Courier::Deliver(Outbox&)>& way, Courier::Concluded concluded);
  /// Errors (usage): a further URL that must not be used with these options.
  Status check_other_url(const std::string& url) const { return check_url(url, !http_.token_file.empty()); }
  const std::string& url() const { return url_; }
  HttpOptions http() const;

  /// False: the outbox is full, which is said once; try again when fd() was readable. Errors: cant_create, io_error.
  Result<bool> put(std::string_view key, std::string_view id, std::string_view body);
  /// Readable when something was delivered or went wrong; then, and now and then besides, look() says it. Errors: io_error.
  int fd() const { return courier_->fd(); }
  Status look();
  /// The input has ended: true while there is something to deliver, and time left for it (--drain-for).
  bool draining();
  /// Waits for that, or for a request to stop. Errors: as stop(true).
  Status drain();
  /// Ends the delivery. Errors (temporary): so many messages still wait, when `all` should have been delivered; or so many of the
  /// caller's `things` had no room in the outbox.
  Status stop(bool all, std::size_t without_room = 0, std::string_view things = "messages");

  std::size_t waiting() const { return outbox_->waiting(); }
  Result<Outbox::Kept> find(std::string_view id) const { return outbox_->find(id); }
  std::vector<Counter> counters() const;

 private:
  Courier::Deliver by_http() const;
  Courier::Deliver by_command() const;

  Tool* tool_;
  const To to_;
  std::string directory_, command_, url_;
  std::size_t limit_ = 10'000;
  HttpOptions http_;
  RetryPlan plan_;
  Nanos drain_for_ = 60 * kSecond;
  Nanos drain_until_ = 0;  // monotonic; 0: the input goes on
  bool full_said_ = false;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Courier> courier_;
};

}  // namespace twinpipe::cli
