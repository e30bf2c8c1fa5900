// SPDX-License-Identifier: Apache-2.0
// Two streams side by side: what the second saves, and what its readings are still good for; as a table and as JSON.
#pragma once

#include <string>

#include "kernel/egress.hpp"

namespace twinpipe {

struct EgressReport {
  const Routes& routes;
  const EgressCounts& before;
  const EgressCounts& after;
  const Reconstruction& reconstruction;

  std::string text() const;
  std::string json() const;
};

}  // namespace twinpipe
