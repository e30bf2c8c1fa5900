// SPDX-License-Identifier: Apache-2.0
// plant-sim: a deterministic plant as frames, at any speed.
#include "cli/source.hpp"
#include "kernel/plant.hpp"
#include "kernel/plant_simple.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

struct Options {
  PlantOptions plant;
  std::uint32_t sensors = 10;
  bool simple = false, metrics_only = false;
  double speed = 0;  // plant seconds a second; 0: as fast as it goes
};

template <class Read>
CLI::Option* text_option(cli::Tool& tool, const std::string& name, const std::string& metavar, const std::string& description,
                         Read read) {
  return tool.app()
      .add_option(
          name,
          [read](const CLI::results_t& texts) {
            for (const std::string& text : texts)
              if (const Status status = read(text); !status.ok()) throw CLI::ValidationError(status.message);
            return true;
          },
          description)
      ->type_name(metavar);
}

void declare(cli::Tool& tool, Options& options) {
  PlantOptions& plant = options.plant;
  tool.option("--seed", plant.seed, "NUMBER", "Another seed, another plant")->capture_default_str();
  tool.option("--assets", plant.assets, "COUNT", "Machines in all")->capture_default_str();
  tool.option("--sites", plant.sites, "COUNT", "Sites they are spread over")->capture_default_str();
  tool.option("--lines", plant.lines, "COUNT", "Lines of a site; each is a node")->capture_default_str();
  tool.option("--first-line", plant.first_line, "NUMBER", "Number of a site's first line")->capture_default_str();
  text_option(tool, "--start", "TIME", "Time of the birth, or 'now'", [&plant](const std::string& text) {
    const Result<Nanos> time = text == "now" ? Result<Nanos>(wall_now() / kMillisecond * kMillisecond) : parse_time(text);
    if (time.ok()) plant.start = *time;
    return time.ok() ? Status{} : time.status();
  })->default_str(format_time(plant.start));
  cli::duration_option(tool, "--duration", plant.duration, "How long the plant runs; 0: without end");
  cli::duration_option(tool, "--tick", plant.tick, "Between two Watermarks of a node");
  cli::duration_option(tool, "--period", plant.period, "Between two readings of a slow series");
  cli::duration_option(tool, "--cycle", plant.cycle, "Of the load; states change at this scale");
  tool.option("--waveform-rate", plant.waveform_rate, "HERTZ", "Samples a second of vibration")->capture_default_str();
  cli::duration_option(tool, "--waveform-length", plant.waveform_length, "Of one waveform");
  cli::duration_option(tool, "--waveform-every", plant.waveform_every, "Between the starts of two waveforms; 0: none");
  tool.flag("--metrics-only", options.metrics_only, "No waveforms: as --waveform-every 0");
  text_option(tool, "--fault", "KIND:PATTERN:START:DURATION[:VALUE]", "Inject a fault; may be given more than once",
              [&plant](const std::string& text) {
                const Result<Fault> fault = Fault::parse(text);
                if (fault.ok()) plant.faults.push_back(*fault);
                return fault.ok() ? Status{} : fault.status();
              })
      ->take_all();
  text_option(tool, "--fahrenheit", "PATTERN",
              "Temperatures whose devices measure in degrees Fahrenheit; may be given more than once",
              [&plant](const std::string& text) {
                const Result<Pattern> pattern = Pattern::parse(text);
                if (pattern.ok()) plant.fahrenheit.push_back(*pattern);
                return pattern.ok() ? Status{} : pattern.status();
              })
      ->take_all();
  text_option(tool, "--speed", "FACTOR", "Plant seconds a second: max, 1x, 60x; data do not depend on it",
              [&options](const std::string& text) {
                const Result<double> speed = parse_speed(text);
                if (speed.ok()) options.speed = *speed;
                return speed.ok() ? Status{} : speed.status();
              })
      ->default_str("max");
  tool.option("--columns", plant.columns, "COUNT", "Greatest number of readings in a frame")->capture_default_str();
  tool.flag("--simple", options.simple, "Random walks only, as many a second as possible");
  tool.option("--sensors", options.sensors, "COUNT", "Sensors of an asset, with --simple")->capture_default_str();
}

Status simulate(cli::Tool& tool, PlantSource& plant, double speed) {
  cli::Source source(tool);
  if (Status status = source.open(); !status.ok()) return status;
  const Nanos started = monotonic_now(), start = plant.now();
  plant.begin(source.out());
  for (bool more = true; more && !source.done();) {
    more = plant.advance(source.out());
    if (Status status = source.pump(); !status.ok()) return status;
    while (speed > 0 && !source.done()) {
      const Nanos left = started + static_cast<Nanos>(static_cast<double>(plant.now() - start) / speed) - monotonic_now();
      if (left <= 0) break;
      Ready ready;
      if (Status status = source.wait(-1, left, ready); !status.ok()) return status;
    }
  }
  return source.close();
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("plant-sim", "Simulate a plant: deterministic telemetry with faults", cli::Role::source);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&]() -> Status {
    if (options.metrics_only) options.plant.waveform_every = 0;
    auto plant = options.simple ? make_simple_plant(options.plant, options.sensors) : make_plant(options.plant);
    return plant.ok() ? simulate(tool, **plant, options.speed) : plant.status();
  });
}
