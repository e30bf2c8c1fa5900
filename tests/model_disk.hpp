// SPDX-License-Identifier: Apache-2.0
// A disk in memory that fails when it is told to, and that loses power: what was not synced is kept, dropped or torn, sector
// by sector, and names that were not synced may be as they were.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kernel/rawbuf_disk.hpp"

namespace twinpipe::testing {

class ModelDisk final : public rawbuf::Disk {
 public:
  struct Node {
    std::string bytes;
    std::size_t synced = 0;  // of them, from the front
  };
  using Files = std::map<std::string, std::shared_ptr<Node>>;

  /// The n-th change (append, truncate, sync, create, remove, rename), counted from 1, and all after it fail; an append gets
  /// half of its bytes in. 0: none.
  std::uint64_t fail_at = 0;
  std::uint64_t changes = 0;
  Files files;

  /// What a power cut leaves.
  void cut_power(std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto coin = [&random] { return random() % 2 == 0; };
    Files left = durable_;
    for (const auto& [name, node] : files)
      if (!left.contains(name) && coin()) left[name] = node;
    for (const auto& name : removed_)
      if (!files.contains(name) && coin()) left.erase(name);
    std::set<Node*> torn;
    for (auto& [name, node] : left) {
      if (!torn.insert(node.get()).second) continue;
      std::size_t size = node->synced + random() % (node->bytes.size() - node->synced + 1);
      if (coin()) size = node->bytes.size();
      node->bytes.resize(size);
      for (std::size_t at = node->synced; at < size; at = (at / kSector + 1) * kSector)
        if (random() % 4 == 0)
          std::fill(node->bytes.begin() + at, node->bytes.begin() + std::min(size, (at / kSector + 1) * kSector), 0);
      node->synced = size;
    }
    files = durable_ = std::move(left);
    removed_.clear();
    fail_at = 0;
  }

  Result<std::vector<std::string>> list() override {
    std::vector<std::string> names;
    for (const auto& [name, node] : files) names.push_back(name);
    return names;
  }
  Result<std::unique_ptr<rawbuf::DiskFile>> open(const std::string& name) override {
    if (!files.contains(name)) return Status::error(Code::no_input, name + ": No such file or directory");
    return handle(name);
  }
  Result<std::unique_ptr<rawbuf::DiskFile>> open_to_append(const std::string& name) override {
    if (!files.contains(name)) {
      if (fails()) return broken();
      files[name] = std::make_shared<Node>();
    }
    return handle(name);
  }
  Status remove(const std::string& name) override {
    if (fails()) return broken();
    files.erase(name);
    removed_.insert(name);
    return {};
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (fails()) return broken();
    files[to] = files.at(from);
    files.erase(from);
    removed_.insert(from);
    return {};
  }
  Status sync_names() override {
    if (fails()) return broken();
    durable_ = files;
    removed_.clear();
    return {};
  }

 private:
  static constexpr std::size_t kSector = 64;  // small, so that small records are torn too

  struct File final : rawbuf::DiskFile {
    File(ModelDisk& owner, std::shared_ptr<Node> content) : disk(&owner), node(std::move(content)) {}
    Result<std::uint64_t> size() override { return std::uint64_t{node->bytes.size()}; }
    Status read(std::uint64_t offset, std::size_t length, std::string& out) override {
      out = offset < node->bytes.size() ? node->bytes.substr(static_cast<std::size_t>(offset), length) : "";
      return {};
    }
    Status append(std::string_view bytes) override {
      const bool failed = disk->fails();
      node->bytes += failed ? bytes.substr(0, bytes.size() / 2) : bytes;
      return failed ? broken() : Status{};
    }
    Status truncate(std::uint64_t size) override {
      if (disk->fails()) return broken();
      node->bytes.resize(static_cast<std::size_t>(size));
      node->synced = std::min(node->synced, node->bytes.size());
      return {};
    }
    Status sync() override {
      if (disk->fails()) return broken();
      node->synced = node->bytes.size();
      return {};
    }
    ModelDisk* disk;
    std::shared_ptr<Node> node;
  };

  static Status broken() { return Status::error(Code::io_error, "cannot write: No space left on device"); }
  bool fails() {
    ++changes;
    return fail_at != 0 && changes >= fail_at;
  }
  std::unique_ptr<rawbuf::DiskFile> handle(const std::string& name) { return std::make_unique<File>(*this, files.at(name)); }

  Files durable_;
  std::set<std::string> removed_;
};

}  // namespace twinpipe::testing
