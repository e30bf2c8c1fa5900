// SPDX-License-Identifier: Apache-2.0
// FftBands: what goes in, and what must come out.
#include "kernel/fft_bands.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"

using namespace twinpipe;

TEST_CASE("fft-bands passes readings on and counts them") {
  testing::StreamWriter writer;
  writer.series("node", "asset", {"sensor"}, 0);
  ReadingsBuilder readings;
  readings.add(0, 1 * kSecond, 20.5);
  readings.add(0, 2 * kSecond, 21.5);
  writer.out().readings(readings.columns());
  const std::string stream = writer.take();

  SeriesTable table;
  FftBands stage(table);
  Output out;
  REQUIRE(testing::drive(stream, stage, table, out).ok());
  CHECK(out.pending() == stream);
  CHECK(stage.counters().front().value == 2);
}
