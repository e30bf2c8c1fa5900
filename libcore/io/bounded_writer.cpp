// SPDX-License-Identifier: Apache-2.0
// Writes to a descriptor from a thread of its own.
#include "io/bounded_writer.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace twinpipe {

struct BoundedWriter::State {
  explicit State(int out) : fd(out), event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  void signal() const {
    const std::uint64_t one = 1;
    (void)!write(event.get(), &one, sizeof one);  // a full counter is readable already
  }

  const int fd;
  const Fd event;
  std::atomic<std::size_t> waiting = 0;
  std::atomic<std::uint64_t> written = 0;
  std::atomic<bool> reader_left = false;
  std::mutex mutex;
  std::condition_variable work, idle;
  std::deque<std::string> chunks;  // the first is being written
  bool stop = false;
  Status status;
};

BoundedWriter::BoundedWriter(int fd) : state_(std::make_shared<State>(fd)) {
  std::thread([state = state_] { run(state); }).detach();
}

BoundedWriter::~BoundedWriter() {
  const std::lock_guard lock(state_->mutex);
  state_->stop = true;
  state_->work.notify_all();
}

void BoundedWriter::run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->work.wait(lock, [&] { return state->stop || !state->chunks.empty(); });
    if (state->stop) return;
    const std::string& chunk = state->chunks.front();
    const std::size_t size = chunk.size();
    const bool dead = state->reader_left || !state->status.ok();
    lock.unlock();
    Result<Written> result = dead ? Result<Written>(Written::all) : write_all(state->fd, chunk);
    lock.lock();
    if (!result.ok()) state->status = Status::error(result.status().code, "standard output: " + result.status().message);
    else if (*result == Written::reader_left) state->reader_left = true;
    else if (!dead) state->written += size;
    state->waiting -= size;
    state->chunks.pop_front();
    state->signal();
    if (state->chunks.empty()) state->idle.notify_all();
  }
}

void BoundedWriter::put(std::string bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock(state_->mutex);
  state_->waiting += bytes.size();
  state_->chunks.push_back(std::move(bytes));
  state_->work.notify_one();
}

std::size_t BoundedWriter::waiting() const { return state_->waiting; }
std::uint64_t BoundedWriter::written() const { return state_->written; }
bool BoundedWriter::reader_left() const { return state_->reader_left; }
int BoundedWriter::event_fd() const { return state_->event.get(); }

Status BoundedWriter::finish() {
  std::unique_lock lock(state_->mutex);
  state_->idle.wait(lock, [this] { return state_->chunks.empty(); });
  return state_->status;
}

Status BoundedWriter::status() const {
  const std::lock_guard lock(state_->mutex);
  return state_->status;
}

void BoundedWriter::acknowledge() {
  std::uint64_t count = 0;
  (void)!read(state_->event.get(), &count, sizeof count);
}

}  // namespace twinpipe
