// SPDX-License-Identifier: Apache-2.0
// The sections that a policy file may have, and the parameters of their rules.
#include <array>

#include "policy/policy.hpp"

namespace twinpipe {
namespace {

using enum ParameterKind;

constexpr std::array kDeadband{
    Parameter{"absolute", number},               // greatest |value − held| that is suppressed, in the series' unit
    Parameter{"percent", number},                // the same in per cent of the engineering range
    Parameter{"previous", boolean},              // the last reading suppressed is sent before the one that passes
    Parameter{"swinging_door", number},          // greatest |value − straight line|, in the series' unit
    Parameter{"swinging_door_percent", number},  // the same in per cent of the engineering range
    Parameter{"heartbeat", duration},            // longest silence
    Parameter{"shortest", duration},             // shortest interval between two readings
};
constexpr std::array<std::string_view, 2> kReports{"periodic", "on-change"};
constexpr std::array kFreshness{
    Parameter{"slo", duration},               // older than this is stale
    Parameter{"reports", text, 0, kReports},  // how the sensor speaks: fresh by its own readings, or while its node lives
};
constexpr std::array kSections{
    Section{"deadband", kDeadband},
    Section{"freshness", kFreshness},
};

}  // namespace

std::span<const Section> policy_sections() { return kSections; }

}  // namespace twinpipe
