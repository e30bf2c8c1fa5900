// SPDX-License-Identifier: Apache-2.0
// Positions in a compacted Kafka topic: the key is the transactional id, the value a segment with one Position frame.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/kafka_client.hpp"

namespace twinpipe {

/// The record's value.
std::string position_value(const v1::Position& position, std::string_view producer);

/// The newest Position that was committed under `id`; none: never, or there is no such topic. What is committed while this reads
/// may be missing: only a producer that has started() its transactions knows that nobody else commits. Errors: unavailable,
/// temporary, no_permission, bad_config, bad_data (a record of this key is no such segment).
Result<std::optional<v1::Position>> committed_position(const KafkaProperties& properties, Nanos connect_timeout,
                                                       const std::string& topic, const std::string& id);

}  // namespace twinpipe
