// SPDX-License-Identifier: Apache-2.0
// The way back from quarantine: which rejects pass under another policy, and those as a stream of historical data.
#pragma once

#include <vector>

#include "kernel/expectations.hpp"
#include "kernel/reject_ledger.hpp"
#include "wire/output.hpp"

namespace twinpipe {

/// May it come back at all? What was dropped is gone, what was warned of has passed.
bool is_releasable(const v1::Reject& reject);

/// Of those that may come back, the first of each original that nothing became of yet, sorted by
/// event time and name.
std::vector<v1::Reject> waiting(std::vector<v1::Reject> rejects, const RejectLedger& ledger);

/// Which of them, sorted, pass under `policy`. Each is held against its rules alone: the values that it was compared with are not
/// here. So one that broke a rule of rate, stuck value or future stays as long as a rule of that name, of such a kind, applies
/// to its series. Errors: bad_config.
Result<std::vector<bool>> passing(const std::vector<v1::Reject>& rejects, const Policy& policy);

/// The stream of one release: a segment with declarations of its own. The same release gives the same bytes.
void write_release(const Release& release, Output& out);

}  // namespace twinpipe
