// A Directory with tokens: "read-acme", "send-acme" and "admin-acme" of tenant acme, "read-globex".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/http/service.h"

namespace mailhaul::http {

class FakeDirectory final : public Directory {
 public:
  FakeDirectory();

  const TokenGrant* FindToken(std::string_view sha256) const override;
  const std::vector<std::string>& MailboxNames(std::string_view tenant) const override;
  MailboxLive Live(std::string_view tenant, std::string_view mailbox) const override;
  void MarkActive(std::string_view tenant, std::string_view mailbox) override;
  bool Refresh(std::string_view tenant, std::string_view mailbox) override;
  bool FetchWhole(std::string_view tenant, std::string_view mailbox, MessageId message) override;
  bool Ready() const override { return ready; }
  std::vector<PoolLive> Pools(size_t first, size_t count) const override;
  std::vector<WebhookLive> Webhooks(std::string_view tenant) const override {
    return tenant == "acme" ? webhooks : std::vector<WebhookLive>();
  }
  std::string Metrics() const override { return "up 1\n"; }
  bool MetricsAreOpen() const override { return metrics_are_open; }

  void AddToken(std::string_view token, TokenGrant grant);

  std::map<std::string, std::vector<std::string>, std::less<>> mailboxes;  // By tenant, sorted.
  std::map<std::string, MailboxLive, std::less<>> live;                    // By mailbox.
  std::vector<std::string> active;     // "tenant/mailbox", in the order marked.
  std::vector<std::string> refreshed;  // "tenant/mailbox".
  std::vector<std::string> wanted;     // "tenant/mailbox/id".
  bool accepts = true;                 // What Refresh() and FetchWhole() return.
  bool ready = true;
  std::vector<PoolLive> pools;
  std::vector<WebhookLive> webhooks;  // Of acme.
  bool metrics_are_open = true;

 private:
  std::map<std::string, TokenGrant, std::less<>> tokens_;  // By hash.
};

}  // namespace mailhaul::http
