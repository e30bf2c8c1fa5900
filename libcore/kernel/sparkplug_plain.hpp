// SPDX-License-Identifier: Apache-2.0
// Readings as the text or JSON of a plain topic's message.
#pragma once

#include <string>

#include "kernel/sparkplug_edge_node.hpp"
#include "wire/status.hpp"

namespace twinpipe::sparkplug {

/// The value alone: the shortest digits that read back as the same number, true, false, the string itself; of a null,
/// nothing. Errors (bad_data): bytes.
Result<std::string> plain_text(const ColumnValue& value, const EdgeRow& row);

/// {"time":"2026-01-31T23:59:59.123Z","value":21.5} with "quality" unless it is good and "historical" where it is true.
/// Not-a-number and infinities, which JSON lacks, are the strings "NaN", "Infinity" and "-Infinity". Errors (bad_data):
/// bytes.
Result<std::string> plain_json(const ColumnValue& value, const EdgeRow& row);

}  // namespace twinpipe::sparkplug
