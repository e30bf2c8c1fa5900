// SPDX-License-Identifier: Apache-2.0
// Kafka records for consumers without protobuf: a JSON object each, made from the records of frames.
#pragma once

#include <string>
#include <vector>

#include "kernel/form_driver.hpp"
#include "kernel/frame_json.hpp"
#include "kernel/kafka_record.hpp"

namespace twinpipe {

/// A record of frames becomes a record for each reading, waveform and other frame in it, under the same key, in the same
/// partition and order. The objects are those of `fcat --canonical`. Open frames are left out. Values of frames declare their
/// series again and again; here a declaration is a record when it is new or has changed.
class JsonRecords final : public RecordSink {
 public:
  /// `max_value`: greatest length of an object, in bytes. `sink` must outlive this.
  JsonRecords(RecordSink& sink, std::size_t max_value, std::uint32_t max_series);

  /// Errors: those of `sink`; bad_data: a string that is not UTF-8, an object that is too long.
  Status put(const KafkaRecord& record) override;

  /// Bytes of frames whose text is never longer than `text` bytes but for strings that JSON has to escape: a float's four
  /// bytes take up to sixteen characters, and names stand in the place of aliases.
  static std::size_t frame_bytes(std::size_t text) { return std::max<std::size_t>(text / 5, 1024); }

 private:
  class Objects final : public Form {
   public:
    Objects(const SeriesTable& table, RecordSink& sink, std::size_t max_value);
    void begin(const KafkaRecord& record) { record_ = record; }
    Status forward(const KafkaRecord& record) { return sink_->put(record); }
    Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
    Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
    Status finish(Ending, Output&) override { return {}; }

   private:
    Status declare(const v1::Frame& frame, const FrameView& view);
    Status put(Nanos earliest, Nanos latest);

    RecordSink* sink_;
    std::size_t max_value_;
    MessageJson message_;
    ReadingJson reading_;
    KafkaRecord record_;                 // whose frames these are
    std::vector<std::string> declared_;  // by slot: the last declaration
    std::string object_;
  };

  SeriesTable table_;
  Objects objects_;
  Selection everything_;
  FormDriver driver_;
  Output nothing_;
};

}  // namespace twinpipe
