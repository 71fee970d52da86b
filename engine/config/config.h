// The configuration: what mailhaul.yaml and the tenant files say, checked and with defaults filled.
// Keys, types and defaults: docs/configuration.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "engine/config/provider.h"

namespace mailhaul::config {

inline constexpr size_t kFileBytesMax = size_t{16} << 20;
inline constexpr size_t kDepthMax = 32;
inline constexpr size_t kMailboxesInYamlMax = 10'000;  // Of one tenant.
inline constexpr size_t kTenantFilesMax = 100'000;
inline constexpr size_t kMasterKeyBytes = 32;
inline constexpr size_t kProblemsPerFileMax = 100;  // The rest is summed up in one line.

// A grant of access (RFC 6749), used instead of a password.
struct OAuth2 {
  std::string token_url;  // https://, or http:// to loopback.
  std::string client_id;
  Secret client_secret;  // Empty: a public client.
  Secret refresh_token;
};

struct Server {
  Protocol protocol = Protocol::kImap;  // Of a source; says nothing of a submission.
  // Lower case; a name or a literal address (IPv6 without brackets). "" of a source: neither the
  // file nor a profile names one, autodiscovery has to; port and security mean nothing then.
  std::string host;
  uint16_t port = 0;
  SecurityMode security = SecurityMode::kTls;  // kPlaintext only to loopback or if allowed by name.
  std::string username;                        // Filled: the address, or the source's.
  Secret password;                             // Empty with oauth2.
  std::optional<OAuth2> oauth2;                // When set, nothing but its access tokens is sent.
  bool allow_cram_md5 = false;  // And APOP: see Credentials (connectors/connector.h).
};

struct MailboxConfig {
  // Unique within the tenant: letters, digits, ".", "_", "-", "@", "+"; 1..128 bytes.
  std::string id;
  std::string address;
  Server source;
  // By default the provider's; absent: cannot send. Its host may be "" while that of the source is.
  std::optional<Server> submission;
  // What is known of the source's provider; null: nothing.
  std::shared_ptr<const ProviderProfile> profile;
  // What the source's limits are counted by: the name of the profile whose server it is, else the
  // host; while there is none, "discover:" and the domain.
  std::string pool;
  Status undiscovered;      // Why autodiscovery found no host; success: it did, or has not run.
  std::string fingerprint;  // Of what its files say (fingerprint.h): "" unless loaded from files.
  bool added = false;       // While running (added_mailbox.h): it stands in no file.
};

struct Token {
  std::string sha256;               // 32 bytes: of the token, unique in the whole configuration.
  std::vector<std::string> scopes;  // "read", "send", "admin".
};

struct Freshness {
  std::chrono::milliseconds active{30'000};
  std::chrono::milliseconds normal{300'000};
  std::chrono::milliseconds dormant{3'600'000};
  std::chrono::milliseconds active_for{600'000};
  std::chrono::milliseconds dormant_after{std::chrono::days(30)};
};

enum class Deletions : uint8_t {
  kKeep,    // What is deleted at the source stays here.
  kMirror,  // It is deleted here too.
};

struct Collect {
  std::optional<std::chrono::milliseconds> window{std::chrono::days(30)};  // Absent: all.
  bool backfill = true;
  uint64_t max_message = uint64_t{64} << 20;
  std::vector<std::string> exclude;  // Folder names or roles, case-insensitive.
  Deletions deletions = Deletions::kKeep;
};

struct Send {                                      // How fast messages are sent; 0: no limit.
  std::optional<uint32_t> per_mailbox_per_minute;  // Absent: what the provider's profile says.
  uint32_t per_tenant_per_minute = 0;
  std::chrono::milliseconds retry_for{std::chrono::hours(5 * 24)};  // Then a submission fails.
};

struct WebhookConfig {
  std::string url;                  // https://, or http:// to loopback.
  Secret secret;                    // "whsec_" and base64, or the key itself.
  std::vector<std::string> events;  // Change types (docs/http.md); empty: all.
};

struct TenantConfig {
  std::string name;  // Like a mailbox id, at most 64 bytes.
  std::string file;  // Where it was read from.
  uint32_t weight = 1;
  std::vector<Token> tokens;
  Freshness freshness;
  Collect collect;
  Send send;
  std::vector<WebhookConfig> webhooks;
  uint64_t quota_bytes = 0;  // Logical bytes of all its mailboxes together; 0: no limit.
  std::optional<std::chrono::milliseconds> retention;  // Absent: messages are kept for ever.
  std::vector<MailboxConfig> mailboxes;
  std::string fingerprint;  // As that of a mailbox.
};

struct Egress {
  std::string address;  // Literal IP; "" for the system's choice.
  uint32_t connections = 500;
};

struct HostLimits {  // What one egress address may do to one host.
  uint32_t connections = 10;
  uint32_t connections_per_mailbox = 1;  // At most `connections`.
  uint32_t logins_per_second = 5;
  uint64_t bytes_per_day = 0;  // Fetched from all its mailboxes together; 0: no limit.
  // Fetched from one mailbox, from whatever egress address; 0: no limit.
  uint64_t mailbox_bytes_per_day = 0;
  uint64_t pop3_mailbox_bytes_per_day = 0;
};

void Apply(const PartialLimits& given, HostLimits& limits);

// What the server of HTTP shows and proves; checked to belong together.
struct HttpTls {
  std::string certificate;  // PEM, with the intermediate ones.
  Secret key;               // PEM.
};

struct Http {
  std::string address = "127.0.0.1";     // Literal IP; IPv6 without brackets.
  uint16_t port = 8025;                  // 0: any free one.
  uint32_t per_token_per_second = 1000;  // Requests; 0: no limit.
  bool access_log = false;
  std::optional<HttpTls> tls{};  // Absent: plain text.
};

struct Network {
  bool allow_private = false;
  bool compress = false;  // IMAP's COMPRESS=DEFLATE, where offered and not known to be broken.
  std::string ca_file;    // "": the system's.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};
};

struct ChangeLog {  // What /v1/changes tells of.
  std::optional<std::chrono::milliseconds> keep{std::chrono::days(30)};  // Absent: all.
};

// Whose change means that the configuration is to be read again (reload.h).
struct WatchedFiles {
  std::string main;
  std::vector<std::string> patterns;  // Of tenant files.
  std::vector<std::string> tables;    // `mailboxes_csv` of the tenants, good or bad.
};

struct Config {
  std::string file;
  std::string data_dir;  // Relative paths are relative to the file that names them.
  uint32_t threads = 0;  // 0: auto.
  uint64_t memory_budget = uint64_t{512} << 20;
  Secret master_key;           // kMasterKeyBytes; empty: none.
  std::optional<Http> http;    // Absent: no HTTP server.
  std::vector<Egress> egress;  // Never empty; one element with address "" unless configured.
  HostLimits default_limits;
  std::map<std::string, PartialLimits> hosts;  // By pool.
  std::shared_ptr<const Providers> providers;  // Never null once loaded.
  Network network;
  ChangeLog change_log;
  std::vector<TenantConfig> tenants;
  std::string providers_fingerprint;  // Of the files that `providers` names.
  std::vector<std::string> refused;   // Tenant files left out; folders, ending with "/".
  WatchedFiles watched;

  // How `host` (any case) is counted: the name of the profile whose server it is, else itself.
  std::string PoolOf(const std::string& host) const;
  // The limits of a host or pool (any case): its own, else those of `profile` or, without one, of
  // the pool's profile, else default_limits.
  HostLimits LimitsOf(const std::string& host, const ProviderProfile* profile = nullptr) const;
};

// One thing wrong: "tenants/acme.yaml:12:5: unknown key 'pasword'; did you mean 'password'?"
struct Problem {
  std::string file;
  int line = 0;    // From 1; 0 when it concerns the whole file.
  int column = 0;  // From 1, in bytes.
  std::string message;
  bool fatal = true;     // False: one tenant file is left out, the rest goes on.
  bool warning = false;  // True (then not fatal): nothing is left out.
  std::string ToString() const;
};

struct Loaded {
  std::optional<Config> config;  // Absent when a problem of the main file is fatal.
  std::vector<Problem>
      problems;  // Main file first, then providers and tenants by name; by position in each.
};

// Reads `file`, the tenant files it names, and the secrets they refer to (environment, files). One
// syntax error of a file, else all its semantic errors at once. `environment` is getenv in
// production; it returns null for what is not set. Blocks on disk. No problem quotes a secret.
using EnvironmentLookup = const char* (*)(const char* name);
Loaded LoadConfig(const std::string& file, EnvironmentLookup environment);

}  // namespace mailhaul::config
