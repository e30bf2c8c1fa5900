// SPDX-License-Identifier: Apache-2.0
// The sections that a policy file may have, and the parameters of their rules.
#include <array>
#include <limits>

#include "policy/policy.hpp"

namespace twinpipe {
namespace {

using enum ParameterKind;

constexpr std::array<std::string_view, 6> kConditions{"alarm", "stale", "exception", "quarantine", "dead", "blind"};
constexpr std::array<std::string_view, 3> kSeverities{"info", "warning", "critical"};
constexpr std::array<std::string_view, 3> kGroups{"none", "node", "site"};
constexpr std::array kAlert{
    Parameter{"on", text, 0, kConditions},        // which condition; rules of different ones apply beside each other
    Parameter{"severity", text, 0, kSeverities},  // `warning` when absent
    Parameter{"values", list},                    // of an alarm: those that are
    Parameter{"normal", list},                    // or those that are not
    Parameter{"exception", text},                 // glob over the rules of exc-pass
    Parameter{"count", number, 1},                // of rejects of a series
    Parameter{"span", duration},                  // within so much event time
    Parameter{"on_delay", duration},              // how long it has to hold before it is told
    Parameter{"off_delay", duration},             // how long it has to be over
    Parameter{"group", text, 0, kGroups},         // whose conditions are told in one message
    Parameter{"group_wait", duration},            // how long the first of them waits for the others
    Parameter{"notify", list},                    // recipients
    Parameter{"labels", text},                    // NAME=VALUE,NAME=VALUE
};
constexpr std::array kDeadband{
    Parameter{"absolute", number},               // greatest |value − held| that is suppressed, in the series' unit
    Parameter{"percent", number},                // the same in per cent of the engineering range
    Parameter{"previous", boolean},              // the last reading suppressed is sent before the one that passes
    Parameter{"swinging_door", number},          // greatest |value − straight line|, in the series' unit
    Parameter{"swinging_door_percent", number},  // the same in per cent of the engineering range
    Parameter{"heartbeat", duration},            // longest silence
    Parameter{"shortest", duration},             // shortest interval between two readings
};
constexpr std::array<std::string_view, 4> kWeighting{"auto", "count", "step", "linear"};
constexpr std::array<std::string_view, 17> kFunctions{"mean",
                                                      "min",
                                                      "max",
                                                      "std",
                                                      "rms",
                                                      "first",
                                                      "last",
                                                      "count",
                                                      "slope",
                                                      "rate",
                                                      "transitions",
                                                      "share",
                                                      "cycles_since_service",
                                                      "stale_share",
                                                      "correlation",
                                                      "since_birth",
                                                      "since_death"};
constexpr std::array kFeatures{
    Parameter{"feature", text},                   // the column; rules of different ones apply beside each other
    Parameter{"function", text, 0, kFunctions},   // what of the window
    Parameter{"of", text},                        // value, mean, rms, band:NAME@QUANTITY, …; `value` when absent
    Parameter{"window", duration},                // a multiple of the step
    Parameter{"with", text},                      // of a correlation: the asset's other sensor
    Parameter{"class", text},                     // glob over the registry's fact: only assets like it
    Parameter{"values", list},                    // of a state: those that count as on
    Parameter{"least", number},                   // share of the window that has to be covered
    Parameter{"slo", duration},                   // of stale_share: older than this is stale
    Parameter{"period", duration},                // between two readings, as expected
    Parameter{"heartbeat", duration},             // longest silence that a value bridges
    Parameter{"weighting", text, 0, kWeighting},  // of readings, or of the time between them
    Parameter{"step", duration},                  // of all: a row an asset at each multiple
    Parameter{"lateness", duration},              // of all: how far back corrections reach
};
constexpr std::array<std::string_view, 2> kReports{"periodic", "on-change"};
constexpr std::array kFreshness{
    Parameter{"slo", duration},               // older than this is stale
    Parameter{"reports", text, 0, kReports},  // how the sensor speaks: fresh by its own readings, or while its node lives
};
constexpr std::array<std::string_view, 5> kWindowFunctions{"rectangular", "hann", "hamming", "blackman", "flattop"};
constexpr std::array<std::string_view, 3> kDetrends{"none", "constant", "linear"};
constexpr std::array<std::string_view, 2> kPrecisions{"samples", "double"};
constexpr std::array kFftBands{
    Parameter{"segment", number, 2},                          // samples a transform
    Parameter{"overlap", number},                             // of segments, in per cent
    Parameter{"overlap_samples", number},                     // the same in samples
    Parameter{"window_function", text, 0, kWindowFunctions},  // periodic
    Parameter{"detrend", text, 0, kDetrends},                 // taken off each segment
    Parameter{"precision", text, 0, kPrecisions},             // of the transform
    Parameter{"window", duration},                            // joins waveforms; otherwise each is a spectrum
    Parameter{"join_tolerance", duration},                    // greatest distance between two that join
    Parameter{"acceleration", boolean},                       // the samples' own spectrum
    Parameter{"velocity", boolean},                           // its integral
    Parameter{"velocity_low", number},                        // Hz, where the integral begins
    Parameter{"envelope", boolean},                           // of the samples within a pass band
    Parameter{"envelope_low", number},                        // Hz, the pass band
    Parameter{"envelope_high", number},                       // Hz
    Parameter{"bands", bands},                                // of every quantity
    Parameter{"velocity_bands", bands},                       // instead of those, of the velocity
    Parameter{"envelope_bands", bands},                       // instead of those, of the envelope
    Parameter{"bearing_elements", number, 1},                 // rolling elements
    Parameter{"bearing_ball_diameter", number},               // in the same unit as
    Parameter{"bearing_pitch_diameter", number},              // the circle through their centres
    Parameter{"bearing_contact_angle", number},               // degrees
    Parameter{"bearing_harmonics", number, 1},                // of each fault frequency
    Parameter{"bearing_half_width", number},                  // of the bands around them, in per cent of their frequency
    Parameter{"bearing_half_width_hz", number},               // the same in Hz
    Parameter{"shaft_rpm", number},                           // turns a minute
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
constexpr std::array<std::string_view, 2> kLinks{"none", "logistic"};
constexpr std::array kScore{
    Parameter{"failure_mode", text},             // what is predicted; rules of different ones apply beside each other
    Parameter{"weights", numbers},               // of features
    Parameter{"bias", number, kAnyNumber},       // added to their sum
    Parameter{"link", text, 0, kLinks},          // what the sum goes through
    Parameter{"threshold", number, kAnyNumber},  // from this score on a row fires
    Parameter{"feature", text},                  // instead of weights: one feature,
    Parameter{"at_least", number, kAnyNumber},   // which fires from here up
    Parameter{"at_most", number, kAnyNumber},    // or from here down
    Parameter{"definition", text},               // digest that the rows must bear
};
constexpr std::array kWinAgg{
    Parameter{"window", duration},                // length
    Parameter{"slide", duration},                 // from one window's start to the next one's; divides the window
    Parameter{"lateness", duration},              // how long after a window's end readings still correct it
    Parameter{"period", duration},                // between two readings, as expected
    Parameter{"heartbeat", duration},             // longest silence that a time-weighted row bridges
    Parameter{"weighting", text, 0, kWeighting},  // of readings, or of the time between them
};
constexpr std::array kUnitNorm{
    Parameter{"unit", text},     // canonical
    Parameter{"assumed", text},  // what a device means that declares none
};
constexpr std::array<std::string_view, 8> kExpectations{"range", "not-null", "rate",   "stuck",
                                                        "set",   "unit",     "future", "timestamp"};
constexpr std::array<std::string_view, 4> kActions{"quarantine", "drop", "warn", "fail"};
constexpr std::array<std::string_view, 3> kOrigins{"metric", "payload", "arrival"};
constexpr std::array kQuarantine{
    Parameter{"expect", text, 0, kExpectations},  // what must hold
    Parameter{"action", text, 0, kActions},       // what happens to what breaks it
    Parameter{"min", number, kAnyNumber},         // range: least and greatest value, in the series' unit
    Parameter{"max", number, kAnyNumber},         //
    Parameter{"per_second", number},              // rate: greatest change in a second, in the series' unit
    Parameter{"longest", duration},               // stuck: how long a value may stay the same
    Parameter{"values", list},                    // set: the only ones there are
    Parameter{"unit", text},                      // unit: the canonical one
    Parameter{"skew", duration},                  // future: how far ahead of the source's clock
    Parameter{"origin", text, 0, kOrigins},       // timestamp: the weakest that will do
};
constexpr std::array kWorkOrder{
    Parameter{"failure_mode", text},   // glob over the failure modes of predictions; all when absent
    Parameter{"priority", text},       // in the words of the maintenance system; `medium` when absent
    Parameter{"confirm", text},        // N/M: so many fired rows among the last so many open an episode
    Parameter{"clear", duration},      // so much event time without a fired row ends it
    Parameter{"cool_down", duration},  // and no other begins before so much event time has passed
    Parameter{"template", text},       // which of the named templates shapes the order
    Parameter{"notify", list},         // recipients
    Parameter{"labels", text},         // NAME=VALUE,NAME=VALUE
};
constexpr std::array kSections{
    Section{"alert", kAlert, "on", ""},
    Section{"deadband", kDeadband},
    Section{"exc-pass", kExcPass, "signal", "value"},
    Section{"features", kFeatures, "feature", ""},
    Section{"fft-bands", kFftBands},
    Section{"freshness", kFreshness},
    Section{"quarantine", kQuarantine, "expect", "", "action", "quarantine"},
    Section{"score", kScore, "failure_mode", ""},
    Section{"unit-norm", kUnitNorm},
    Section{"winagg", kWinAgg},
    Section{"work-order", kWorkOrder, "failure_mode", "*"},
};

}  // namespace

std::span<const Section> policy_sections() { return kSections; }

}  // namespace twinpipe
