// SPDX-License-Identifier: Apache-2.0
// bare_producer: what librdkafka alone needs for as many messages of the same size and content, with kbridge's settings: the
// measure for kbridge's CPU time.
//
// bare_producer BROKERS TOPIC PARTITIONS COUNT SIZE FILE: values are slices of FILE.
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "io/fd.hpp"

int main(int argc, char** argv) {
  if (argc != 7) return 64;
  const long partitions = std::atol(argv[3]), count = std::atol(argv[4]);
  const auto size = static_cast<std::size_t>(std::atol(argv[5]));
  twinpipe::Result<std::string> content = twinpipe::read_file(argv[6]);
  if (!content.ok() || content->size() <= size) return 66;
  char reason[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const char* const settings[][2] = {{"bootstrap.servers", argv[1]},
                                     {"enable.idempotence", "true"},
                                     {"acks", "all"},
                                     {"compression.type", "lz4"},
                                     {"linger.ms", "5"},
                                     {"queue.buffering.max.messages", "1000000"},
                                     {"message.max.bytes", "2000000"}};
  for (const auto& [name, value] : settings)
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) return 78;
  static long failed = 0;
  rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) { failed += message->err != 0; });
  rd_kafka_t* handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
  if (handle == nullptr) return 69;
  rd_kafka_topic_t* topic = rd_kafka_topic_new(handle, argv[2], nullptr);
  for (long i = 0; i < count; ++i) {
    const std::string key = "plant-1.line-" + std::to_string(i % 4) + ".asset-" + std::to_string(i % 10000);
    const std::size_t at = static_cast<std::size_t>(i) * size % (content->size() - size);
    while (rd_kafka_produce(topic, static_cast<std::int32_t>(i % partitions), RD_KAFKA_MSG_F_COPY, content->data() + at, size,
                            key.data(), key.size(), nullptr) != 0)
      rd_kafka_poll(handle, 100);
    if (i % 256 == 0) rd_kafka_poll(handle, 0);
  }
  rd_kafka_flush(handle, 60'000);
  std::printf("%ld messages of %zu bytes, %ld not delivered\n", count, size, failed + rd_kafka_outq_len(handle));
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(handle);
  return failed == 0 ? 0 : 75;
}
