// SPDX-License-Identifier: Apache-2.0
// Units as plants spell them: anchors that everybody knows, spellings with several meanings, what does not convert.
#include "kernel/units.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace twinpipe;

namespace {

const Units& units() {
  static const Result<Units> loaded = Units::load();
  REQUIRE(loaded.ok());
  return *loaded;
}

}  // namespace

TEST_CASE("anchors: what everybody knows is exact") {
  struct Anchor {
    const char* from;
    double value;
    const char* to;
    double expected;
  };
  const Anchor anchor = GENERATE(
      Anchor{"degF", 212, "degC", 100}, Anchor{"degF", 32, "degC", 0}, Anchor{"degF", -40, "degC", -40},
      Anchor{"degC", 100, "degF", 212}, Anchor{"degC", 0, "K", 273.15}, Anchor{"K", 273.15, "degC", 0},
      Anchor{"Cel", 25, "K", 298.15}, Anchor{"C", 25, "degC", 25}, Anchor{"F", 50, "°C", 10}, Anchor{"FAH", 50, "CEL", 10},
      Anchor{"g", 1, "m/s2", 9.80665}, Anchor{"m/s²", 9.80665, "g", 1}, Anchor{"mg", 1000, "m/s2", 9.80665},
      Anchor{"g", 500, "kg", 0.5}, Anchor{"in/s", 1, "mm/s", 25.4}, Anchor{"ips", 2, "mm/s", 50.8},
      Anchor{"mm/s", 25.4, "in/s", 1}, Anchor{"psi", 14.5, "kPa", 14.5 * 6.894757293168361}, Anchor{"bar", 1, "kPa", 100},
      Anchor{"barg", 2, "kPag", 200}, Anchor{"mil", 1, "um", 25.4}, Anchor{"rpm", 3000, "Hz", 50},
      Anchor{"rpm", 60, "rad/s", 2 * M_PI}, Anchor{"RPS", 1, "rpm", 60}, Anchor{"kWh", 1, "MJ", 3.6}, Anchor{"Nm", 1, "N.m", 1},
      Anchor{"%", 50, "1", 0.5}, Anchor{"gpm", 1, "L/min", 3.785411784}, Anchor{"inH2O", 1, "Pa", 249.08891},
      Anchor{"pH", 7, "pH", 7}, Anchor{"kVA", 1, "VA", 1000});
  CAPTURE(anchor.from, anchor.value, anchor.to);
  const Result<Conversion> conversion = units().conversion(anchor.from, anchor.to);
  REQUIRE(conversion.ok());
  CHECK((*conversion)(anchor.value) == Approx(anchor.expected).epsilon(3e-16).margin(0));
}

TEST_CASE("what does not convert is refused, not guessed") {
  struct Pair {
    const char *from, *to, *message;
  };
  const Pair pair = GENERATE(
      Pair{"degC", "bar", "\"degC\" does not convert to \"bar\""}, Pair{"bananas", "K", "the unit \"bananas\" is not known"},
      Pair{"", "K", "no unit is declared"}, Pair{"  ", "K", "no unit is declared"},
      Pair{"barg", "bar", "\"barg\" does not convert to \"bar\""}, Pair{"Hz", "rad/s", "\"Hz\" does not convert to \"rad/s\""},
      Pair{"kVA", "kW", "\"kVA\" does not convert to \"kW\""}, Pair{"V.A", "kW", "\"V.A\" does not convert to \"kW\""},
      Pair{"dB", "1", "\"dB\" does not convert to \"1\""},
      Pair{"K", "furlongs per fortnite", "the unit \"furlongs per fortnite\" is not known"});
  CAPTURE(pair.from, pair.to);
  const Result<Conversion> conversion = units().conversion(pair.from, pair.to);
  REQUIRE(!conversion.ok());
  CHECK(conversion.status().code == Code::bad_data);
  CHECK(conversion.status().message == pair.message);
}

TEST_CASE("every industrial spelling means something to UDUNITS, and converts to itself and back") {
  for (const char* spelling : {"C", "g", "rpm", "barg", "pH", "Nm3/h"}) {
    const auto meanings = industry_meanings(spelling);
    REQUIRE(!meanings.empty());
    for (const UnitMeaning& meaning : meanings) CHECK(units().check(meaning.definition).ok());
  }
  CHECK(industry_meanings("no such thing").empty());
}
