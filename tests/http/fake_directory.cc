#include "tests/http/fake_directory.h"

#include <algorithm>

#include "store/blob_store.h"

namespace mailhaul::http {

FakeDirectory::FakeDirectory() {
  mailboxes["acme"] = {"alice", "bob"};
  mailboxes["globex"] = {"carol"};
  AddToken("read-acme", {.tenant = "acme", .read = true});
  AddToken("send-acme", {.tenant = "acme", .send = true});
  AddToken("admin-acme", {.tenant = "acme", .admin = true});
  AddToken("read-globex", {.tenant = "globex", .read = true});
}

void FakeDirectory::AddToken(std::string_view token, TokenGrant grant) {
  const store::Sha256 hash = store::ComputeSha256(token);
  tokens_[std::string(hash.begin(), hash.end())] = std::move(grant);
}

const TokenGrant* FakeDirectory::FindToken(std::string_view sha256) const {
  const auto it = tokens_.find(sha256);
  return it == tokens_.end() ? nullptr : &it->second;
}

const std::vector<std::string>& FakeDirectory::MailboxNames(std::string_view tenant) const {
  static const std::vector<std::string> kNone;
  const auto it = mailboxes.find(tenant);
  return it == mailboxes.end() ? kNone : it->second;
}

MailboxLive FakeDirectory::Live(std::string_view /*tenant*/, std::string_view mailbox) const {
  const auto it = live.find(mailbox);
  return it == live.end() ? MailboxLive{.state = "ok"} : it->second;
}

std::vector<PoolLive> FakeDirectory::Pools(size_t first, size_t count) const {
  const size_t begin = std::min(first, pools.size());
  const size_t end = begin + std::min(count, pools.size() - begin);
  return {pools.begin() + static_cast<ptrdiff_t>(begin),
          pools.begin() + static_cast<ptrdiff_t>(end)};
}

void FakeDirectory::MarkActive(std::string_view tenant, std::string_view mailbox) {
  active.push_back(std::string(tenant) + "/" + std::string(mailbox));
}

bool FakeDirectory::Refresh(std::string_view tenant, std::string_view mailbox) {
  refreshed.push_back(std::string(tenant) + "/" + std::string(mailbox));
  return accepts;
}

bool FakeDirectory::FetchWhole(std::string_view tenant, std::string_view mailbox,
                               MessageId message) {
  wanted.push_back(std::string(tenant) + "/" + std::string(mailbox) + "/" +
                   FormatId(message.value));
  return accepts;
}

}  // namespace mailhaul::http
