// What TLS connections share: protocol versions, trusted authorities, a server's certificate.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

struct ssl_ctx_st;

namespace mailhaul::net {

class TlsSessionCache;

// Threads and loops may share it. TLS 1.2 or later, no renegotiation. Of a client it also keeps
// sessions for resumption, at most 1,024.
class TlsContext final {
 public:
  // `ca_file`: PEM, trusted instead of the system's authorities; empty: those. kInvalidArgument.
  // Without `resume` every handshake is a full one.
  static Result<std::shared_ptr<const TlsContext>> Client(const std::string& ca_file,
                                                          bool resume = true);
  // The server's certificate, followed by its intermediate ones. kInvalidArgument.
  static Result<std::shared_ptr<const TlsContext>> Server(std::string_view certificate_pem,
                                                          const Secret& key_pem);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For the files of this folder.
  ssl_ctx_st* raw() const { return context_; }
  TlsSessionCache* sessions() const { return sessions_.get(); }  // Null: none are kept.

 private:
  TlsContext(ssl_ctx_st* context, std::unique_ptr<TlsSessionCache> sessions);
  ssl_ctx_st* const context_;
  const std::unique_ptr<TlsSessionCache> sessions_;
};

}  // namespace mailhaul::net
