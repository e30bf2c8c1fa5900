// SPDX-License-Identifier: Apache-2.0
// rawbuf tail: the frames of a buffer in the order in which they came, from where a reader stopped, and on as they come.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "cli/cursor.hpp"
#include "cli/source.hpp"
#include "io/rawbuf_directory.hpp"
#include "kernel/rawbuf_reader.hpp"

namespace twinpipe::cli {

struct TailOptions {
  std::string directory;
  std::string cursor;           // file; empty: none
  std::string from = "oldest";  // without a cursor: oldest, newest, a frame's number; with or without: a Position as text
  Nanos position_every = kSecond;
  bool follow = false;
};

class RawbufTail {
 public:
  RawbufTail(Tool& tool, TailOptions options);
  /// Until the end, a signal, or until the reader left. Errors: no_input (no buffer), bad_config (a cursor of something else),
  /// io_error.
  Status run();

 private:
  Status start();
  Status start_at(std::uint64_t& number);
  Status loop();
  Status wait();
  Status put(const rawbuf::Piece& piece);
  Status put_missing(const rawbuf::Piece& piece);
  void put_gap();
  void look_for_nodes(const FrameView& frame);
  void put_frame(const FrameView& frame);
  void put_declarations(const rawbuf::Declarations& state);
  Status put_position(bool last = false);
  void tell();

  Tool* tool_;
  TailOptions options_;
  RawbufDirectory directory_;
  rawbuf::Reader reader_;
  Source source_;
  std::optional<v1::Position> resumed_;
  std::optional<CursorLead> lead_;
  std::string name_;
  std::uint64_t number_ = 0, last_position_ = 0, lost_ = 0, damaged_ = 0;
  Nanos next_position_ = 0;
  bool fresh_ = true;           // nothing stands in the output's segment that an Open would clear
  bool closed_final_ = false;   // the last Close read
  std::optional<v1::Gap> gap_;  // to be told once it is known whose it is
  // Behind damage, until the next Open: what is in force. Frames whose declarations were lost are left out.
  std::optional<rawbuf::Declarations> known_;
  std::uint64_t undeclared_ = 0;
  std::set<std::string> nodes_;  // declared since
};

}  // namespace twinpipe::cli
