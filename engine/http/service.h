// The HTTP endpoint: HTTP/1.1 on our own streams with Boost.Beast's parser, answers from the store
// alone. What it serves: docs/http.md.
//
// Belongs to one loop. Store reads run on `read_pool`, never on the loop.
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
#include "store/mail_store.h"

namespace mailhaul::http {

// Limits of one server. A request beyond one is answered with the matching 4xx and the connection
// is closed.
inline constexpr size_t kTargetBytesMax = 8 * 1024;
inline constexpr size_t kHeaderBytesMax = 64 * 1024;
inline constexpr size_t kHeaderFieldsMax = 100;
inline constexpr size_t kBodyBytesMax = 1024 * 1024;
inline constexpr size_t kConnectionsMax = 1000;
inline constexpr size_t kRequestsPerConnectionMax = 100'000;

struct TokenGrant {
  std::string tenant;
  bool read = false;
  bool send = false;
  bool admin = false;
};

// Live facts about a mailbox that the store does not hold. Called on the service's loop.
struct MailboxLive {
  std::string state;  // "ok", "pending", "collecting", "unreachable", "throttled",
                      // "needs_credentials", "error"
  std::optional<WallTime> next_due_at{};
  std::optional<int64_t> lag_seconds{};
  bool throttled = false;
};

class Directory {
 public:
  virtual ~Directory() = default;
  // By the SHA-256 of the presented token; null: no such token.
  virtual const TokenGrant* FindToken(std::string_view sha256) const = 0;
  // Names of the tenant's configured mailboxes, sorted.
  virtual std::vector<std::string> MailboxNames(std::string_view tenant) const = 0;
  virtual MailboxLive Live(std::string_view tenant, std::string_view mailbox) const = 0;
  // A read that names one mailbox makes it active.
  virtual void MarkActive(std::string_view tenant, std::string_view mailbox) = 0;
  // Checks the mailbox now, ahead of others. False: it was asked for less than 10 s ago.
  virtual bool Refresh(std::string_view tenant, std::string_view mailbox) = 0;
  // Fetches a message that was left out for its size. False: too many are asked for already.
  virtual bool FetchWhole(std::string_view tenant, std::string_view mailbox, MessageId message) = 0;
  virtual bool Ready() const = 0;
};

// Decodes bodies; a view on the engine's MIME parser. Called on the read pool.
class BodyDecoder {
 public:
  virtual ~BodyDecoder() = default;
  struct Text {
    std::string text;
    std::string html;
  };
  virtual Text Decode(const ByteSource& raw) const = 0;
};

class Service final {
 public:
  Service(store::MailStore& store, Directory& directory, const BodyDecoder& decoder,
          WorkPool& read_pool, const Clock& clock);
  ~Service();

  // Accepts and serves until Stop(); completes when every connection has ended.
  net::Task<void> Serve(net::Listener& listener);
  // Stops accepting, lets running requests end, then closes. Idempotent.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailhaul::http
