#include "engine/config/provider_file.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/config/limits_section.h"
#include "engine/config/map_reader.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

using std::chrono::milliseconds;

constexpr size_t kUrlBytesMax = 2048;
constexpr size_t kExtensionBytesMax = 64;
constexpr Bounds<uint32_t> kCommandBytes = {200, 1'000'000};
constexpr Bounds<uint32_t> kMessages = {1, 1'000'000'000};
constexpr Bounds<uint32_t> kConnections = {1, 10'000};
constexpr Bounds<uint64_t> kMessageBytes = {uint64_t{1} << 10, uint64_t{1} << 40};
constexpr Bounds<milliseconds> kCheckInterval = {milliseconds(1000), std::chrono::days(1)};

bool IsProviderName(std::string_view text) {
  return IsName(text, kProviderNameBytesMax) && text == AsciiLowered(text) &&
         text.find('.') == std::string_view::npos && text != "default";
}

void ReadName(const MapReader& reader, Report& report, std::string& out) {
  const Node* node = reader.Require("name");
  if (node == nullptr) {
    return;
  }
  if (node->kind != Node::Kind::kScalar || !IsProviderName(node->text)) {
    // Without a dot it can be taken for no host: both are keys of `hosts`.
    report.Error(node->position,
                 "'name' must be a name in lower case without '.', at most 64 bytes");
    return;
  }
  out = node->text;
}

// Domains, suffixes and hosts: host names, each once.
void ReadHosts(const MapReader& reader, std::string_view key, Report& report,
               std::vector<std::string>& out) {
  const Node* node = reader.Find(key);
  if (node == nullptr) {
    return;
  }
  const std::vector<Node>& items = Items(*node, key, report);
  if (items.size() > kProviderDomainsMax) {
    report.Error(node->position, "more than " + std::to_string(kProviderDomainsMax) + " names");
    return;
  }
  std::set<std::string> seen;
  for (const Node& item : items) {
    std::optional<std::string> host =
        item.kind == Node::Kind::kScalar ? CanonicalHost(item.text) : std::nullopt;
    if (!host || CanonicalIp(*host)) {
      report.Error(item.position, "'" + std::string(key) + "' must hold host names in ASCII");
    } else if (!seen.insert(*host).second) {
      report.Error(item.position, "'" + *host + "' is listed twice");
    } else {
      out.push_back(*std::move(host));
    }
  }
}

using PortOf = uint16_t (*)(SecurityMode);
uint16_t ImapPort(SecurityMode security) { return DefaultPort(Protocol::kImap, security); }
uint16_t Pop3Port(SecurityMode security) { return DefaultPort(Protocol::kPop3, security); }

void ReadServer(const MapReader& servers, std::string_view key, PortOf port_of, Report& report,
                std::optional<MailServer>& out) {
  const Node* node = servers.Find(key);
  if (node == nullptr) {
    return;
  }
  const MapReader reader(*node, "'" + std::string(key) + "'", {{"host", "port", "security"}},
                         report);
  MailServer server;
  size_t mode = 0;  // Plaintext is nothing that a provider may be said to want.
  reader.Choice("security", {"tls", "starttls"}, {}, mode);
  server.security = mode == 0 ? SecurityMode::kTls : SecurityMode::kStartTls;
  server.port = port_of(server.security);
  reader.Integer<uint16_t>("port", {1, 65535}, server.port);
  const Node* host = reader.Require("host");
  if (host == nullptr) {
    return;
  }
  const std::optional<std::string> name =
      host->kind == Node::Kind::kScalar ? CanonicalHost(host->text) : std::nullopt;
  if (!name) {
    report.Error(host->position, "'host' must be a host name in ASCII");
    return;
  }
  server.host = *name;
  out = std::move(server);
}

void ReadServers(const Node& node, Report& report, ProviderProfile& profile) {
  const MapReader reader(node, "'servers'", {{"imap", "pop3", "smtp"}}, report);
  ReadServer(reader, "imap", ImapPort, report, profile.imap);
  ReadServer(reader, "pop3", Pop3Port, report, profile.pop3);
  ReadServer(reader, "smtp", DefaultSmtpPort, report, profile.smtp);
}

void ReadAuth(const Node& node, Report& report, std::vector<AuthKind>& out) {
  const Words known = {"password", "app_password", "oauth2"};
  constexpr std::array kKinds = {AuthKind::kPassword, AuthKind::kAppPassword, AuthKind::kOAuth2};
  for (const Node& item : Items(node, "auth", report)) {
    const auto found = std::find(known.begin(), known.end(), item.text);
    if (found == known.end()) {
      report.Error(item.position, "'auth' must hold some of " + Listed(known));
      continue;
    }
    const AuthKind kind = kKinds[static_cast<size_t>(found - known.begin())];
    if (std::find(out.begin(), out.end(), kind) != out.end()) {
      report.Error(item.position, "'" + item.text + "' is listed twice");
    } else {
      out.push_back(kind);
    }
  }
}

void ReadOAuth2(const Node& node, Report& report, std::string& token_url) {
  const MapReader reader(node, "'oauth2'", {{"token_url"}}, report);
  const Node* url = reader.Require("token_url");
  if (url != nullptr && ReadText(*url, "token_url", kUrlBytesMax, report, token_url) &&
      !IsHttpsUrl(token_url)) {
    report.Error(url->position, "'token_url' must be an https:// URL");
  }
}

template <typename T>
void ReadOptional(const MapReader& reader, std::string_view key, Bounds<T> bounds,
                  std::optional<T>& out) {
  T value{};
  if (reader.Integer(key, bounds, value)) {
    out = value;
  }
}

void ReadSend(const Node& node, Report& report, SendLimits& out) {
  const MapReader reader(node, "'send'",
                         {{"connections", "messages_per_minute", "messages_per_day",
                           "recipients_per_message", "recipients_per_day", "message_bytes"}},
                         report);
  ReadOptional(reader, "connections", kConnections, out.connections);
  ReadOptional(reader, "messages_per_minute", kMessages, out.messages_per_minute);
  ReadOptional(reader, "messages_per_day", kMessages, out.messages_per_day);
  ReadOptional(reader, "recipients_per_message", kMessages, out.recipients_per_message);
  ReadOptional(reader, "recipients_per_day", kMessages, out.recipients_per_day);
  uint64_t bytes = 0;
  if (reader.ByteSize("message_bytes", kMessageBytes, bytes)) {
    out.message_bytes = bytes;
  }
}

// An atom of RFC 9051 as far as capabilities use it.
bool IsExtension(std::string_view text) {
  constexpr std::string_view kSigns = "-=+/.:";
  return !text.empty() && text.size() <= kExtensionBytesMax &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kSigns.find(c) != std::string_view::npos;
         });
}

