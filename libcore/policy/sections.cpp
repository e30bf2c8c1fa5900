// SPDX-License-Identifier: Apache-2.0
// The sections that a policy file may have, and the parameters of their rules.
#include <array>
#include <limits>

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
constexpr double kAnyNumber = -std::numeric_limits<double>::infinity();
constexpr std::array kExcPass{
    Parameter{"signal", text},               // value, rate, band:NAME, total, rms, …; `value` when absent
    Parameter{"above", number, kAnyNumber},  // crossed by a greater value
    Parameter{"below", number, kAnyNumber},  // crossed by a smaller value
    Parameter{"hysteresis", number},         // how far a value has to come back
    Parameter{"on_delay", duration},         // how long the condition has to hold
    Parameter{"pre", duration},              // raw from so long before the crossing passes
    Parameter{"post", duration},             // and until so long behind its end
    Parameter{"passes", text},               // glob over the sensors of the asset whose raw passes
    Parameter{"budget", number},             // bytes of raw an hour and asset
};
constexpr std::array kSections{
    Section{"deadband", kDeadband},
    Section{"exc-pass", kExcPass},
    Section{"freshness", kFreshness},
};

}  // namespace

std::span<const Section> policy_sections() { return kSections; }

}  // namespace twinpipe
