#include "engine/config/tenant_file.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "engine/config/mailbox_section.h"
#include "engine/config/map_reader.h"
#include "engine/config/secret_value.h"
#include "engine/config/text_rules.h"
#include "engine/config/webhook_section.h"

namespace mailhaul::config {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kWeightMax = 1000;
constexpr Bounds<uint32_t> kPerMinute = {1, 1'000'000};
constexpr Bounds<milliseconds> kRetryFor = {std::chrono::minutes(1), std::chrono::days(30)};
constexpr Bounds<milliseconds> kDurations = {milliseconds(1), std::chrono::days(36'500)};
constexpr Bounds<uint64_t> kMessageBytes = {uint64_t{1} << 10, uint64_t{1} << 30};
constexpr Bounds<uint64_t> kQuotaBytes = {uint64_t{1} << 10, uint64_t{1} << 50};
constexpr Bounds<milliseconds> kRetention = {std::chrono::hours(1), std::chrono::days(36'500)};
constexpr size_t kFolderNameBytesMax = 1024;
constexpr size_t kPathBytesMax = 4096;

void ReadTokens(const Node& node, References& references, Report& report, ParsedTenant& parsed) {
  const std::vector<Node>& items = Items(node, "tokens", report);
  if (items.size() > kTokensMax) {
    report.Error(node.position, "more than " + std::to_string(kTokensMax) + " tokens");
    return;
  }
  for (const Node& item : items) {
    Token token;
    if (ReadToken(item, references, report, token)) {
      parsed.tenant.tokens.push_back(std::move(token));
      parsed.token_positions.push_back(item.position);
    }
  }
}

void ReadFreshness(const Node& node, Report& report, Freshness& out) {
  const MapReader reader(node, "'freshness'",
                         {{"active", "normal", "dormant", "active_for", "dormant_after"}}, report);
  reader.Duration("active", kDurations, out.active);
  reader.Duration("normal", kDurations, out.normal);
  reader.Duration("dormant", kDurations, out.dormant);
  reader.Duration("active_for", kDurations, out.active_for);
  reader.Duration("dormant_after", kDurations, out.dormant_after);
  if (out.active > out.normal || out.normal > out.dormant) {
    report.Error(node.position, "'freshness' must have active <= normal <= dormant");
  }
}

void ReadExclude(const Node& node, Report& report, std::vector<std::string>& out) {
  const std::vector<Node>& items = Items(node, "exclude", report);
  if (items.size() > kExcludedFoldersMax) {
    report.Error(node.position, "more than " + std::to_string(kExcludedFoldersMax) + " folders");
    return;
  }
  for (const Node& item : items) {
    std::string folder;
    if (ReadText(item, "exclude", kFolderNameBytesMax, report, folder)) {
      out.push_back(std::move(folder));
    }
  }
}

void ReadCollect(const Node& node, Report& report, Collect& out) {
  const MapReader reader(node, "'collect'",
                         {{"window", "backfill", "max_message", "exclude", "deletions"}}, report);
  const Node* window = reader.Find("window");
  if (window != nullptr && window->kind == Node::Kind::kScalar && window->text == "all") {
    out.window = std::nullopt;
  } else {
    reader.Duration("window", kDurations, *out.window, "all or ");
  }
  reader.Bool("backfill", out.backfill);
  reader.ByteSize("max_message", kMessageBytes, out.max_message);
  if (const Node* exclude = reader.Find("exclude")) {
    ReadExclude(*exclude, report, out.exclude);
  }
  size_t deletions = 0;
  reader.Choice("deletions", {"keep", "mirror"}, {}, deletions);
  out.deletions = deletions == 0 ? Deletions::kKeep : Deletions::kMirror;
}

void ReadSend(const Node& node, Report& report, Send& out) {
  const MapReader reader(
      node, "'send'", {{"per_mailbox_per_minute", "per_tenant_per_minute", "retry_for"}}, report);
  uint32_t per_mailbox = 0;
  if (reader.Integer<uint32_t>("per_mailbox_per_minute", kPerMinute, per_mailbox)) {
    out.per_mailbox_per_minute = per_mailbox;
  }
  reader.Integer<uint32_t>("per_tenant_per_minute", kPerMinute, out.per_tenant_per_minute);
  reader.Duration("retry_for", kRetryFor, out.retry_for);
}

void ReadQuota(const Node& node, Report& report, uint64_t& bytes) {
  const MapReader reader(node, "'quota'", {{"bytes"}}, report);
  reader.ByteSize("bytes", kQuotaBytes, bytes);
}

void ReadMailboxes(const Node& node, const Providers& providers, References& references,
                   Report& report, ParsedTenant& parsed) {
  const std::vector<Node>& items = Items(node, "mailboxes", report);
  if (items.size() > kMailboxesInYamlMax) {
    report.Error(node.position, "more than " + std::to_string(kMailboxesInYamlMax) +
                                    " mailboxes; 'mailboxes_csv' takes more");
    return;
  }
  std::vector<MailboxConfig>& out = parsed.tenant.mailboxes;
  out.reserve(items.size());
  for (const Node& item : items) {
    MailboxConfig mailbox = ReadMailbox(item, providers, references, report);
    if (mailbox.id.empty()) {
      continue;
    }
    const auto [first, added] = parsed.line_of_id.emplace(mailbox.id, item.position.line);
    if (!added) {
      report.Error(item.position, "the mailbox id '" + mailbox.id + "' is already used in line " +
                                      std::to_string(first->second));
    }
    out.push_back(std::move(mailbox));
  }
}

}  // namespace

std::optional<ParsedTenant> ParseTenant(std::string_view text, const Providers& providers,
                                        References& references, Report& report) {
  const std::optional<Node> root = ParseYaml(text, report);
  if (!root) {
    return std::nullopt;
  }
  const MapReader reader(*root, "a tenant file",
                         {{"tenant", "weight", "tokens", "freshness", "collect", "send", "quota",
                           "retention", "webhooks", "mailboxes", "mailboxes_csv"},
                          {"signature"}},
                         report);
  ParsedTenant parsed;
  parsed.tenant.file = report.file();
  if (ReadName(reader, "tenant", kTenantNameBytesMax, report, parsed.tenant.name)) {
    parsed.name_position = reader.Find("tenant")->position;
  }
  reader.Integer<uint32_t>("weight", {1, kWeightMax}, parsed.tenant.weight);
  if (const Node* tokens = reader.Find("tokens")) {
    ReadTokens(*tokens, references, report, parsed);
  }
  if (const Node* freshness = reader.Find("freshness")) {
    ReadFreshness(*freshness, report, parsed.tenant.freshness);
  }
  if (const Node* collect = reader.Find("collect")) {
    ReadCollect(*collect, report, parsed.tenant.collect);
  }
  if (const Node* send = reader.Find("send")) {
    ReadSend(*send, report, parsed.tenant.send);
  }
  if (const Node* webhooks = reader.Find("webhooks")) {
    ReadWebhooks(*webhooks, references, report, parsed.tenant.webhooks);
  }
  if (const Node* quota = reader.Find("quota")) {
    ReadQuota(*quota, report, parsed.tenant.quota_bytes);
  }
  milliseconds retention{0};
  if (reader.Duration("retention", kRetention, retention) && retention.count() > 0) {
    parsed.tenant.retention = retention;
  }
  if (const Node* mailboxes = reader.Find("mailboxes")) {
    ReadMailboxes(*mailboxes, providers, references, report, parsed);
  }
  if (const Node* csv = reader.Find("mailboxes_csv")) {
    std::string path;
    if (ReadText(*csv, "mailboxes_csv", kPathBytesMax, report, path)) {
      parsed.mailboxes_csv = {.path = ResolvePath(report.file(), path), .position = csv->position};
    }
  }
  if (report.failed()) {
    return std::nullopt;
  }
  return parsed;
}

}  // namespace mailhaul::config
