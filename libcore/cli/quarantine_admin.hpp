// SPDX-License-Identifier: Apache-2.0
// The commands of quarantine over files of rejects: ls, show, stats, release, discard.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.hpp"
#include "policy/policy.hpp"

namespace twinpipe::cli {

/// Which rejects a command is about.
struct RejectChoice {
  std::string command;
  std::vector<std::string> files;     // none: standard input, where a command can do with it
  std::vector<std::string> patterns;  // of series; any of them
  std::string rule;                   // glob over names of rules
  std::string from, to;               // event times, the end exclusive
  std::string reason;                 // discard: why
  bool json = false;
};

/// ls, show, stats. What became of the rejects is in the ledgers beside the files.
Status quarantine_report(Tool& tool, const RejectChoice& choice);

/// Writes those of the chosen rejects that pass under `policy` on standard output, each in one release: the ledger beside the
/// file says which have left. A release that a killed process left behind leaves first, as it was. `again`: that release alone,
/// byte for byte; 0: none. Errors: temporary (another release or discard is at work), bad_data (the file or its ledger is
/// damaged).
Status quarantine_release(Tool& tool, const RejectChoice& choice, const Policy& policy, std::uint64_t again);

/// Takes the chosen rejects out of what can be released, and leaves their tombstones in the ledger.
Status quarantine_discard(Tool& tool, const RejectChoice& choice);

}  // namespace twinpipe::cli
