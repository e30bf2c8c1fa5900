// SPDX-License-Identifier: Apache-2.0
// produce BROKERS FROM TO CODEC: reads all records of topic FROM into memory, then writes them to TO as a bare librdkafka
// producer would, to the same partitions with kbridge's guarantees; prints messages, bytes and the CPU seconds of the
// writing alone. What kbridge costs is compared with this: the same keys and values, nothing to do but send them.
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Record {
  std::string key, value;
  int partition;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "produce: %s\n", what.c_str());
  std::exit(1);
}

rd_kafka_t* client(rd_kafka_type_t type, const std::vector<std::pair<const char*, std::string>>& settings) {
  char error[512];
  rd_kafka_conf_t* configuration = rd_kafka_conf_new();
  for (const auto& [name, value] : settings)
    if (rd_kafka_conf_set(configuration, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
  rd_kafka_t* created = rd_kafka_new(type, configuration, error, sizeof error);
  if (created == nullptr) fail(error);
  return created;
}

int partitions_of(rd_kafka_t* kafka, const char* topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  rd_kafka_topic_t* handle = rd_kafka_topic_new(kafka, topic, nullptr);
  if (rd_kafka_metadata(kafka, 0, handle, &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("no metadata");
  const int count = metadata->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  return count;
}

std::vector<Record> read_all(const std::string& brokers, const char* topic) {
  rd_kafka_t* kafka = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers}, {"group.id", "bench"}, {"enable.partition.eof", "true"},
                                                 {"enable.auto.commit", "false"}});
  int open = partitions_of(kafka, topic);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(open);
  for (int i = 0; i < open; ++i) rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(kafka, list);
  rd_kafka_topic_partition_list_destroy(list);
  std::vector<Record> records;
  while (open > 0) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(kafka, 10'000);
    if (message == nullptr) fail("the topic does not answer");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) --open;
    else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) fail(rd_kafka_message_errstr(message));
    else records.push_back({std::string(static_cast<const char*>(message->key), message->key_len),
                            std::string(static_cast<const char*>(message->payload), message->len), message->partition});
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(kafka);
  rd_kafka_destroy(kafka);
  return records;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) fail("usage: produce BROKERS FROM TO CODEC");
  const std::vector<Record> records = read_all(argv[1], argv[2]);
  const double before = cpu_seconds();
  rd_kafka_t* kafka = client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", argv[1]}, {"enable.idempotence", "true"}, {"acks", "all"},
                                                 {"compression.codec", argv[4]}, {"linger.ms", "5"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(kafka, argv[3], nullptr);
  double bytes = 0;
  for (const Record& record : records) {
    bytes += static_cast<double>(record.key.size() + record.value.size());
    while (rd_kafka_produce(topic, record.partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(record.value.data()), record.value.size(),
                            record.key.data(), record.key.size(), nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(kafka, 10);
    }
    rd_kafka_poll(kafka, 0);
  }
  if (rd_kafka_flush(kafka, 120'000) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("not everything was delivered");
  const double cpu = cpu_seconds() - before;
  std::printf("%zu %.0f %.3f\n", records.size(), bytes, cpu);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(kafka);
}
