#include "engine/config/server_section.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/config/map_reader.h"
#include "engine/config/oauth2_section.h"
#include "engine/config/secret_value.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr size_t kUserNameBytesMax = 1024;
constexpr size_t kProviderBytesMax = 64;

std::string DomainOf(const std::string& address) {
  return AsciiLowered(address.substr(address.rfind('@') + 1));
}

// The profile that `provider` names. Returns whether the key was there.
bool ReadProvider(const MapReader& reader, const Providers& providers, Report& report,
                  MailboxConfig& mailbox) {
  std::string name;
  if (!reader.Text("provider", kProviderBytesMax, name)) {
    return false;
  }
  mailbox.profile = providers.ByName(name);
  if (mailbox.profile == nullptr) {
    Words known;
    for (const auto& [key, profile] : providers.profiles()) {
      known.emplace_back(key);
    }
    const std::string_view nearest = NearestWord(name, known);
    report.Error(reader.Find("provider")->position,
                 "no such provider" +
                     (nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?"));
  }
  return true;
}

bool ReadHost(const Node& node, Report& report, std::string& out) {
  std::optional<std::string> host =
      node.kind == Node::Kind::kScalar ? CanonicalHost(node.text) : std::nullopt;
  if (!host) {
    report.Error(node.position,
                 "'host' must be a host name in ASCII or a literal address without brackets");
    return false;
  }
  out = *std::move(host);
  return true;
}

std::string PoolOf(const MailboxConfig& mailbox, const Providers& providers) {
  const std::string& host = mailbox.source.host;
  if (host.empty()) {
    return "discover:" + DomainOf(mailbox.address);  // No host has a colon before a letter.
  }
  const Providers::Profile profile = providers.ByServer(host);
  return profile == nullptr ? host : profile->name;
}

void TakeServer(const MailServer& from, Server& to) {
  to.host = from.host;
  to.port = from.port;
  to.security = from.security;
}

// Of a source without `host`.
void TakeFromProfile(const MapReader& reader, const Providers& providers, bool provider_named,
                     Report& report, MailboxConfig& mailbox) {
  if (!provider_named) {
    mailbox.profile = providers.ByDomain(DomainOf(mailbox.address));
  }
  if (mailbox.profile == nullptr) {  // Autodiscovery will find it, with its port.
    for (const char* key : {"port", "security"}) {
      if (const Node* node = reader.Find(key)) {
        report.Error(node->position, "'" + std::string(key) +
                                         "' needs a 'host': no provider is known for the domain "
                                         "of the address");
      }
    }
    return;
  }
  const std::optional<MailServer>& server = mailbox.profile->SourceServer(mailbox.source.protocol);
  if (server) {
    TakeServer(*server, mailbox.source);
  } else {
    const char* protocol = mailbox.source.protocol == Protocol::kImap ? "imap" : "pop3";
    report.Error(reader.position(), "'source' lacks the key 'host', and the provider '" +
                                        mailbox.profile->name + "' has none for " + protocol);
  }
}

// `server` holds the profile's port and security, or port 0. What is given goes before.
void ReadTransport(const MapReader& reader, uint16_t (*port_of)(Protocol, SecurityMode),
                   Server& server) {
  constexpr std::array kModes = {SecurityMode::kTls, SecurityMode::kStartTls,
                                 SecurityMode::kPlaintext};
  const SecurityMode before = server.security;
  size_t mode = 0;
  if (reader.Choice("security", {"tls", "starttls", "plaintext"}, {}, mode)) {
    server.security = kModes[mode];
  }
  if (server.port == 0 || server.security != before) {
    server.port = port_of(server.protocol, server.security);
  }
  reader.Integer<uint16_t>("port", {1, 65535}, server.port);
}

uint16_t SmtpPort(Protocol /*protocol*/, SecurityMode security) {
  return DefaultSmtpPort(security);
}

// Nobody sends a password readable over a network by accident.
void CheckPlaintext(const MapReader& reader, const Server& server, Report& report) {
  bool allowed = false;
  reader.Bool("allow_plaintext", allowed);
  if (server.security != SecurityMode::kPlaintext || allowed || server.host.empty() ||
      IsLoopbackHost(server.host)) {
    return;
  }
  report.Error(reader.Find("security")->position,
               "'plaintext' lets others on the way read the password; use 'tls' or 'starttls', or "
               "add 'allow_plaintext: true'");
}

// The password or the OAuth 2.0 grant, whichever is given. At most one is in force.
void ReadProof(const MapReader& reader, const ProviderProfile* profile, References& references,
               Report& report, Server& server) {
  size_t auth = 0;
  const bool auth_given = reader.Choice("auth", {"password", "oauth2"}, {}, auth);
  const Node* password = reader.Find("password");
  const Node* oauth2 = reader.Find("oauth2");
  if (oauth2 != nullptr && (password != nullptr || (auth_given && auth == 0))) {
    report.Error(oauth2->position, "give either 'password' or 'oauth2'");
    return;
  }
  if (oauth2 != nullptr) {
    OAuth2 grant;
    if (ReadOAuth2(*oauth2, profile == nullptr ? "" : profile->token_url, references, report,
                   grant)) {
      server.oauth2 = std::move(grant);
      server.password = Secret();
    }
    return;
  }
  if (auth == 1 && !server.oauth2) {
    report.Error(reader.Find("auth")->position, "'auth: oauth2' needs the key 'oauth2'");
  }
  if (password == nullptr) {
    return;
  }
  if (ReadPassword(*password, references, report, server.password)) {
    server.oauth2.reset();
  }
  if (profile != nullptr && !profile->Accepts(AuthKind::kPassword) &&
      !profile->Accepts(AuthKind::kAppPassword)) {
    report.Warning(password->position, "the provider '" + profile->name +
                                           "' takes OAuth 2.0 only and will refuse a password");
  }
}

}  // namespace

void ReadSource(const Node& node, const Providers& providers, References& references,
                Report& report, MailboxConfig& mailbox) {
  const MapReader reader(node, "'source'",
                         {{"provider", "protocol", "host", "port", "security", "allow_plaintext",
                           "auth", "allow_cram_md5", "username", "password", "oauth2"},
                          {},
                          true},
                         report);
  Server& server = mailbox.source;
  server.username = mailbox.address;
  size_t protocol = 0;
  reader.Choice("protocol", {"imap", "pop3"}, {}, protocol);
  server.protocol = protocol == 0 ? Protocol::kImap : Protocol::kPop3;
  const bool provider_named = ReadProvider(reader, providers, report, mailbox);
  if (const Node* host = reader.Find("host")) {
    if (ReadHost(*host, report, server.host) && !provider_named) {
      mailbox.profile = providers.ByServer(server.host);
    }
  } else {
    TakeFromProfile(reader, providers, provider_named, report, mailbox);
  }
  ReadTransport(reader, DefaultPort, server);
  CheckPlaintext(reader, server, report);
  reader.Bool("allow_cram_md5", server.allow_cram_md5);
  reader.Text("username", kUserNameBytesMax, server.username);
  ReadProof(reader, mailbox.profile.get(), references, report, server);
  if (reader.Find("oauth2") == nullptr && reader.Find("auth") == nullptr) {
    reader.Require("password");
  } else if (reader.Find("oauth2") == nullptr && reader.Find("auth")->text == "password") {
    reader.Require("password");
  }
  mailbox.pool = PoolOf(mailbox, providers);
}

void ReadSubmission(const Node* node, References& references, Report& report,
                    MailboxConfig& mailbox) {
  const ProviderProfile* profile = mailbox.profile.get();
  const bool offered = profile != nullptr && profile->smtp.has_value();
  if (node == nullptr && !offered) {
    return;
  }
  Server server;
  server.username = mailbox.source.username;
  server.password = mailbox.source.password;
  server.oauth2 = mailbox.source.oauth2;
  server.allow_cram_md5 = mailbox.source.allow_cram_md5;
  if (node == nullptr) {
    TakeServer(*profile->smtp, server);
    mailbox.submission = std::move(server);
    return;
  }
  const MapReader reader(*node, "'submission'",
                         {{"host", "port", "security", "allow_plaintext", "auth", "allow_cram_md5",
                           "username", "password", "oauth2"},
                          {},
                          true},
                         report);
  if (offered && reader.Find("host") == nullptr) {
    TakeServer(*profile->smtp, server);
  } else if (reader.Find("host") != nullptr || !mailbox.source.host.empty()) {
    if (const Node* host = reader.Require("host")) {
      ReadHost(*host, report, server.host);
    }
  }
  ReadTransport(reader, SmtpPort, server);
  CheckPlaintext(reader, server, report);
  reader.Bool("allow_cram_md5", server.allow_cram_md5);
  reader.Text("username", kUserNameBytesMax, server.username);
  ReadProof(reader, profile, references, report, server);
  mailbox.submission = std::move(server);
}

}  // namespace mailhaul::config
