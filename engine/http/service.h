// The HTTP endpoint: HTTP/1.1 on our own streams with Boost.Beast's parser, answers from the store
// alone. What it serves: docs/http.md.
//
// Belongs to one loop. Store reads run on `read_pool` and local changes on `writer`, never on the
// loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/work_pool.h"
#include "connectors/net/network.h"
#include "connectors/net/task.h"
#include "connectors/net/tls_context.h"
#include "engine/http/mailbox_admin.h"
#include "engine/http/outgoing.h"
#include "engine/http/text_search.h"
#include "store/mail_store.h"

namespace mailhaul::http {

// Limits of one server. A request beyond one is answered with the matching 4xx and the connection
// is closed.
inline constexpr size_t kTargetBytesMax = 8 * 1024;
inline constexpr size_t kHeaderBytesMax = 64 * 1024;
inline constexpr size_t kHeaderFieldsMax = 100;
inline constexpr size_t kBodyBytesMax = 1024 * 1024;
// Of a message to send; such bodies are held in memory, so many at a time.
inline constexpr size_t kSubmissionBodyBytesMax = size_t{40} * 1024 * 1024;
inline constexpr size_t kLargeBodiesMax = 4;
inline constexpr size_t kConnectionsMax = 4000;
inline constexpr size_t kRequestsPerConnectionMax = 100'000;

struct TokenGrant {
  std::string tenant;
  bool read = false;
  bool send = false;
  bool admin = false;
};

// Why a mailbox is not being worked on.
struct Waiting {
  std::string cause;                // Stable: "not_due", "throttled", ...
  std::optional<WallTime> until{};  // When it ends by itself; absent: not by time.
  std::string text;                 // One sentence for people.
};

// Live facts about a mailbox that the store does not hold. Called on the service's loop.
struct MailboxLive {
  std::string state;  // "ok", "pending", "collecting", "unreachable", "throttled",
                      // "needs_credentials", "error"
  std::optional<WallTime> next_due_at{};
  std::optional<int64_t> lag_seconds{};
  bool throttled = false;
  std::optional<Waiting> waiting{};
};

// One egress address and one host.
struct PoolLive {
  std::string host;
  std::string egress;  // "": the system's choice.
  uint32_t limit = 0;  // Connections, in force now.
  uint32_t configured_limit = 0;
  uint32_t connections = 0;
  uint32_t waiting = 0;             // Jobs that are due.
  std::string cause;                // Why they wait; "": nothing is in the way.
  std::optional<WallTime> until{};  // Until when it is left alone.
  struct Kind {
    std::string name;
    uint64_t grants = 0;
    std::optional<double> seconds{};  // How long one holds its connection, on average.
  };
  std::vector<Kind> kinds;
  uint32_t throttles = 0;
  uint32_t outages = 0;
  bool blocked = false;  // The host refuses the egress address, but not another.
  uint64_t logins = 0;
  uint64_t day_bytes = 0;
  uint64_t day_bytes_max = 0;  // 0: no limit, and not counted.
};

// Where a tenant has its changes POSTed.
struct WebhookLive {
  std::string host;                // Of its URL, whose rest may be secret.
  std::vector<std::string> types;  // Empty: all.
  uint64_t posts = 0;              // Taken since the start.
  uint64_t events = 0;             // In these.
  uint64_t failures = 0;
  uint32_t failures_in_a_row = 0;           // 0: all is well.
  std::optional<WallTime> failing_since{};  // While failing, as the others.
  std::optional<WallTime> next_attempt{};
  std::string error_code;
  std::string error_detail;
};

class Directory {
 public:
  virtual ~Directory() = default;
  // By the SHA-256 of the presented token; null: no such token.
  virtual const TokenGrant* FindToken(std::string_view sha256) const = 0;
  // Names of the tenant's configured mailboxes, sorted. Until the loop does something else.
  virtual const std::vector<std::string>& MailboxNames(std::string_view tenant) const = 0;
  virtual MailboxLive Live(std::string_view tenant, std::string_view mailbox) const = 0;
  // A read that names one mailbox makes it active.
  virtual void MarkActive(std::string_view tenant, std::string_view mailbox) = 0;
  // Checks the mailbox now, ahead of others. False: it was asked for less than 10 s ago.
  virtual bool Refresh(std::string_view tenant, std::string_view mailbox) = 0;
  // Fetches a message that was left out for its size. False: too many are asked for already.
  virtual bool FetchWhole(std::string_view tenant, std::string_view mailbox, MessageId message) = 0;
  virtual bool Ready() const = 0;
  // In an order that does not change; up to `count` from the one at `first` on.
  virtual std::vector<PoolLive> Pools(size_t first, size_t count) const = 0;
  // In the order of the configuration.
  virtual std::vector<WebhookLive> Webhooks(std::string_view tenant) const = 0;
  // Prometheus text format 0.0.4.
  virtual std::string Metrics() const = 0;
  // Whether they are for whoever can connect.
  virtual bool MetricsAreOpen() const = 0;
};

// Decodes parts; a view on the engine's MIME parser. Called on the read pool.
class BodyDecoder {
 public:
  virtual ~BodyDecoder() = default;
  struct Text {
    std::string text;
    std::string html;
  };
  virtual Text Decode(const ByteSource& raw) const = 0;
  // The decoded bytes of attachment `n`, counted from 1. kNotFound: there is none.
  virtual Result<std::string> DecodeAttachment(const ByteSource& raw, size_t n) const = 0;
};

struct ServiceOptions {
  uint32_t per_token_per_second = 0;  // Requests; 0: no limit. See token_rates.h.
  bool access_log = false;            // One line for each answer (access_log.h).
};

// With TLS: for its handshake, which counts as a connection.
inline constexpr Duration kHandshakeTime = std::chrono::seconds(10);

class Service final {
 public:
  // `writer` runs its work on the store's committing thread, in order. `text` may be null: then
  // lists cannot be asked for by their text.
  Service(store::MailStore& store, Directory& directory, const BodyDecoder& decoder,
          WorkPool& read_pool, WorkPool& writer, const Clock& clock, TextSearch* text = nullptr);
  ~Service();

  // Before Serve().
  void SetOptions(const ServiceOptions& options);
  // Connections accepted from now on speak TLS; null: plain text. On the service's loop.
  // `context`: TlsContext::Server().
  void SetTls(std::shared_ptr<const net::TlsContext> context);
  // Before Serve(): /v1/submissions is there. `outgoing` outlives the service.
  void EnableSending(Outgoing& outgoing);
  // Before Serve(): mailboxes can be added and removed. `mailboxes` outlives the service.
  void EnableAdding(MailboxAdmin& mailboxes);
  // Accepts and serves until Stop(); completes when every connection has ended.
  net::Task<void> Serve(net::Listener& listener);
  // Stops accepting, lets running requests end, then closes. Idempotent.
  void Stop();
  // The tenant's change log has grown: its event streams go on at once, rather than when they next
  // look for themselves. On the service's loop.
  void OnChanges(std::string_view tenant);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailhaul::http
