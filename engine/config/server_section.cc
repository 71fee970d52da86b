#include "engine/config/server_section.h"

#include <array>
#include <string_view>

#include "base/text.h"
#include "engine/config/map_reader.h"
#include "engine/config/secret_value.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr size_t kUserNameBytesMax = 1024;

struct Ports {
  uint16_t tls;
  uint16_t other;  // STARTTLS or plaintext.
};
constexpr Ports kImapPorts = {993, 143};
constexpr Ports kPop3Ports = {995, 110};
constexpr Ports kSubmissionPorts = {465, 587};  // RFC 8314.

void ReadHost(const MapReader& reader, Report& report, std::string& out) {
  const Node* node = reader.Require("host");
  if (node == nullptr) {
    return;
  }
  std::optional<std::string> host =
      node->kind == Node::Kind::kScalar ? CanonicalHost(node->text) : std::nullopt;
  if (!host) {
    report.Error(node->position,
                 "'host' must be a host name in ASCII or a literal address without brackets");
    return;
  }
  out = *std::move(host);
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

void ReadTransport(const MapReader& reader, Ports ports, Report& report, Server& server) {
  constexpr std::array kModes = {SecurityMode::kTls, SecurityMode::kStartTls,
                                 SecurityMode::kPlaintext};
  size_t mode = 0;
  reader.Choice("security", {"tls", "starttls", "plaintext"}, {}, mode);
  server.security = kModes[mode];
  server.port = server.security == SecurityMode::kTls ? ports.tls : ports.other;
  reader.Integer<uint16_t>("port", {1, 65535}, server.port);
  ReadHost(reader, report, server.host);
  CheckPlaintext(reader, server, report);
}

void ReadCredentials(const MapReader& reader, References& references, Report& report,
                     Server& server) {
  size_t auth = 0;
  reader.Choice("auth", {"password"}, {"oauth2"}, auth);
  reader.Bool("allow_cram_md5", server.allow_cram_md5);
  reader.Text("username", kUserNameBytesMax, server.username);
  if (const Node* password = reader.Find("password")) {
    ReadPassword(*password, references, report, server.password);
  }
}

}  // namespace

Server ReadSource(const Node& node, const std::string& address, References& references,
                  Report& report) {
  const MapReader reader(node, "'source'",
                         {{"protocol", "host", "port", "security", "allow_plaintext", "auth",
                           "allow_cram_md5", "username", "password"},
                          {"oauth2"},
                          true},
                         report);
  Server server;
  server.username = address;
  size_t protocol = 0;
  reader.Choice("protocol", {"imap", "pop3"}, {}, protocol);
  server.protocol = protocol == 0 ? Protocol::kImap : Protocol::kPop3;
  ReadTransport(reader, protocol == 0 ? kImapPorts : kPop3Ports, report, server);
  ReadCredentials(reader, references, report, server);
  reader.Require("password");
  return server;
}

Server ReadSubmission(const Node& node, const Server& source, References& references,
                      Report& report) {
  const MapReader reader(node, "'submission'",
                         {{"host", "port", "security", "allow_plaintext", "auth", "allow_cram_md5",
                           "username", "password"},
                          {"oauth2"},
                          true},
                         report);
  Server server;
  server.username = source.username;
  server.password = source.password;
  ReadTransport(reader, kSubmissionPorts, report, server);
  ReadCredentials(reader, references, report, server);
  return server;
}

}  // namespace mailhaul::config
