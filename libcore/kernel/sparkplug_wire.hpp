// SPDX-License-Identifier: Apache-2.0
// Sparkplug B payloads read in place: bounds are checked in the wire bytes, before anything is allocated for them.
//
// A plain parse of 1 MiB of empty metrics costs 52 MiB; here a metric is a row in a vector that is reused, and its name
// and value point into the message.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/sparkplug_value.hpp"

namespace twinpipe::sparkplug {

/// What a payload may hold.
struct PayloadLimits {
  std::size_t bytes = std::size_t{1} << 20;  // compressed bodies: before and after
  std::size_t metrics = 10'000;              // those inside templates count
  std::size_t name_bytes = 1024;
  std::size_t template_depth = 16;
  std::size_t dataset_cells = 100'000;  // of one DataSet
  std::size_t properties = 1'000;       // of one metric, nested ones included
};

/// Why a payload is refused; each has a counter of its own.
enum class PayloadFault : std::uint8_t {
  none,
  malformed,
  bytes,
  metrics,
  name_bytes,
  template_depth,
  dataset_cells,
  properties,
  compression,
  text,
  time,
  seq,
};
inline constexpr std::size_t kPayloadFaults = 12;
/// For people, and as a counter's name: "payload_too_large".
std::string_view describe(PayloadFault fault);
std::string_view counter_of(PayloadFault fault);

/// One metric; views point into the message.
struct WireMetric {
  std::string_view name;
  std::uint64_t alias = 0;
  std::uint64_t timestamp = 0;  // ms
  std::uint32_t datatype = 0;
  bool has_name = false, has_alias = false, has_timestamp = false, has_datatype = false;
  bool is_historical = false, is_transient = false, is_null = false, has_properties = false;
  bool broken_text = false;  // a string value that is not UTF-8: this metric cannot go into the stream
  std::string_view properties;
  RawValue value;
};

struct WirePayload {
  bool has_timestamp = false, has_seq = false;
  std::uint64_t timestamp = 0;  // ms
  std::uint64_t seq = 0;        // 0..255
  std::string_view uuid, body;
  std::vector<WireMetric> metrics;
};

/// Greatest time in milliseconds that fits nanoseconds in 64 bits.
inline constexpr std::uint64_t kLastMillisecond = 9'223'372'036'854;

/// Reads payloads, one after another. What read() returns borrows from `bytes` and from the reader until its next call.
class PayloadReader {
 public:
  explicit PayloadReader(const PayloadLimits& limits = {}) : limits_(limits) {}

  /// Unpacks compressed bodies (uuid "SPBV1.0_COMPRESSED"; metric "algorithm": GZIP, DEFLATE). Strings that go into the
  /// stream are UTF-8, times fit nanoseconds, seq fits a byte: what breaks that is a fault.
  PayloadFault read(std::string_view bytes);
  const WirePayload& payload() const { return payload_; }
  std::uint64_t compressed() const { return compressed_; }

 private:
  PayloadFault parse(std::string_view bytes, WirePayload& payload);
  PayloadFault parse_metric(std::string_view bytes, WireMetric& metric);
  PayloadFault check_template(std::string_view bytes, std::size_t depth);
  PayloadFault check_nested_metric(std::string_view bytes, std::size_t depth);
  PayloadFault check_dataset(std::string_view bytes) const;
  PayloadFault check_properties(std::string_view bytes, std::size_t depth, std::size_t& count) const;
  PayloadFault unpack();

  PayloadLimits limits_;
  WirePayload payload_;
  std::string unpacked_;
  std::size_t metrics_ = 0;
  std::uint64_t compressed_ = 0;
};

/// The seq of a payload that read() refused, where it can be found: its place in the order is then taken.
std::optional<std::uint8_t> peek_seq(std::string_view bytes);

/// True when `text` is UTF-8 as protobuf's strings must be: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);

/// Expands zlib, gzip or raw deflate data to at most `limit` bytes. False: broken, or more than that.
bool inflate_bounded(std::string_view packed, std::size_t limit, std::string& out);

}  // namespace twinpipe::sparkplug
