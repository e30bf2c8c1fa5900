// SPDX-License-Identifier: Apache-2.0
// Law of the external sort: a stable sort, whatever the memory.
#include "kernel/external_sort.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

using namespace twinpipe;

namespace {

class MapStore final : public BlockStore {
 public:
  Result<std::uint64_t> put(std::string_view block) override {
    blocks[next] = block;
    return next++;
  }
  Status take(std::uint64_t place, std::size_t size, std::string& block) override {
    block = blocks.at(place);
    blocks.erase(place);
    return block.size() == size ? Status{} : Status::error(Code::io_error, "another size");
  }
  std::map<std::uint64_t, std::string> blocks;
  std::uint64_t next = 0;
};

}  // namespace

TEST_CASE("external sort: records come out as of a stable sort, and nothing stays in the store") {
  CHECK(rc::check([] {
    std::vector<std::pair<Nanos, std::string>> records(*rc::gen::inRange<std::size_t>(0, 600));
    for (std::size_t i = 0; i < records.size(); ++i)
      records[i] = {*rc::gen::inRange<Nanos>(-20, 20),
                    std::to_string(i) + std::string(*rc::gen::inRange<std::size_t>(0, 9), 'x')};
    MapStore store;
    ExternalSort sort(*rc::gen::element<std::size_t>(0, 200, 2000, 1 << 20), store);
    for (const auto& [key, record] : records) RC_ASSERT(sort.add(key, record).ok());
    RC_ASSERT(sort.finish().ok());
    std::ranges::stable_sort(records, {}, &std::pair<Nanos, std::string>::first);
    Nanos key = 0;
    std::string_view record;
    for (const auto& expected : records) {
      const Result<bool> more = sort.next(key, record);
      RC_ASSERT(more.ok() && *more);
      RC_ASSERT(std::pair(key, std::string(record)) == expected);
    }
    const Result<bool> more = sort.next(key, record);
    RC_ASSERT(more.ok() && !*more);
    RC_ASSERT(store.blocks.empty());
  }));
}