void ReadBroken(const Node& node, Report& report, std::vector<std::string>& out) {
  const std::vector<Node>& items = Items(node, "broken", report);
  if (items.size() > kBrokenExtensionsMax) {
    report.Error(node.position,
                 "more than " + std::to_string(kBrokenExtensionsMax) + " capabilities");
    return;
  }
  for (const Node& item : items) {
    if (item.kind != Node::Kind::kScalar || !IsExtension(item.text)) {
      report.Error(item.position, "'broken' must hold IMAP capabilities in capital letters");
    } else {
      out.push_back(item.text);
    }
  }
}

void ReadPeculiarities(const MapReader& reader, Report& report, ProviderProfile& profile) {
  reader.Bool("files_sent", profile.files_sent);
  reader.Bool("creates_sent", profile.creates_sent);
  if (const Node* broken = reader.Find("broken")) {
    ReadBroken(*broken, report, profile.broken);
  }
  size_t id = 0;
  reader.Choice("id", {"none", "before_select"}, {}, id);
  profile.id_before_select = id == 1;
  reader.Integer("command_bytes_max", kCommandBytes, profile.command_bytes_max);
  reader.Integer("newest_per_folder", kMessages, profile.newest_per_folder);
  reader.Bool("pop3_partial", profile.pop3_partial);
  reader.Duration("pop3_check_interval", kCheckInterval, profile.pop3_check_interval);
  reader.Bool("vague_auth_errors", profile.vague_auth_errors);
}

}  // namespace

std::optional<ProviderProfile> ParseProvider(std::string_view text, Report& report) {
  const std::optional<Node> root = ParseYaml(text, report);
  if (!root) {
    return std::nullopt;
  }
  const MapReader reader(
      *root, "a provider file",
      {{"name", "domains", "mx", "servers", "hosts", "auth", "oauth2", "limits", "send",
        "files_sent", "creates_sent", "broken", "id", "command_bytes_max", "newest_per_folder",
        "pop3_partial", "pop3_check_interval", "vague_auth_errors"}},
      report);
  ProviderProfile profile;
  ReadName(reader, report, profile.name);
  ReadHosts(reader, "domains", report, profile.domains);
  ReadHosts(reader, "mx", report, profile.mx);
  ReadHosts(reader, "hosts", report, profile.hosts);
  if (const Node* servers = reader.Find("servers")) {
    ReadServers(*servers, report, profile);
  }
  if (const Node* auth = reader.Find("auth")) {
    ReadAuth(*auth, report, profile.auth);
  }
  if (const Node* oauth2 = reader.Find("oauth2")) {
    ReadOAuth2(*oauth2, report, profile.token_url);
  }
  if (const Node* limits = reader.Find("limits")) {
    profile.limits = ReadLimits(*limits, "'limits'", report);
  }
  if (const Node* send = reader.Find("send")) {
    ReadSend(*send, report, profile.send);
  }
  ReadPeculiarities(reader, report, profile);
  const bool found_by_something = !profile.domains.empty() || !profile.mx.empty();
  if (found_by_something && !profile.imap && !profile.pop3 && reader.is_map() && !report.failed()) {
    report.Error(root->position,
                 "a provider with 'domains' or 'mx' must have a server for imap "
                 "or pop3");
  }
  if (report.failed()) {
    return std::nullopt;
  }
  return profile;
}

}  // namespace mailhaul::config
