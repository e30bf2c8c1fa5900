// SPDX-License-Identifier: Apache-2.0
// Kafka transactions.
#include "client/kafka_transaction.hpp"

#include <fmt/format.h>

#include "io/waiter.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using Error = Kafka<rd_kafka_error_t>;

bool is_fenced(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

}  // namespace

bool KafkaTransaction::expired() const {
  // A tenth less than the broker allows: its clock started with the first record that reached it, ours before, but the commit has
  // to get there.
  return open() && monotonic_now() - begun_ > timeout_ / 10 * 9;
}

Status KafkaTransaction::failed(const std::string& what, const rd_kafka_error_t& error) const {
  const rd_kafka_resp_err_t code = rd_kafka_error_code(&error);
  if (!is_fenced(code)) return kafka_error(what, code, rd_kafka_error_string(&error));
  // The broker shuts out the producer of a transaction that was open for too long in the same words.
  if (expired())
    return Status::error(Code::temporary,
                         fmt::format("{}: the transaction was open for longer than {}, and the broker took it back", what,
                                     format_duration(timeout_)));
  return Status::error(
      Code::bad_config,
      fmt::format("{}: another producer has taken over the transactional id {}; one at a time may use it", what, id_));
}

Status KafkaTransaction::start(rd_kafka_t* handle, Nanos patience) {
  handle_ = handle;
  const Error error(rd_kafka_init_transactions(handle, as_milliseconds(patience)));
  if (!error) return {};
  const Status status = failed(fmt::format("transactional id {}", id_), *error);
  // Who answers metadata requests and has no coordinator yet is starting.
  return rd_kafka_error_is_retriable(error.get()) ? Status::error(Code::unavailable, status.message) : status;
}

Status KafkaTransaction::begin() {
  const Error error(rd_kafka_begin_transaction(handle_));
  if (error) return failed("cannot begin a transaction", *error);
  begun_ = monotonic_now();
  return {};
}

Result<bool> KafkaTransaction::commit(Nanos patience) {
  const Error error(rd_kafka_commit_transaction(handle_, as_milliseconds(patience)));
  if (!error) {
    begun_ = 0;
    return true;
  }
  if (rd_kafka_error_is_retriable(error.get())) return false;
  return failed("not committed", *error);
}

Status KafkaTransaction::abort(Nanos patience) {
  if (!open()) return {};
  const Error error(rd_kafka_abort_transaction(handle_, as_milliseconds(patience)));
  const Status status = error ? failed("not aborted", *error) : Status{};
  begun_ = 0;  // whatever became of it: the broker takes it back in time
  return status;
}

}  // namespace twinpipe
