// SPDX-License-Identifier: Apache-2.0
// Who is behind the aliases of the inputs of a merge: a series has one alias in the output, whatever its inputs call it.
//
// An input's rows mean what that input last declared. Two inputs may differ in that for a while (one is a birth behind), and
// then the output declares again whenever it changes between them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/merge_numbers.hpp"
#include "wire/output.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

class MergeSeries {
 public:
  /// `woken` must outlive this.
  MergeSeries(std::size_t inputs, std::uint32_t max_series, std::uint64_t window, WokenGaps& woken)
      : limit_(max_series), inputs_(inputs), sessions_(inputs, window, woken) {}

  /// The input begins another segment: its aliases are nobody's.
  void open_segment(std::uint32_t input);
  /// Takes an input's Series frame, and declares what the output has not in force; `node` becomes its node's name. Rows that
  /// wait must have been flushed. Errors (bad_data): as SeriesTable::declare().
  Status take(std::uint32_t input, std::string_view payload, Output& out, const std::string*& node);
  /// The input ended: its sessions get nothing more from it.
  void leave(std::uint32_t input);

  /// Alias in the input → alias in the output.
  const std::vector<std::uint32_t>& aliases(std::uint32_t input) const { return inputs_[input].aliases; }
  /// True while every series of the input is called the same in the output.
  bool identity(std::uint32_t input) const { return inputs_[input].identity; }
  /// True while the output says of this series (an alias of the output) what the input says.
  bool in_force(std::uint32_t input, std::uint32_t alias) const {
    return inputs_[input].differing == 0 || !inputs_[input].series[alias].differs;
  }
  bool all_in_force(std::uint32_t input) const { return inputs_[input].differing == 0; }
  /// Declares a series of the output again as the input does.
  void declare_again(std::uint32_t input, std::uint32_t alias, Output& out);

  /// The session that the input's rows of this series belong to; none where there are no sessions.
  MergeSession* session(std::uint32_t input, std::uint32_t alias) const {
    return inputs_[input].assets[series_[alias].asset]->session.get();
  }
  const std::string& node(std::uint32_t input, std::uint32_t alias) const {
    return inputs_[input].assets[series_[alias].asset]->node;
  }
  std::shared_ptr<MergeSession> find_session(const std::string& node, const v1::Session& session) {
    return sessions_.find(node, session);
  }
  std::size_t size() const { return series_.size(); }

 private:
  struct Header {
    std::string bytes;  // a Series frame's payload without its sensors
    std::string node;
    std::shared_ptr<MergeSession> session;
  };
  using HeaderPointer = std::shared_ptr<const Header>;
  using Body = std::shared_ptr<const std::string>;  // a serialised Sensor without its alias
  struct Declaration {
    HeaderPointer header;
    std::uint32_t asset = 0;
    std::vector<std::uint32_t> from, to;  // aliases in the input and in the output
    std::vector<Body> bodies;
  };
  struct InputSeries {
    Body body;  // none: not declared
    bool differs = false;
  };
  struct Input {
    std::vector<std::uint32_t> aliases;
    bool identity = true;
    std::vector<InputSeries> series;    // by alias of the output
    std::vector<HeaderPointer> assets;  // by asset
    std::size_t differing = 0;
  };
  struct Series {
    std::uint32_t asset = 0;
    Body body;  // in force; none: not declared yet
  };
  struct Asset {
    HeaderPointer header;  // in force
    std::vector<std::uint32_t> series;
  };

  Result<std::shared_ptr<const Declaration>> learn(std::string_view payload);
  Status name(std::uint32_t input, const Declaration& declaration);
  void put(const HeaderPointer& header, std::uint32_t asset, const std::vector<std::uint32_t>& aliases,
           const std::vector<Body>& bodies, Output& out);
  void compare(std::uint32_t asset, const std::vector<std::uint32_t>& aliases);

  static constexpr std::size_t kCacheLimit = std::size_t{64} << 20;

  std::uint32_t limit_;
  std::vector<Input> inputs_;
  std::vector<Series> series_;  // by alias of the output
  std::vector<Asset> assets_;
  std::unordered_map<std::string, std::uint32_t> series_index_, asset_index_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::shared_ptr<const Declaration>, Hash, std::equal_to<>> known_;
  std::size_t known_bytes_ = 0;
  MergeSessions sessions_;
  v1::Frame frame_;
};

}  // namespace twinpipe
