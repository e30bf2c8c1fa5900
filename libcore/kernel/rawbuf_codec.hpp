// SPDX-License-Identifier: Apache-2.0
// Frames on disk: a block of whole frames made small, and exactly those frames again, byte for byte.
//
// The fixed-width columns of Readings and Waveform frames are cut out of their frames and put together over the block. What is
// left, the skeleton, holds all other bytes as they came, so nothing has to be written again in the same words. Columns are
// made small before zstd sees them: aliases and times as differences from the row before (times in the greatest unit that
// divides them), values as differences from the last value of the same series, decimals as integers where that is exact
// (after ALP: Afroozeh, Kuffo, Boncz 2023), and all of them split into planes of bytes (as Parquet's BYTE_STREAM_SPLIT does).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe::rawbuf {

inline constexpr unsigned kStreams = 48;

/// What one series' values were so far in a block.
struct ValueState {
  std::int64_t last = 0;
  std::uint32_t block = 0;  // in which `last` and `scale` hold
  std::uint8_t scale = 0;   // power of ten that makes its values integers; kBinary: none does
};

/// Columns of one block, taken apart.
struct BlockColumns {
  std::string skeleton;  // a code and the remaining bytes of each frame
  std::string opaque;    // columns of varints and bools, as they are
  std::string scales;    // of the series, in the order of their first double
  std::vector<std::uint32_t> alias;
  std::vector<std::int64_t> time;
  std::vector<std::uint64_t> doubles, integers;  // of Readings, as bits
  std::vector<std::uint32_t> float_samples;      // of Waveforms, as bits
  std::vector<std::uint64_t> double_samples;
  struct Run {  // the rows of one Readings frame with a column of doubles or integers
    std::uint32_t first = 0, rows = 0;
    bool integers = false;
  };
  std::vector<Run> runs;

  void clear();
};

class BlockEncoder {
 public:
  /// `level`: zstd's. `split_above`: up to so many bytes of frames columns are not cut out: their tables would cost more than
  /// they bring.
  explicit BlockEncoder(int level = 1, std::size_t split_above = 2048);
  ~BlockEncoder();

  /// Takes one whole frame.
  void add(const FrameView& frame);
  bool empty() const { return frames_ == 0; }
  std::uint32_t frames() const { return frames_; }
  std::size_t raw_bytes() const { return raw_bytes_; }
  /// The body of the block; valid until the next call. The next frame starts another block.
  std::string_view finish();

 private:
  bool cut(const FrameView& frame);
  void finish_split();
  void put_aliases();
  std::uint8_t put_times();
  void learn_scales();
  void subtract_values();
  void put_stream(unsigned id, std::string_view bytes);
  template <class T>
  void put_planes(unsigned first, const std::vector<T>& column);

  struct Zstd;
  std::unique_ptr<Zstd> zstd_;
  BlockColumns columns_;
  std::size_t split_above_;
  std::string plain_;                                // the frames themselves, as long as the block is small
  std::vector<ValueState> states_, integer_states_;  // by alias
  std::vector<std::uint64_t> differences_;
  std::uint32_t block_ = 0, learning_ = 0, frames_ = 0;
  std::size_t raw_bytes_ = 0;
  std::string body_, entries_, streams_, plane_, packed_;
  std::uint64_t present_ = 0;
};

class BlockDecoder {
 public:
  BlockDecoder();
  ~BlockDecoder();

  /// Appends the frames of a body to `out`, `raw_bytes` in all. Errors (bad_data): not such a body.
  Status decode(std::string_view body, std::size_t raw_bytes, std::string& out);
  /// Only the frames whose columns were not cut out, and their numbers within the block. Where none was cut out that is all.
  Status decode_others(std::string_view body, std::size_t raw_bytes, std::string& out, std::vector<std::uint32_t>& numbers);

 private:
  struct Zstd;
  struct Source;  // where assembling stands in the columns
  struct Target;
  bool decode_split(std::string_view body, std::size_t raw_bytes, char* out);
  bool decode_split_others(std::string_view body, std::size_t raw_bytes, std::string& out, std::vector<std::uint32_t>& numbers);
  /// `only`: of the streams up to this one.
  bool read_streams(std::string_view body, std::size_t raw_bytes, unsigned only = kStreams - 1);
  bool join_columns(std::uint8_t unit);
  template <class T>
  bool join_planes(unsigned first, std::vector<T>& column);
  bool assemble(Source& from, Target& to);
  bool assemble_fields(bool waveform, std::size_t payload, Source& from, Target& to);
  bool put_column(bool waveform, unsigned field, std::size_t length, Source& from, Target& to);
  bool put_doubles(std::size_t length, Source& from, Target& to);
  bool put_integers(std::size_t length, Source& from, Target& to);
  void grow_states();

  std::unique_ptr<Zstd> zstd_;
  std::array<std::string, kStreams> streams_;
  BlockColumns columns_;
  std::vector<std::uint64_t> times_;  // as differences
  std::vector<ValueState> states_, integer_states_;
  std::uint32_t block_ = 0;
};

}  // namespace twinpipe::rawbuf
