#include "engine/config/http_section.h"

#include <optional>
#include <string>
#include <utility>

#include "connectors/net/tls_context.h"
#include "engine/config/map_reader.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr size_t kPathBytesMax = 4096;
constexpr size_t kListenBytesMax = 64;
constexpr size_t kPemBytesMax = size_t{1} << 20;
constexpr Bounds<uint32_t> kRequestRates = {0, 1'000'000};

// The content of the file that `key` names; absent when that was reported.
std::optional<FileText> ReadPem(const MapReader& reader, std::string_view key,
                                References& references, Report& report) {
  const Node* node = reader.Require(key);
  std::string path;
  if (node == nullptr || !ReadText(*node, key, kPathBytesMax, report, path)) {
    return std::nullopt;
  }
  path = ResolvePath(report.file(), path);
  Result<FileText> read = references.ReadFile(path, kPemBytesMax);
  if (!read.ok()) {
    report.Error(node->position, CannotRead(path, read.status()));
    return std::nullopt;
  }
  return std::move(read).value();
}

std::optional<HttpTls> ReadTls(const Node& node, References& references, Report& report) {
  const MapReader reader(node, "'tls'", {{"certificate", "key"}}, report);
  std::optional<FileText> certificate = ReadPem(reader, "certificate", references, report);
  std::optional<FileText> key = ReadPem(reader, "key", references, report);
  if (!certificate || !key) {
    return std::nullopt;
  }
  if (key->readable_by_others) {
    report.Warning(reader.Find("key")->position,
                   "other users can read this file; " + std::string(kModeThatMends));
  }
  HttpTls tls{.certificate = std::move(certificate->bytes), .key = Secret(std::move(key->bytes))};
  const Status usable = net::TlsContext::Server(tls.certificate, tls.key).status();
  if (!usable.ok()) {
    report.Error(node.position, usable.message());
    return std::nullopt;
  }
  return tls;
}

void ReadListen(const Node& node, bool secure, Report& report, Http& http) {
  std::string listen;
  if (!ReadText(node, "listen", kListenBytesMax, report, listen)) {
    return;
  }
  std::optional<ListenAddress> parsed = ParseListenAddress(listen);
  if (!parsed) {
    report.Error(node.position,
                 "'listen' must be ADDRESS:PORT such as 127.0.0.1:8025 or [::1]:8025");
    return;
  }
  if (!secure && !IsLoopbackHost(parsed->address)) {
    report.Warning(node.position,
                   "tokens and mail travel unencrypted; set 'tls', or put a proxy that speaks TLS "
                   "in front");
  }
  http.address = std::move(parsed->address);
  http.port = parsed->port;
}

}  // namespace

Http ReadHttp(const Node& node, References& references, Report& report) {
  const MapReader reader(node, "'http'", {{"listen", "tls", "per_token_per_second", "access_log"}},
                         report);
  Http http;
  reader.Integer("per_token_per_second", kRequestRates, http.per_token_per_second);
  reader.Bool("access_log", http.access_log);
  const Node* tls = reader.Find("tls");
  if (tls != nullptr) {
    http.tls = ReadTls(*tls, references, report);
  }
  if (const Node* listen = reader.Find("listen")) {
    ReadListen(*listen, tls != nullptr, report, http);
  }
  return http;
}

}  // namespace mailhaul::config
