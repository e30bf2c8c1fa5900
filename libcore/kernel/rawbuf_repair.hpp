// SPDX-License-Identifier: Apache-2.0
// Damage in a buffer: finding all of it, and writing segments anew with every record that is whole.
#pragma once

#include <string>
#include <vector>

#include "kernel/rawbuf_segment.hpp"

namespace twinpipe::rawbuf {

struct Finding {
  std::string file;
  Damage damage;
  std::string text() const;
};

/// Reads every byte of a segment: the records one by one, whether there is an index or not, and what they hold. `being_written`:
/// its end may be under way.
Status examine(Disk& disk, std::uint64_t first, bool being_written, std::vector<Finding>& findings);

/// Replaces a damaged segment; the old file stays under its name with ".damaged". Returns its entry for the catalog.
Result<CatalogEntry> rewrite(Disk& disk, std::uint64_t first);

/// Writes the catalog anew without its damaged entries. Errors: io_error, cant_create.
Status rewrite_catalog(Disk& disk, const std::vector<CatalogEntry>& repaired);

}  // namespace twinpipe::rawbuf
