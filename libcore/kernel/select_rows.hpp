// SPDX-License-Identifier: Apache-2.0
// Rows of a columnar message of any kind: Aggregates, Spectra. For what comes in hundreds a second, not in millions.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <span>

#include "wire/status.hpp"

namespace twinpipe {

/// Copies the rows of `from` into `to`, an empty message of the same type: every repeated field is a column of `rows` entries, or
/// absent, except repeated messages, whose own repeated fields are columns. Single fields are copied.
/// Errors (bad_data): a column of another length.
Status select_rows(const google::protobuf::Message& from, std::size_t rows, std::span<const std::uint32_t> selection,
                   google::protobuf::Message& to);

}  // namespace twinpipe
