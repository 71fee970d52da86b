// What the HTTP endpoint asks about tenants, tokens and the live state of mailboxes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/app/collector.h"
#include "engine/app/notifier.h"
#include "engine/app/reloader.h"
#include "engine/app/text_index.h"
#include "engine/http/service.h"

namespace mailhaul::app {

// Of pools, in one answer.
inline constexpr size_t kPoolsToldMax = 10'000;

// Main loop only.
class CollectorDirectory final : public http::Directory {
 public:
  CollectorDirectory(const config::Config& config, Collector& collector, const Clock& clock);

  // What holds of the tenant from now on. A token that another tenant has stays where it is.
  void SetTenant(const config::TenantConfig& tenant);
  void RemoveTenant(const std::string& tenant);

  const http::TokenGrant* FindToken(std::string_view sha256) const override;
  const std::vector<std::string>& MailboxNames(std::string_view tenant) const override;
  http::MailboxLive Live(std::string_view tenant, std::string_view mailbox) const override;
  void MarkActive(std::string_view tenant, std::string_view mailbox) override;
  bool Refresh(std::string_view tenant, std::string_view mailbox) override;
  bool FetchWhole(std::string_view tenant, std::string_view mailbox, MessageId message) override;
  bool Ready() const override { return !collector_.stopping(); }
  std::vector<http::PoolLive> Pools(size_t first, size_t count) const override;
  size_t PoolCount() const { return collector_.scheduler().pool_count(); }
  // {"pools":[...],"pools_left_out":number,"disk":...,"configuration":...}, each pool as GET
  // /v1/pools has it; at most kPoolsToldMax.
  std::string AllPoolsJson() const;
  std::string DiskJson() const;           // {"free_bytes":number or null,"collecting_paused":bool}
  std::string ConfigurationJson() const;  // Reloader::Json(), or null.
  std::vector<http::WebhookLive> Webhooks(std::string_view tenant) const override;
  std::string Metrics() const override;
  // Metrics() and AllPoolsJson() then tell of it as well. It outlives this.
  void SetReloader(const Reloader* reloader) { reloader_ = reloader; }
  // Metrics() then tell of it as well. It outlives this.
  void SetTextIndex(const TextIndex* text_index) { text_index_ = text_index; }
  // Metrics() and Webhooks() then tell of it. It outlives this.
  void SetNotifier(const Notifier* notifier) { notifier_ = notifier; }
  bool MetricsAreOpen() const override { return metrics_are_open_; }

 private:
  // Absent when that is not in the future, or never.
  std::optional<WallTime> WallTimeOf(TimePoint time) const;

  bool metrics_are_open_ = false;
  const TextIndex* text_index_ = nullptr;
  const Notifier* notifier_ = nullptr;
  const Reloader* reloader_ = nullptr;
  std::map<std::string, http::TokenGrant, std::less<>> tokens_;
  std::map<std::string, std::vector<std::string>, std::less<>> names_;
  Collector& collector_;
  const Clock& clock_;
};

// Decodes parts with the engine's MIME parser.
class MimeBodyDecoder final : public http::BodyDecoder {
 public:
  Text Decode(const ByteSource& raw) const override;
  Result<std::string> DecodeAttachment(const ByteSource& raw, size_t n) const override;
};

}  // namespace mailhaul::app
