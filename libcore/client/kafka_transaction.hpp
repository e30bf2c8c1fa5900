// SPDX-License-Identifier: Apache-2.0
// Kafka transactions, one after another, under one transactional id.
#pragma once

#include <string>

#include "client/kafka_client.hpp"

namespace twinpipe {

class KafkaTransaction {
 public:
  /// `timeout`: for how long one may be open; what the producer's transaction.timeout.ms says.
  KafkaTransaction(std::string id, Nanos timeout) : id_(std::move(id)), timeout_(timeout) {}

  /// Shuts out every other producer of this id and settles the transaction that it left, one way or the other. Errors:
  /// unavailable (no coordinator within `patience`), bad_config, no_permission.
  Status start(rd_kafka_t* handle, Nanos patience);

  /// Errors: as commit().
  Status begin();
  bool open() const { return begun_ != 0; }
  Nanos begun() const { return begun_; }  // monotonic
  /// Open for so long that the broker may give it up at any moment.
  bool expired() const;

  /// Waits at most `patience`. False: not yet; only commit() may follow. Errors: bad_config (another producer took over the
  /// id), temporary (aborted), no_permission.
  Result<bool> commit(Nanos patience);
  /// Takes everything back, when there is something. Errors as commit().
  Status abort(Nanos patience);

 private:
  Status failed(const std::string& what, const rd_kafka_error_t& error) const;

  std::string id_;
  Nanos timeout_;
  rd_kafka_t* handle_ = nullptr;
  Nanos begun_ = 0;  // 0: none is open
};

}  // namespace twinpipe
