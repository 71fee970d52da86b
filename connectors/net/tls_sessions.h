// Sessions that TLS servers let us resume. Included by the files of this folder only.
//
// A resumed handshake shows no certificate: the session stands for the one that was verified when
// it began. So sessions are kept under the very name they were verified for, beside the authorities
// that vouched for it (a TlsContext), and for an hour at most.
#pragma once

#include <openssl/ssl.h>

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"

namespace mailhaul::net {

struct TlsSessionFreer {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using TlsSessionPtr = std::unique_ptr<SSL_SESSION, TlsSessionFreer>;

// Thread-safe.
class TlsSessionCache final {
 public:
  static constexpr size_t kSessionsMax = 1024;  // Of some 5 KiB; the least recently used gives way.
  // The processes behind one name may each have a key of their own for tickets.
  static constexpr size_t kSessionsPerNameMax = 8;
  static constexpr Duration kAgeMax = std::chrono::hours(1);

  TlsSessionCache() = default;
  TlsSessionCache(const TlsSessionCache&) = delete;
  TlsSessionCache& operator=(const TlsSessionCache&) = delete;

  // The newest session of `name`, or null. One of TLS 1.3 is given away once (RFC 8446 appendix
  // C.4).
  TlsSessionPtr Take(const std::string& name, TimePoint now);
  void Add(const std::string& name, TlsSessionPtr session, TimePoint now);
  void Forget(const std::string& name);
  size_t size() const;

 private:
  struct Entry {
    std::string name;
    TlsSessionPtr session;
    TimePoint expires;
  };
  using Entries = std::list<Entry>;

  void Erase(Entries::iterator entry);

  mutable std::mutex mutex_;
  // Both under mutex_.
  Entries entries_;                                              // Most recently used first.
  std::map<std::string, std::vector<Entries::iterator>> names_;  // Newest last; none is empty.
};

// Where the sessions of one connection go. Must outlive its SSL.
struct TlsSessionTarget {
  TlsSessionCache* cache = nullptr;
  std::string name;
};

// Makes the clients of `context` keep their sessions.
void EnableSessions(SSL_CTX* context);
// Resumes a session of target.name if there is one, and keeps those that come. Loop thread, before
// the handshake.
void UseSessions(SSL* ssl, TlsSessionTarget& target);

}  // namespace mailhaul::net
