// SPDX-License-Identifier: Apache-2.0
// A progress bar with rate and time left on standard error, where that is a terminal; nothing elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "wire/frame.hpp"

namespace twinpipe::cli {

class Progress {
 public:
  /// `total`: of what update() is told; 0: not known. `unit`: "readings".
  Progress(std::uint64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Draws it anew, five times a second at most.
  void update(std::uint64_t done);
  /// Takes it off the screen, so that a message can stand there.
  void clear();

 private:
  bool shown_;
  std::uint64_t total_;
  std::string unit_;
  Nanos started_, next_;
  bool drawn_ = false;
};

/// "[=====>    ]  42 %  12.3 M readings/s  1m20s left"
std::string progress_line(std::uint64_t done, std::uint64_t total, const std::string& unit, Nanos elapsed);

}  // namespace twinpipe::cli
