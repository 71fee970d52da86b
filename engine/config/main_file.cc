#include "engine/config/main_file.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "engine/config/http_section.h"
#include "engine/config/limits_section.h"
#include "engine/config/map_reader.h"
#include "engine/config/secret_value.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

using std::chrono::milliseconds;

constexpr size_t kPathBytesMax = 4096;
constexpr std::string_view kDefaultHost =
    "default";  // Of `hosts`: all without limits of their own.
constexpr uint32_t kThreadsMax = 64;
constexpr Bounds<uint64_t> kMemoryBudget = {uint64_t{32} << 20, uint64_t{16} << 40};
constexpr Bounds<uint32_t> kEgressConnections = {1, 100'000};
constexpr Bounds<milliseconds> kChangesKept = {std::chrono::hours(1), std::chrono::days(3650)};
constexpr Bounds<milliseconds> kTimeouts = {milliseconds(1), std::chrono::hours(1)};

void ReadThreads(const MapReader& reader, uint32_t& out) {
  const Node* node = reader.Find("threads");
  if (node != nullptr && node->kind == Node::Kind::kScalar && node->text == "auto") {
    out = 0;
    return;
  }
  reader.Integer<uint32_t>("threads", {1, kThreadsMax}, out, "auto or ");
}

// An address the machine can own: neither "any" nor multicast.
bool IsSourceAddress(const std::string& ip) {
  if (ip.find(':') != std::string::npos) {
    return ip != "::" && !ip.starts_with("ff");
  }
  int first = 0;
  std::from_chars(ip.data(), ip.data() + ip.size(), first);
  return first != 0 && first < 224;
}

void ReadEgress(const Node& node, Report& report, std::vector<Egress>& out) {
  const std::vector<Node>& items = Items(node, "egress", report);
  if (items.size() > kEgressMax) {
    report.Error(node.position, "more than " + std::to_string(kEgressMax) + " addresses");
    return;
  }
  std::set<std::string> seen;
  for (const Node& item : items) {
    const MapReader reader(item, "an entry of 'egress'", {{"address", "connections"}}, report);
    Egress egress;
    reader.Integer("connections", kEgressConnections, egress.connections);
    if (const Node* address = reader.Find("address")) {
      const std::optional<std::string> ip =
          address->kind == Node::Kind::kScalar ? CanonicalIp(address->text) : std::nullopt;
      if (!ip || !IsSourceAddress(*ip)) {
        report.Error(address->position, "'address' must be a literal IP address of this machine");
        continue;
      }
      egress.address = *ip;
    }
    if (!seen.insert(egress.address).second) {
      report.Error(item.position, egress.address.empty()
                                      ? "a second entry without an 'address'"
                                      : "the address " + egress.address + " is listed twice");
    }
    out.push_back(std::move(egress));
  }
}

void ReadHosts(const Node& node, Report& report, ParsedMain& parsed) {
  const std::vector<Entry> entries = FreeEntries(node, "'hosts'", report);
  if (entries.size() > kHostsMax) {
    report.Error(node.position, "more than " + std::to_string(kHostsMax) + " hosts");
    return;
  }
  for (const Entry& entry : entries) {
    const std::optional<std::string> host = CanonicalHost(entry.key->text);
    if (!host) {
      report.Error(entry.key->position,
                   "a host must be 'default', a provider, a host name in ASCII or a literal "
                   "address");
      continue;
    }
    const std::string what = "the limits of '" + *host + "'";
    parsed.hosts.push_back({*host, entry.key->position, entry.value->position,
                            ReadLimits(*entry.value, what, report)});
  }
}

constexpr size_t kCertificatesBytesMax = kFileBytesMax;

void ReadNetwork(const Node& node, References& references, Report& report, Network& out) {
  const MapReader reader(
      node, "'network'",
      {{"allow_private", "compress", "ca_file", "connect_timeout", "idle_timeout"}}, report);
  reader.Bool("allow_private", out.allow_private);
  reader.Bool("compress", out.compress);
  reader.Duration("connect_timeout", kTimeouts, out.connect_timeout);
  reader.Duration("idle_timeout", kTimeouts, out.idle_timeout);
  const Node* ca_file = reader.Find("ca_file");
  std::string path;
  if (ca_file == nullptr || ca_file->kind == Node::Kind::kNull ||
      !ReadText(*ca_file, "ca_file", kPathBytesMax, report, path)) {
    return;
  }
  out.ca_file = ResolvePath(report.file(), path);
  const Result<FileText> read = references.ReadFile(out.ca_file, kCertificatesBytesMax);
  if (!read.ok()) {
    report.Error(ca_file->position, CannotRead(out.ca_file, read.status()));
  }
}

void ReadChangeLog(const Node& node, Report& report, ChangeLog& out) {
  const MapReader reader(node, "'change_log'", {{"keep"}}, report);
  const Node* keep = reader.Find("keep");
  if (keep != nullptr && keep->kind == Node::Kind::kScalar && keep->text == "all") {
    out.keep = std::nullopt;
  } else {
    reader.Duration("keep", kChangesKept, *out.keep, "all or ");
  }
}

void ReadPatterns(const Node& node, std::string_view key, Report& report,
                  std::vector<PathPattern>& out) {
  const std::vector<Node>& items = Items(node, key, report);
  if (items.size() > kPatternsMax) {
    report.Error(node.position, "more than " + std::to_string(kPatternsMax) + " patterns");
    return;
  }
  for (const Node& item : items) {
    PathPattern pattern{"", item.position};
    if (ReadText(item, key, kPathBytesMax, report, pattern.pattern)) {
      out.push_back(std::move(pattern));
    }
  }
}

void ReadTenants(const MapReader& root, Report& report, std::vector<PathPattern>& out) {
  const Node* node = root.Require("tenants");
  if (node == nullptr) {
    return;
  }
  ReadPatterns(*node, "tenants", report, out);
  if (node->kind == Node::Kind::kList && node->children.empty()) {
    report.Error(node->position, "'tenants' must name at least one file");
  }
}

// Of one entry; `connections` may be the default's or the provider's.
void CheckPerMailbox(const Config& config, const HostEntry& entry, Report& report) {
  const std::optional<uint32_t> per_mailbox = entry.limits.connections_per_mailbox;
  if (per_mailbox && *per_mailbox > config.LimitsOf(entry.host).connections) {
    report.Error(entry.limits_position, "'connections_per_mailbox' is more than 'connections'");
  } else if (per_mailbox && *per_mailbox > 1) {
    report.Warning(
        entry.limits_position,
        "'connections_per_mailbox' above 1 changes nothing: mailhaul uses one connection "
        "of a mailbox at a time");
  }
}

}  // namespace

