// SPDX-License-Identifier: Apache-2.0
// Whether a decoded frame names declared series alone.
#include "kernel/frame_aliases.hpp"

namespace twinpipe {
namespace {

Status check_all(const google::protobuf::RepeatedField<std::uint32_t>& aliases, std::size_t declared) {
  for (const std::uint32_t alias : aliases)
    if (alias >= declared) return undeclared_alias(alias, declared);
  return {};
}

Status check_one(std::uint32_t alias, std::size_t declared) {
  return alias < declared ? Status{} : undeclared_alias(alias, declared);
}

}  // namespace

Status undeclared_alias(std::uint32_t alias, std::size_t declared) {
  return Status::error(Code::bad_data, fmt::format("undeclared alias {}: {} are declared", alias, declared));
}

Status check_aliases(const v1::Frame& frame, std::size_t declared) {
  switch (frame.kind_case()) {
    case v1::Frame::kAggregates: return check_all(frame.aggregates().series(), declared);
    case v1::Frame::kSpectra: return check_all(frame.spectra().series(), declared);
    case v1::Frame::kWaveform: return check_one(frame.waveform().series(), declared);
    case v1::Frame::kException: return check_one(frame.exception().series(), declared);
    default: return {};
  }
}

}  // namespace twinpipe
