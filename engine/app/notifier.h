// The webhooks of all tenants, with what they need of the process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/work_pool.h"
#include "connectors/https/curl_http_client.h"
#include "connectors/net/network.h"
#include "connectors/net/task.h"
#include "engine/config/config.h"
#include "engine/http/service.h"
#include "engine/notify/webhooks.h"
#include "store/mail_store.h"

namespace mailhaul::app {

struct NotifierContext {
  const store::MailStore& store;
  store::KeyValueStore& records;
  const Clock& clock;
  net::Loop& loop;
  net::Network& network;  // Of `loop`.
  WorkPool& reads;
  WorkPool& writer;  // The committer's thread.
};

// Belongs to the loop, but for Create().
class Notifier final {
 public:
  // Reads saved positions: blocks on disk. All of `context` outlives it.
  static Result<std::unique_ptr<Notifier>> Create(const config::Config& config,
                                                  const NotifierContext& context);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Delivers until Stop(), then calls `ended`. Must not die in between.
  void Start(std::function<void()> ended);
  void Stop() { webhooks_.Stop(); }
  // From now on these are the tenant's webhooks (Webhooks::SetTenant()).
  void SetTenant(const config::TenantConfig& tenant);
  void RemoveTenant(const std::string& tenant) { webhooks_.SetTenant(tenant, {}); }
  void OnChanges(std::string_view tenant) { webhooks_.OnChanges(tenant); }
  std::vector<http::WebhookLive> Live(std::string_view tenant) const;
  // Text format 0.0.4; "" without webhooks.
  std::string Metrics() const;

 private:
  Notifier(const config::Config& config, const NotifierContext& context,
           std::map<std::string, std::string> positions);
  net::Task<void> Run(std::function<void()> ended);

  SystemRandom random_;
  https::CurlHttpClient http_;
  notify::Webhooks webhooks_;
  net::TaskGroup tasks_;
};

}  // namespace mailhaul::app