ParsedMain ParseMain(std::string_view text, References& references, Report& report) {
  ParsedMain parsed;
  Config& config = parsed.config;
  config.file = report.file();
  const std::optional<Node> root = ParseYaml(text, report);
  if (!root) {
    return parsed;
  }
  const MapReader reader(*root, "the main file",
                         {{"data_dir", "threads", "memory_budget", "http", "egress", "hosts",
                           "network", "providers", "tenants", "master_key", "change_log"},
                          {"backfill_share", "slice", "webhooks", "send"}},
                         report);
  const Node* data_dir = reader.Require("data_dir");
  std::string path;
  if (data_dir != nullptr && ReadText(*data_dir, "data_dir", kPathBytesMax, report, path)) {
    config.data_dir = ResolvePath(report.file(), path);
  }
  ReadThreads(reader, config.threads);
  reader.ByteSize("memory_budget", kMemoryBudget, config.memory_budget);
  if (const Node* key = reader.Find("master_key")) {
    ReadMasterKey(*key, references, report, config.master_key);
  }
  if (const Node* http = reader.Find("http")) {
    config.http = ReadHttp(*http, references, report);
  }
  if (const Node* egress = reader.Find("egress")) {
    ReadEgress(*egress, report, config.egress);
  }
  if (config.egress.empty()) {
    config.egress.emplace_back();
  }
  if (const Node* hosts = reader.Find("hosts")) {
    ReadHosts(*hosts, report, parsed);
  }
  if (const Node* network = reader.Find("network")) {
    ReadNetwork(*network, references, report, config.network);
  }
  if (const Node* change_log = reader.Find("change_log")) {
    ReadChangeLog(*change_log, report, config.change_log);
  }
  if (const Node* providers = reader.Find("providers")) {
    ReadPatterns(*providers, "providers", report, parsed.providers);
  }
  ReadTenants(reader, report, parsed.tenants);
  return parsed;
}

void FinishHosts(ParsedMain& parsed, Report& report) {
  Config& config = parsed.config;
  for (const HostEntry& entry : parsed.hosts) {
    const std::string pool = config.PoolOf(entry.host);
    if (entry.host == kDefaultHost) {
      Apply(entry.limits, config.default_limits);
    } else if (!config.hosts.emplace(pool, entry.limits).second) {
      report.Error(entry.position,
                   (config.providers->ByName(pool) == nullptr ? "the host '" : "the provider '") +
                       pool + "' is listed twice");
    }
  }
  for (const HostEntry& entry : parsed.hosts) {
    CheckPerMailbox(config, entry, report);
  }
  config.default_limits.connections_per_mailbox =
      std::min(config.default_limits.connections_per_mailbox, config.default_limits.connections);
}

}  // namespace mailhaul::config
