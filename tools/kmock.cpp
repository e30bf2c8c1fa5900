// SPDX-License-Identifier: Apache-2.0
// kmock: an embedded Kafka in memory, for demonstrations and tests.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "cli/tool.hpp"
#include "client/kafka_mock.hpp"
#include "io/waiter.hpp"
#include "kernel/routes.hpp"

using namespace twinpipe;

namespace {

/// "NAME:PARTITIONS"
Status create(KafkaMock& mock, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int partitions = 0;
  if (colon != std::string::npos) std::from_chars(text.data() + colon + 1, text.data() + text.size(), partitions);
  if (partitions < 1) return Status::error(Code::usage, fmt::format("topic '{}': write NAME:PARTITIONS", text));
  if (Status status = check_topic_name(text.substr(0, colon)); !status.ok()) return status;
  return mock.create_topic(text.substr(0, colon), partitions);
}

/// Until a signal; or, when standard input is a pipe, until its writer left: so the cluster ends with the script that holds the
/// pipe. Any other standard input says nothing: a shell gives its background jobs /dev/null, which is at its end from the start.
Status serve() {
  Signals signals;
  struct stat info {};
  const int input = fstat(STDIN_FILENO, &info) == 0 && S_ISFIFO(info.st_mode) ? STDIN_FILENO : -1;
  for (char bytes[512];;) {
    const Ready ready = wait_ready(input, -1, -1, signals, -1);
    if (ready.stop) return {};
    if (!ready.input) continue;
    const Result<std::size_t> got = read_some(STDIN_FILENO, bytes, sizeof bytes);
    if (!got.ok()) return got.status();
    if (*got == 0) return {};
  }
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("kmock", "Serve a Kafka cluster in memory, for tests and demonstrations", cli::Role::plain);
  int brokers = 1;
  std::vector<std::string> topics;
  tool.option("--brokers", brokers, "COUNT", "Brokers in the cluster")->check(CLI::Range(1, 64))->capture_default_str();
  tool.option("--topic", topics, "NAME:PARTITIONS", "Create a topic; may be repeated");
  return tool.run(argc, argv, [&]() -> Status {
    KafkaMock mock;
    if (Status status = mock.start(brokers); !status.ok()) return status;
    for (const std::string& topic : topics)
      if (Status status = create(mock, topic); !status.ok()) return status;
    Result<Written> written = write_all(STDOUT_FILENO, mock.bootstrap() + "\n");
    if (!written.ok()) return written.status();
    return serve();
  });
}
