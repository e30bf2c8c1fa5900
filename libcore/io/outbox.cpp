// SPDX-License-Identifier: Apache-2.0
// Messages that wait on disk.
#include "io/outbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "io/file_lock.hpp"
#include "policy/digest.hpp"

namespace twinpipe {
namespace {

constexpr std::string_view kWaiting = "waiting", kSent = "sent", kRefused = "refused", kAnswer = ".answer", kAttempt = ".attempt";

bool may_be_id(std::string_view id) {
  const auto good = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  return !id.empty() && id.size() <= 100 && std::ranges::all_of(id, good);
}

template <class Number>
bool parse(std::string_view text, int base, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

std::uint64_t number_of_key(std::string_view key) {
  std::uint64_t number = 0;
  (void)parse(std::string_view(sha256_hex(key)).substr(0, 16), 16, number);
  return number;
}

Status move_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error(Code::io_error, "cannot rename " + from, errno);
  return {};
}

}  // namespace

std::string Outbox::file_name(std::uint64_t number, const Name& name) {
  return fmt::format("{:020}.{:016x}.{}", number, name.key, name.id);
}

std::string Outbox::path(std::string_view part, std::uint64_t number, const Name& name) const {
  return fmt::format("{}/{}/{}", directory_, part, file_name(number, name));
}

std::string Outbox::path_of_refused(const OutboxMessage& message) const {
  return path(kRefused, message.number, {message.key, message.id});
}

Status Outbox::open() {
  for (const std::string_view part : {kWaiting, kSent, kRefused})
    if (Status status = make_directory(fmt::format("{}/{}", directory_, part)); !status.ok()) return status;
  if (Status status = lock(); !status.ok()) return status;
  const std::lock_guard guard(mutex_);
  if (Status status = load(kWaiting, waiting_); !status.ok()) return status;
  if (Status status = load(kSent, sent_); !status.ok()) return status;
  return load(kRefused, refused_);
}

Status Outbox::lock() {
  Result<Fd> file = open_lock(directory_ + "/lock", directory_ + ": another process uses this outbox");
  if (!file.ok()) return file.status();
  lock_ = std::move(*file);
  return {};
}

Status Outbox::load(std::string_view part, Names& names) {
  const std::string where = fmt::format("{}/{}", directory_, part);
  std::error_code error;
  for (std::filesystem::directory_iterator at(where, error), end; !error && at != end; at.increment(error)) {
    const std::string file = at->path().filename().string();
    if (file.ends_with(".tmp")) {  // of a process that was killed while it wrote
      ::unlink(at->path().c_str());
      continue;
    }
    std::uint64_t number = 0;
    Name name;
    const bool ours = file.size() > 38 && file[20] == '.' && file[37] == '.' &&
                      parse(std::string_view(file).substr(0, 20), 10, number) &&
                      parse(std::string_view(file).substr(21, 16), 16, name.key) && may_be_id(std::string_view(file).substr(38));
    if (!ours) continue;  // answers; somebody's notes
    name.id = file.substr(38);
    ids_.insert(name.id);
    next_ = std::max(next_, number + 1);
    names.emplace(number, std::move(name));
  }
  return error ? system_error(Code::io_error, where, error.value()) : Status{};
}

Status Outbox::put(std::string_view key, std::string_view id, std::string_view body) {
  if (!may_be_id(id)) return Status::error(Code::internal, fmt::format("'{}' cannot name a message", id));
  const std::lock_guard guard(mutex_);
  if (ids_.contains(std::string(id))) {
    ++repeated_;
    return {};
  }
  if (waiting_.size() >= limit_)
    return Status::error(Code::temporary, fmt::format("{}: full: {} messages wait", directory_, waiting_.size()));
  const Name name{number_of_key(key), std::string(id)};
  if (Status status = replace_file(path(kWaiting, next_, name), body); !status.ok()) return status;
  ids_.insert(name.id);
  waiting_.emplace(next_++, name);
  return {};
}

Result<std::optional<OutboxMessage>> Outbox::first(const std::function<bool(std::uint64_t key)>& may) {
  const std::lock_guard guard(mutex_);
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (!may(at->second.key)) {
      ++at;
      continue;
    }
    Result<std::string> body = read_file(path(kWaiting, at->first, at->second));
    if (body.ok()) return std::optional(OutboxMessage{at->first, at->second.key, at->second.id, std::move(*body)});
    if (body.status().code != Code::no_input) return Status::error(Code::io_error, body.status().message);
    ids_.erase(at->second.id);
    at = waiting_.erase(at);
  }
  return std::optional<OutboxMessage>{};
}

Status Outbox::move(const OutboxMessage& message, std::string_view part, Names& names, std::string_view answer) {
  const Name name{message.key, message.id};
  if (!answer.empty())
    if (Status status = replace_file(path(part, message.number, name) + std::string(kAnswer), answer); !status.ok())
      return status;
  const std::lock_guard guard(mutex_);
  if (Status status = move_file(path(kWaiting, message.number, name), path(part, message.number, name)); !status.ok())
    return status;
  ::unlink(note_path(message).c_str());
  waiting_.erase(message.number);
  names.emplace(message.number, name);
  while (names.size() > limit_) {
    const auto& [number, oldest] = *names.begin();
    const std::string file = path(part, number, oldest);
    ::unlink(file.c_str());
    ::unlink((file + std::string(kAnswer)).c_str());
    ids_.erase(oldest.id);
    names.erase(names.begin());
  }
  return {};
}

Status Outbox::sent(const OutboxMessage& message, std::string_view answer) { return move(message, kSent, sent_, answer); }

Status Outbox::refused(const OutboxMessage& message, std::string_view answer) {
  return move(message, kRefused, refused_, answer);
}

std::string Outbox::note_path(const OutboxMessage& message) const {
  return path(kWaiting, message.number, {message.key, message.id}) + std::string(kAttempt);
}

Status Outbox::note_attempt(const OutboxMessage& message, std::string_view note) {
  return replace_file(note_path(message), note);
}

Result<std::string> Outbox::attempt_noted(const OutboxMessage& message) const {
  Result<std::string> note = read_file(note_path(message));
  if (!note.ok() && note.status().code == Code::no_input) return std::string();
  return note;
}

Result<Outbox::Kept> Outbox::find(std::string_view id) const {
  Kept kept;
  std::string file;
  {
    const std::lock_guard guard(mutex_);
    if (!ids_.contains(std::string(id))) return kept;
    const auto look = [&](const Names& names, Place place, std::string_view part) {
      const auto at = std::ranges::find(names, id, [](const auto& entry) -> const std::string& { return entry.second.id; });
      if (at == names.end()) return;
      kept.place = place;
      file = path(part, at->first, at->second);
    };
    look(waiting_, Place::waiting, kWaiting);
    look(sent_, Place::sent, kSent);
    look(refused_, Place::refused, kRefused);
  }
  if (kept.place == Place::unknown || kept.place == Place::waiting) return kept;
  Result<std::string> answer = read_file(file + std::string(kAnswer));
  if (answer.ok()) kept.answer = std::move(*answer);
  else if (answer.status().code != Code::no_input) return answer.status();
  return kept;
}

std::size_t Outbox::waiting() const {
  const std::lock_guard guard(mutex_);
  return waiting_.size();
}

std::uint64_t Outbox::repeated() const {
  const std::lock_guard guard(mutex_);
  return repeated_;
}

}  // namespace twinpipe
