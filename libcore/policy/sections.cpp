// SPDX-License-Identifier: Apache-2.0
// The sections that a policy file may have, and the parameters of their rules.
#include <array>

#include "policy/policy.hpp"

namespace twinpipe {
namespace {

using enum ParameterKind;

constexpr std::array kDeadband{
    Parameter{"absolute", number},     // greatest |value − held| that is suppressed, in the series' unit
    Parameter{"percent", number},      // the same in per cent of the engineering range
    Parameter{"heartbeat", duration},  // longest silence
    Parameter{"shortest", duration},   // shortest interval between two readings
};
constexpr std::array<std::string_view, 2> kReports{"periodic", "on-change"};
constexpr std::array kFreshness{
    Parameter{"slo", duration},               // older than this is stale
    Parameter{"reports", text, 0, kReports},  // how the sensor speaks: fresh by its own readings, or while its node lives
};
constexpr std::array<std::string_view, 4> kWeighting{"auto", "count", "step", "linear"};
constexpr std::array kWinAgg{
    Parameter{"window", duration},                // length
    Parameter{"slide", duration},                 // from one window's start to the next one's; divides the window
    Parameter{"lateness", duration},              // how long after a window's end readings still correct it
    Parameter{"period", duration},                // between two readings, as expected
    Parameter{"heartbeat", duration},             // longest silence that a time-weighted row bridges
    Parameter{"weighting", text, 0, kWeighting},  // of readings, or of the time between them
};
constexpr std::array kSections{
    Section{"deadband", kDeadband},
    Section{"freshness", kFreshness},
    Section{"winagg", kWinAgg},
};

}  // namespace

std::span<const Section> policy_sections() { return kSections; }

}  // namespace twinpipe
