// SPDX-License-Identifier: Apache-2.0
// JSON lines made into frames: the inverse of frame_json, and lenient to what people leave out. Law: what JsonForm writes
// comes back as the frames that it was, readings grouped anew; in style `exact` byte for byte.
#pragma once

#include <memory>

#include "kernel/frames_from_text.hpp"

namespace twinpipe {

class FramesFromJson final : public LineParser {
 public:
  FramesFromJson(std::string producer, std::size_t rows);
  ~FramesFromJson() override;

  Status take(std::string_view line, Output& out) override;
  void flush(Output& out) override;
  Status end(Output& out) override;

 private:
  struct Parser;  // keeps simdjson out of this header
  std::unique_ptr<Parser> parser_;
};

}  // namespace twinpipe
