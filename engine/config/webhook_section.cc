#include "engine/config/webhook_section.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "engine/config/map_reader.h"
#include "engine/config/secret_value.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr size_t kUrlBytesMax = 2048;
constexpr size_t kWebhookKeyBytesMin = 16;
constexpr size_t kEventBytesMax = 64;

const Words& EventTypes() {
  static const Words types = {"message.created", "message.updated", "message.deleted",
                              "mailbox.updated", "submission.updated"};
  return types;
}

bool ReadUrl(const MapReader& reader, Report& report, std::string& out) {
  const Node* node = reader.Require("url");
  if (node == nullptr || !ReadText(*node, "url", kUrlBytesMax, report, out)) {
    return false;
  }
  if (!IsHttpsUrl(out) && !IsLoopbackHttpUrl(out)) {
    report.Error(node->position, "'url' must be an https:// URL");
    return false;
  }
  return true;
}

bool ReadWebhookSecret(const MapReader& reader, References& references, Report& report,
                       Secret& out) {
  const Node* node = reader.Require("secret");
  if (node == nullptr || !ReadSecret(*node, "webhook secret", references, report, out)) {
    return false;
  }
  constexpr std::string_view kEncoded = "whsec_";
  size_t bytes = out.Reveal().size();
  if (out.Reveal().starts_with(kEncoded)) {
    const std::optional<std::string> key = Base64Decode(out.Reveal().substr(kEncoded.size()));
    if (!key) {
      report.Error(node->position, "'secret' must have base64 behind 'whsec_'");
      return false;
    }
    bytes = key->size();
  }
  if (bytes < kWebhookKeyBytesMin) {
    report.Error(node->position, "'secret' must have at least " +
                                     std::to_string(kWebhookKeyBytesMin) +
                                     " bytes, such as of `openssl rand -hex 32`");
    return false;
  }
  return true;
}

bool ReadEvents(const Node& node, Report& report, std::vector<std::string>& out) {
  const std::vector<Node>& items = Items(node, "events", report);
  bool good = true;
  for (const Node& item : items) {
    std::string event;
    if (!ReadText(item, "events", kEventBytesMax, report, event)) {
      good = false;
    } else if (std::find(EventTypes().begin(), EventTypes().end(), event) == EventTypes().end()) {
      report.Error(item.position, "'events' must be of " + Listed(EventTypes()));
      good = false;
    } else if (std::find(out.begin(), out.end(), event) == out.end()) {
      out.push_back(std::move(event));
    }
  }
  return good;
}

}  // namespace

void ReadWebhooks(const Node& node, References& references, Report& report,
                  std::vector<WebhookConfig>& out) {
  const std::vector<Node>& items = Items(node, "webhooks", report);
  if (items.size() > kWebhooksMax) {
    report.Error(node.position,
                 "more than " + std::to_string(kWebhooksMax) + " webhooks of one tenant");
    return;
  }
  for (const Node& item : items) {
    const MapReader reader(item, "a webhook", {{"url", "secret", "events"}, {}, true}, report);
    WebhookConfig webhook;
    bool good = ReadUrl(reader, report, webhook.url);
    good = ReadWebhookSecret(reader, references, report, webhook.secret) && good;
    if (const Node* events = reader.Find("events")) {
      good = ReadEvents(*events, report, webhook.events) && good;
    }
    const bool known = std::any_of(out.begin(), out.end(), [&webhook](const WebhookConfig& other) {
      return other.url == webhook.url;
    });
    if (good && known) {
      report.Error(item.position, "an earlier webhook of this tenant has the same 'url'");
    } else if (good) {
      out.push_back(std::move(webhook));
    }
  }
}

}  // namespace mailhaul::config
