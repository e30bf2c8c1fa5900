// SPDX-License-Identifier: Apache-2.0
// How industry spells its units, where UDUNITS does not know the spelling or reads something else into it.
#include <algorithm>
#include <array>

#include "kernel/units.hpp"

namespace twinpipe {
namespace {

constexpr auto kMeanings = [] {
  std::array meanings{
      // Temperature. UDUNITS reads C as coulomb and F as farad.
      UnitMeaning{"C", "degC"}, UnitMeaning{"Cel", "degC"}, UnitMeaning{"CEL", "degC"}, UnitMeaning{"deg C", "degC"},
      UnitMeaning{"Deg C", "degC"}, UnitMeaning{"DegC", "degC"}, UnitMeaning{"DEGC", "degC"}, UnitMeaning{"ºC", "degC"},
      UnitMeaning{"° C", "degC"}, UnitMeaning{"Celsius", "degC"}, UnitMeaning{"F", "degF"}, UnitMeaning{"FAH", "degF"},
      UnitMeaning{"[degF]", "degF"}, UnitMeaning{"deg F", "degF"}, UnitMeaning{"Deg F", "degF"}, UnitMeaning{"DegF", "degF"},
      UnitMeaning{"DEGF", "degF"}, UnitMeaning{"ºF", "degF"}, UnitMeaning{"° F", "degF"}, UnitMeaning{"Fahrenheit", "degF"},
      UnitMeaning{"KEL", "K"}, UnitMeaning{"Kelvin", "K"},
      // Acceleration: g is the gram to UDUNITS, and free fall to everybody who measures vibration.
      UnitMeaning{"g", "standard_free_fall"}, UnitMeaning{"G", "standard_free_fall"}, UnitMeaning{"gn", "standard_free_fall"},
      UnitMeaning{"[g]", "standard_free_fall"}, UnitMeaning{"K40", "standard_free_fall"},
      UnitMeaning{"mg", "0.001 standard_free_fall"}, UnitMeaning{"MSK", "m/s2"}, UnitMeaning{"M39", "cm/s2"},
      UnitMeaning{"M41", "mm/s2"},
      // Velocity, length.
      UnitMeaning{"ips", "in/s"}, UnitMeaning{"IU", "in/s"}, UnitMeaning{"[in_i]/s", "in/s"}, UnitMeaning{"C16", "mm/s"},
      UnitMeaning{"2M", "cm/s"}, UnitMeaning{"MTS", "m/s"}, UnitMeaning{"KMH", "km/h"}, UnitMeaning{"FS", "ft/s"},
      UnitMeaning{"MTR", "m"}, UnitMeaning{"MMT", "mm"}, UnitMeaning{"CMT", "cm"}, UnitMeaning{"KMT", "km"},
      UnitMeaning{"4H", "um"}, UnitMeaning{"C45", "nm"}, UnitMeaning{"INH", "in"}, UnitMeaning{"[in_i]", "in"},
      UnitMeaning{"FOT", "ft"}, UnitMeaning{"[ft_i]", "ft"}, UnitMeaning{"mils", "mil"}, UnitMeaning{"thou", "mil"},
      // Turning. A number of turns a minute is an angle a second and a frequency too, by different factors.
      UnitMeaning{"rpm", "rpm"}, UnitMeaning{"rpm", "1/min"}, UnitMeaning{"RPM", "rpm"}, UnitMeaning{"RPM", "1/min"},
      UnitMeaning{"r/min", "rpm"}, UnitMeaning{"r/min", "1/min"}, UnitMeaning{"rev/min", "rpm"}, UnitMeaning{"rev/min", "1/min"},
      UnitMeaning{"M46", "rpm"}, UnitMeaning{"M46", "1/min"}, UnitMeaning{"RPS", "60 rpm"}, UnitMeaning{"RPS", "1/s"},
      UnitMeaning{"r/s", "60 rpm"}, UnitMeaning{"r/s", "1/s"}, UnitMeaning{"cpm", "1/min"}, UnitMeaning{"CPM", "1/min"},
      UnitMeaning{"HTZ", "Hz"}, UnitMeaning{"KHZ", "kHz"}, UnitMeaning{"MHZ", "MHz"}, UnitMeaning{"deg", "arc_degree"},
      UnitMeaning{"DD", "arc_degree"}, UnitMeaning{"C81", "rad"}, UnitMeaning{"2A", "rad/s"},
      // Pressure. What is measured against the air outside converts to no absolute pressure.
      UnitMeaning{"PAL", "Pa"}, UnitMeaning{"KPA", "kPa"}, UnitMeaning{"MPA", "MPa"}, UnitMeaning{"A97", "hPa"},
      UnitMeaning{"BAR", "bar"}, UnitMeaning{"Bar", "bar"}, UnitMeaning{"MBR", "mbar"}, UnitMeaning{"PS", "psi"},
      UnitMeaning{"PSI", "psi"}, UnitMeaning{"[psi]", "psi"}, UnitMeaning{"lbf/in2", "psi"}, UnitMeaning{"lbf/in²", "psi"},
      UnitMeaning{"psia", "psi"}, UnitMeaning{"bara", "bar"}, UnitMeaning{"bar(a)", "bar"}, UnitMeaning{"kPaa", "kPa"},
      UnitMeaning{"psig", "psi", "gauge"}, UnitMeaning{"PSIG", "psi", "gauge"}, UnitMeaning{"barg", "bar", "gauge"},
      UnitMeaning{"bar(g)", "bar", "gauge"}, UnitMeaning{"barG", "bar", "gauge"}, UnitMeaning{"kPag", "kPa", "gauge"},
      UnitMeaning{"kPa(g)", "kPa", "gauge"}, UnitMeaning{"MPag", "MPa", "gauge"}, UnitMeaning{"mbarg", "mbar", "gauge"},
      UnitMeaning{"inH2O", "249.08891 Pa"}, UnitMeaning{"inH₂O", "249.08891 Pa"}, UnitMeaning{"F78", "249.08891 Pa"},
      UnitMeaning{"mmH2O", "9.80665 Pa"}, UnitMeaning{"HP", "9.80665 Pa"}, UnitMeaning{"mH2O", "9806.65 Pa"},
      UnitMeaning{"inHg", "3386.389 Pa"}, UnitMeaning{"F79", "3386.389 Pa"}, UnitMeaning{"HN", "133.3224 Pa"},
      // Flow, volume.
      UnitMeaning{"MQH", "m3/h"}, UnitMeaning{"MQS", "m3/s"}, UnitMeaning{"L2", "L/min"}, UnitMeaning{"lpm", "L/min"},
      UnitMeaning{"LPM", "L/min"}, UnitMeaning{"gpm", "231 in3/min"}, UnitMeaning{"GPM", "231 in3/min"},
      UnitMeaning{"G2", "231 in3/min"}, UnitMeaning{"cfm", "ft3/min"}, UnitMeaning{"CFM", "ft3/min"},
      UnitMeaning{"2L", "ft3/min"}, UnitMeaning{"2K", "ft3/h"}, UnitMeaning{"KGS", "kg/s"}, UnitMeaning{"E93", "kg/h"},
      UnitMeaning{"LTR", "L"}, UnitMeaning{"MLT", "mL"}, UnitMeaning{"MTK", "m2"}, UnitMeaning{"MTQ", "m3"},
      UnitMeaning{"DMQ", "dm3"}, UnitMeaning{"GLL", "231 in3"}, UnitMeaning{"GLI", "4.54609 L"},
      UnitMeaning{"Nm3/h", "m3/h", "normal"}, UnitMeaning{"Nm³/h", "m3/h", "normal"},
      // Mass, force, torque, viscosity.
      UnitMeaning{"KGM", "kg"}, UnitMeaning{"GRM", "gram"}, UnitMeaning{"TNE", "t"}, UnitMeaning{"LBR", "lb"},
      UnitMeaning{"lbs", "lb"}, UnitMeaning{"KMQ", "kg/m3"}, UnitMeaning{"23", "g/cm3"}, UnitMeaning{"NEW", "N"},
      UnitMeaning{"B47", "kN"}, UnitMeaning{"NU", "N.m"}, UnitMeaning{"Nm", "N.m"}, UnitMeaning{"4P", "N/m"},
      UnitMeaning{"4C", "cSt"}, UnitMeaning{"C65", "Pa.s"}, UnitMeaning{"cP", "mPa.s"},
      // Electricity, energy, power. Active, apparent and reactive power do not convert into each other.
      UnitMeaning{"VLT", "V"}, UnitMeaning{"2Z", "mV"}, UnitMeaning{"KVT", "kV"}, UnitMeaning{"AMP", "A"},
      UnitMeaning{"4K", "mA"}, UnitMeaning{"OHM", "ohm"}, UnitMeaning{"B75", "Mohm"}, UnitMeaning{"D10", "S/m"},
      UnitMeaning{"H61", "mS/cm"}, UnitMeaning{"JOU", "J"}, UnitMeaning{"KJO", "kJ"}, UnitMeaning{"GV", "GJ"},
      UnitMeaning{"Wh", "W.h"}, UnitMeaning{"WHR", "W.h"}, UnitMeaning{"kWh", "kW.h"}, UnitMeaning{"KWH", "kW.h"},
      UnitMeaning{"MWh", "MW.h"}, UnitMeaning{"MWH", "MW.h"}, UnitMeaning{"WTT", "W"}, UnitMeaning{"KWT", "kW"},
      UnitMeaning{"MAW", "MW"}, UnitMeaning{"VA", "W", "apparent"}, UnitMeaning{"V.A", "W", "apparent"},
      UnitMeaning{"V·A", "W", "apparent"}, UnitMeaning{"V*A", "W", "apparent"}, UnitMeaning{"V A", "W", "apparent"},
      UnitMeaning{"kV.A", "kW", "apparent"}, UnitMeaning{"kV·A", "kW", "apparent"}, UnitMeaning{"kV*A", "kW", "apparent"},
      UnitMeaning{"kV A", "kW", "apparent"}, UnitMeaning{"MVA", "MW", "apparent"}, UnitMeaning{"MV.A", "MW", "apparent"},
      UnitMeaning{"MV·A", "MW", "apparent"}, UnitMeaning{"Mvar", "MW", "reactive"}, UnitMeaning{"kVAR", "kW", "reactive"},
      UnitMeaning{"VAR", "W", "reactive"}, UnitMeaning{"kVA", "kW", "apparent"}, UnitMeaning{"D46", "W", "apparent"},
      UnitMeaning{"KVA", "kW", "apparent"}, UnitMeaning{"var", "W", "reactive"}, UnitMeaning{"kvar", "kW", "reactive"},
      UnitMeaning{"kVAr", "kW", "reactive"}, UnitMeaning{"KVR", "kW", "reactive"}, UnitMeaning{"BHP", "745.69987158227022 W"},
      UnitMeaning{"hp", "745.69987158227022 W"}, UnitMeaning{"HJ", "735.49875 W"},
      // Time.
      UnitMeaning{"SEC", "s"}, UnitMeaning{"sec", "s"}, UnitMeaning{"C26", "ms"}, UnitMeaning{"MIN", "min"},
      UnitMeaning{"HUR", "h"}, UnitMeaning{"hr", "h"}, UnitMeaning{"hrs", "h"}, UnitMeaning{"DAY", "day"},
      // Ratios and scales of their own. UDUNITS reads pH as the picohenry.
      UnitMeaning{"P1", "%"}, UnitMeaning{"pct", "%"}, UnitMeaning{"Percent", "%"}, UnitMeaning{"59", "ppm"},
      UnitMeaning{"61", "1e-9"}, UnitMeaning{"ppb", "1e-9"}, UnitMeaning{"[ppm]", "ppm"}, UnitMeaning{"C62", "1"},
      UnitMeaning{"%RH", "%", "relative humidity"}, UnitMeaning{"% RH", "%", "relative humidity"}, UnitMeaning{"pH", "1", "pH"},
      UnitMeaning{"dB", "1", "dB"}, UnitMeaning{"2N", "1", "dB"}, UnitMeaning{"dBA", "1", "dB(A)"},
      UnitMeaning{"dB(A)", "1", "dB(A)"}, UnitMeaning{"LUX", "lx"}, UnitMeaning{"CDL", "cd"}};
  // Stable by hand: std::stable_sort is no constant expression. Meanings of one spelling keep their order.
  for (std::size_t i = 1; i < meanings.size(); ++i)
    for (std::size_t at = i; at > 0 && meanings[at].spelling < meanings[at - 1].spelling; --at)
      std::swap(meanings[at], meanings[at - 1]);
  return meanings;
}();

}  // namespace

std::span<const UnitMeaning> industry_meanings(std::string_view spelling) {
  return std::ranges::equal_range(kMeanings, spelling, {}, &UnitMeaning::spelling);
}

}  // namespace twinpipe
