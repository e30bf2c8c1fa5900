// SPDX-License-Identifier: Apache-2.0
// Runs a command of the shell and hands it text.
#pragma once

#include <string>
#include <string_view>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// `sh -c command` with `input` on its standard input; its standard output goes where our standard error goes. Gives its exit
/// code, or 128 and the signal that ended it. It has a process group of its own, which is killed after `timeout`. A command that
/// does not read its input is no error. Errors: temporary (timeout), internal.
Result<int> run_command(const std::string& command, std::string_view input, Nanos timeout);

}  // namespace twinpipe
