#include "engine/app/notifier.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/webhook_position.h"

namespace mailhaul::app {
namespace {

using prometheus::MetricType;

// So many webhooks are told of in metrics; the first ones.
constexpr size_t kMetricWebhooksMax = 2000;

https::CurlHttpClientOptions OptionsOf(const config::Config& config) {
  https::CurlHttpClientOptions options;
  options.allow_private = config.network.allow_private;
  options.ca_file = config.network.ca_file;
  options.connect_timeout = config.network.connect_timeout;
  return options;
}

std::vector<notify::Webhook> WebhooksOf(const config::TenantConfig& tenant) {
  std::vector<notify::Webhook> webhooks;
  for (const config::WebhookConfig& webhook : tenant.webhooks) {
    webhooks.push_back({.tenant = tenant.name,
                        .url = webhook.url,
                        .secret = webhook.secret,
                        .events = webhook.events});
  }
  return webhooks;
}

std::vector<notify::Webhook> WebhooksOf(const config::Config& config) {
  std::vector<notify::Webhook> webhooks;
  for (const config::TenantConfig& tenant : config.tenants) {
    std::vector<notify::Webhook> of_tenant = WebhooksOf(tenant);
    std::move(of_tenant.begin(), of_tenant.end(), std::back_inserter(webhooks));
  }
  return webhooks;
}

notify::WebhookContext ContextOf(const NotifierContext& context, HttpClient& http, Random& random) {
  store::KeyValueStore& records = context.records;
  return {.store = context.store,
          .http = http,
          .reads = context.reads,
          .writer = context.writer,
          .save =
              [&records](const std::string& name, const std::string& position) {
                return store::SaveWebhookPosition(records, name, position);
              },
          .clock = context.clock,
          .random = random};
}

prometheus::MetricFamily Family(std::string name, std::string help, MetricType type) {
  prometheus::MetricFamily family;
  family.name = "mailhaul_webhook_" + std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

}  // namespace

Result<std::unique_ptr<Notifier>> Notifier::Create(const config::Config& config,
                                                   const NotifierContext& context) {
  using Positions = std::map<std::string, std::string>;
  MH_ASSIGN_OR_RETURN(Positions positions, store::ReadWebhookPositions(context.records));
  return std::unique_ptr<Notifier>(new Notifier(config, context, std::move(positions)));
}

Notifier::Notifier(const config::Config& config, const NotifierContext& context,
                   std::map<std::string, std::string> positions)
    : http_(context.network, OptionsOf(config)),
      webhooks_(ContextOf(context, http_, random_), WebhooksOf(config), std::move(positions)) {}

void Notifier::Start(std::function<void()> ended) { tasks_.Spawn(Run(std::move(ended))); }

void Notifier::SetTenant(const config::TenantConfig& tenant) {
  webhooks_.SetTenant(tenant.name, WebhooksOf(tenant));
}

net::Task<void> Notifier::Run(std::function<void()> ended) {
  co_await webhooks_.Run();
  ended();
}

std::vector<http::WebhookLive> Notifier::Live(std::string_view tenant) const {
  std::vector<http::WebhookLive> live;
  for (const notify::WebhookState& state : webhooks_.States()) {
    if (state.tenant != tenant) {
      continue;
    }
    http::WebhookLive webhook{.host = state.host,
                              .types = state.types,
                              .posts = state.posts,
                              .events = state.events,
                              .failures = state.failures,
                              .failures_in_a_row = state.failing,
                              .failing_since = state.failing_since,
                              .next_attempt = state.next_attempt,
                              .error_code = "",
                              .error_detail = ""};
    if (!state.last_failure.ok()) {
      webhook.error_code = ToString(state.last_failure.code());
      webhook.error_detail = state.last_failure.message();
    }
    live.push_back(std::move(webhook));
  }
  return live;
}

std::string Notifier::Metrics() const {
  const std::vector<notify::WebhookState> states = webhooks_.States();
  if (states.empty()) {
    return "";
  }
  prometheus::MetricFamily failing =
      Family("failures_in_a_row", "Attempts that failed since one was taken.", MetricType::Gauge);
  prometheus::MetricFamily failures =
      Family("failures_total", "Attempts that failed.", MetricType::Counter);
  prometheus::MetricFamily posts = Family("posts_total", "POSTs taken.", MetricType::Counter);
  prometheus::MetricFamily events =
      Family("events_total", "Events in POSTs taken.", MetricType::Counter);
  std::map<std::string, size_t> of_tenant;
  for (size_t i = 0; i < std::min(states.size(), kMetricWebhooksMax); ++i) {
    const notify::WebhookState& state = states[i];
    const std::string n = std::to_string(++of_tenant[state.tenant]);
    const std::pair<prometheus::MetricFamily*, uint64_t> values[] = {{&failing, state.failing},
                                                                     {&failures, state.failures},
                                                                     {&posts, state.posts},
                                                                     {&events, state.events}};
    for (const auto& [family, value] : values) {
      prometheus::ClientMetric& metric = family->metric.emplace_back();
      // Two of one tenant may have the same host.
      metric.label = {{"tenant", state.tenant}, {"webhook", n}, {"host", state.host}};
      (family->type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
          static_cast<double>(value);
    }
  }
  return prometheus::TextSerializer().Serialize({failing, failures, posts, events});
}

}  // namespace mailhaul::app
