// SPDX-License-Identifier: Apache-2.0
// Messages that must reach somebody else's service: each a file until it was taken, in the order in which they were put.
//
// Below its directory: waiting/ has what is still to be delivered, sent/ what was taken lately, refused/ what never will be,
// each with the answer beside it, where there is one. A file's name is NUMBER.KEY.ID, its content the message. To have a refused
// message tried again, move its file back to waiting/ while nobody uses the outbox.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "io/fd.hpp"

namespace twinpipe {

struct OutboxMessage {
  std::uint64_t number = 0;  // rises by one a message
  std::uint64_t key = 0;     // messages of one key leave in order
  std::string id;            // names it to the receiver, who may get it twice
  std::string body;
};

/// All calls may come from any thread.
class Outbox {
 public:
  /// `limit`: messages that wait, at most; as many are kept of those sent and of those refused.
  Outbox(std::string directory, std::size_t limit) : directory_(std::move(directory)), limit_(limit) {}

  /// Takes up what earlier processes left. Errors: cant_create, no_permission, io_error, temporary (another process has it open).
  Status open();

  /// The message is on disk when this returns; after a power cut too. One whose id waits, was sent or was refused already is
  /// left out: a restarted program may make the same message again. `id`: letters, digits, '-' and '_', at most 100. `key`: any
  /// text. Errors: temporary (as many wait as may), cant_create, io_error.
  Status put(std::string_view key, std::string_view id, std::string_view body);

  /// The first that waits and whose key `may` leave now. One whose file somebody took away waits no longer. Errors: io_error.
  Result<std::optional<OutboxMessage>> first(const std::function<bool(std::uint64_t key)>& may);
  /// It was taken; `answer` is kept beside it, when there is one. The rename is not synced: after a power cut it may be delivered
  /// again. Errors: io_error, cant_create.
  Status sent(const OutboxMessage& message, std::string_view answer = {});
  /// It never will be; `answer` is kept beside it. Errors: io_error, cant_create.
  Status refused(const OutboxMessage& message, std::string_view answer);

  /// For deliveries that must not be repeated blindly: an attempt begins whose effect may never be heard of. `note` is on disk
  /// when this returns, and stays beside the message while it waits, or until it is replaced by an empty one. Errors:
  /// cant_create, io_error.
  Status note_attempt(const OutboxMessage& message, std::string_view note);
  /// That note; empty: there is none. Errors: io_error.
  Result<std::string> attempt_noted(const OutboxMessage& message) const;

  enum class Place { unknown, waiting, sent, refused };
  struct Kept {
    Place place = Place::unknown;
    std::string answer;  // of what was sent or refused
  };
  /// What became of a message. Looks at all of them: not for every reading. Errors: io_error.
  Result<Kept> find(std::string_view id) const;

  std::size_t waiting() const;
  bool full() const { return waiting() >= limit_; }
  /// Messages that put() left out, since the start.
  std::uint64_t repeated() const;
  const std::string& directory() const { return directory_; }
  std::string path_of_refused(const OutboxMessage& message) const;

 private:
  struct Name {
    std::uint64_t key;
    std::string id;
  };
  using Names = std::map<std::uint64_t, Name>;  // by number

  static std::string file_name(std::uint64_t number, const Name& name);
  std::string path(std::string_view part, std::uint64_t number, const Name& name) const;
  Status lock();
  Status load(std::string_view part, Names& names);
  Status move(const OutboxMessage& message, std::string_view part, Names& names, std::string_view answer);
  std::string note_path(const OutboxMessage& message) const;

  const std::string directory_;
  const std::size_t limit_;
  Fd lock_;
  mutable std::mutex mutex_;
  // Under the mutex:
  Names waiting_, sent_, refused_;
  std::unordered_set<std::string> ids_;  // of all three
  std::uint64_t next_ = 1, repeated_ = 0;
};

}  // namespace twinpipe
