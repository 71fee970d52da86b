// A UidlDirectory in memory.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "connectors/pop3/uidl_directory.h"

namespace mailhaul::test_support {

class FakeUidlDirectory final : public pop3::UidlDirectory {
 public:
  net::Task<Result<std::vector<Uid>>> Assign(std::span<const pop3::UidlKey> keys) override {
    ++assigns;
    if (!fail_with.ok()) {
      co_return fail_with;
    }
    EXPECT_EQ(std::set<pop3::UidlKey>(keys.begin(), keys.end()).size(), keys.size());
    std::vector<Uid> uids;
    for (const pop3::UidlKey& key : keys) {
      const auto [it, is_new] = uids_.try_emplace(key, next);
      next += is_new ? 1 : 0;
      uids.push_back(it->second);
    }
    co_return uids;
  }
  net::Task<Result<std::vector<Uid>>> Find(std::span<const pop3::UidlKey> keys) override {
    std::vector<Uid> uids;
    for (const pop3::UidlKey& key : keys) {
      const auto it = uids_.find(key);
      uids.push_back(it == uids_.end() ? 0 : it->second);
    }
    co_return uids;
  }
  net::Task<Status> Bind(std::span<const pop3::UidlKey> keys, std::span<const Uid> uids) override {
    EXPECT_EQ(keys.size(), uids.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_GT(uids[i], 0U);
      EXPECT_LT(uids[i], next);
      uids_[keys[i]] = uids[i];
    }
    co_return Status::Ok();
  }

  Status fail_with;
  Uid next = 1;
  size_t assigns = 0;

 private:
  std::map<pop3::UidlKey, Uid> uids_;
};

}  // namespace mailhaul::test_support
