// SPDX-License-Identifier: Apache-2.0
// feature_log ASSETS STEPS LABELS: a feature log and labels for a point-in-time join, in the working directory: features.tp,
// labels.csv and labels.tp for us, features.bin and labels.bin (packed rows) for peers. A row an asset and minute, known two
// seconds later; 1.5 % of the rows come as a backlog of 15 minutes. Labels are random, in order of time.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "io/fd.hpp"
#include "kernel/bytes_of.hpp"
#include "wire/output.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

constexpr Nanos kStart = 1'767'225'600 * kSecond, kStep = 60 * kSecond, kDelay = 2 * kSecond;
constexpr std::uint32_t kBacklog = 15;  // steps

/// A file that is written as it grows.
class File {
 public:
  explicit File(const char* path) : fd_(std::move(*create_new(path))) {}
  void add(std::string_view bytes) {
    if (!write_all(fd_.get(), bytes).ok()) std::exit(74);
  }
  void drain(std::string& bytes) {
    if (bytes.size() < (std::size_t{1} << 20)) return;
    add(bytes);
    bytes.clear();
  }

 private:
  Fd fd_;
};

std::string name_of(std::uint32_t asset) {
  return "plant-1.line-" + std::to_string(asset % 10) + ".pump-" + std::to_string(asset);
}

/// Rows in the order in which they became known.
class Log {
 public:
  Log() : frames_("features.tp"), columns_("features.bin") { out_.open("feature_log"); }
  void row(std::uint32_t asset, std::uint32_t step, std::uint32_t known_step) {
    v1::Features& rows = *frame_.mutable_features();
    if (rows.column_size() == 0) rows.add_column()->set_name("x");
    const Nanos as_of = kStart + step * kStep, known_at = kStart + known_step * kStep + kDelay;
    const double value = static_cast<double>((step * 7919 + asset) % 100'003) / 8;
    rows.add_entity(name_of(asset));
    rows.add_as_of(as_of);
    rows.add_known_at(known_at);
    rows.mutable_column(0)->add_value(value);
    append_bytes_of(asset, packed_);
    append_bytes_of(as_of, packed_);
    append_bytes_of(known_at, packed_);
    append_bytes_of(value, packed_);
    if (rows.entity_size() == 512) flush();
  }
  void end() {
    flush();
    out_.close(true);
    frames_.add(out_.pending());
    columns_.add(packed_);
  }

 private:
  void flush() {
    out_.frame(frame_);
    frame_.Clear();
    frames_.add(out_.pending());
    out_.clear();
    columns_.drain(packed_);
  }
  File frames_, columns_;
  v1::Frame frame_;
  Output out_;
  std::string packed_;
};

void write_labels(std::uint32_t assets, std::uint32_t steps, std::uint32_t labels) {
  std::mt19937_64 random(20261123);
  std::vector<Nanos> times(labels);
  for (Nanos& time : times) time = kStart + static_cast<Nanos>(random() % (steps * 60'000ULL)) * kMillisecond;
  std::ranges::sort(times);
  File text("labels.csv"), frames("labels.tp"), columns("labels.bin");
  std::string lines = "entity,time,failed\n", packed;
  Output out;
  out.open("feature_log");
  v1::Frame frame;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto asset = static_cast<std::uint32_t>(random() % assets);
    const bool failed = random() % 50 == 0;
    lines += name_of(asset) + "," + format_time(times[i]) + (failed ? ",1\n" : ",0\n");
    append_bytes_of(asset, packed);
    append_bytes_of(times[i], packed);
    v1::Features& rows = *frame.mutable_features();
    if (rows.column_size() == 0) rows.add_column()->set_name("failed");
    rows.add_entity(name_of(asset));
    rows.add_as_of(times[i]);
    rows.mutable_column(0)->add_value(failed ? 1 : 0);
    if (rows.entity_size() < 512 && i + 1 < times.size()) continue;
    out.frame(frame);
    frame.Clear();
  }
  out.close(true);
  text.add(lines);
  columns.add(packed);
  frames.add(out.pending());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const auto number = [&](int at) { return static_cast<std::uint32_t>(std::strtoul(argv[at], nullptr, 10)); };
  const std::uint32_t assets = number(1), steps = number(2);
  Log log;
  for (std::uint32_t step = 0; step < steps; ++step) {
    for (std::uint32_t asset = 0; asset < assets; ++asset) {
      const std::uint32_t phase = (step + asset * 37) % 1000;
      if (phase < kBacklog && step >= phase && step + 1 < steps) continue;  // cut off
      const std::uint32_t waiting = phase < kBacklog ? std::min(phase, step) : phase == kBacklog ? std::min(kBacklog, step) : 0;
      for (std::uint32_t back = waiting; back > 0; --back)
        if ((step - back + asset * 37) % 1000 < kBacklog && step - back >= (step - back + asset * 37) % 1000)
          log.row(asset, step - back, step);
      log.row(asset, step, step);
    }
  }
  log.end();
  write_labels(assets, steps, number(3));
  return 0;
}
