// SPDX-License-Identifier: Apache-2.0
// Errors as values: what went wrong, where in the stream, and which exit code that is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace twinpipe {

/// The toolkit's exit codes; the names and numbers from 64 on are those of sysexits(3).
enum class Code : int {
  ok = 0,
  finding = 1,  // the tool's own negative finding, documented per tool
  usage = 64,
  bad_data = 65,
  no_input = 66,
  unavailable = 69,
  internal = 70,
  cant_create = 73,
  io_error = 74,
  temporary = 75,
  no_permission = 77,
  bad_config = 78,
};

/// Outcome of an operation. `message` is one line for people: "what: cause". `frame` (counted from 1) and `offset`
/// (bytes from the start of the input) name the place in a stream, where there is one.
struct [[nodiscard]] Status {
  Code code = Code::ok;
  std::string message;
  std::optional<std::uint64_t> frame;
  std::optional<std::uint64_t> offset;

  bool ok() const { return code == Code::ok; }
  static Status error(Code code, std::string message) { return {code, std::move(message), {}, {}}; }
};

/// A value, or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : state_(std::move(status)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return std::holds_alternative<T>(state_); }
  const Status& status() const { return std::get<Status>(state_); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace twinpipe
