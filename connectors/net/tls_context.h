// What TLS connections share: protocol versions, trusted authorities, a server's certificate.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

struct ssl_ctx_st;

namespace mailhaul::net {

// Immutable; threads and loops may share it. TLS 1.2 or later, no renegotiation.
class TlsContext final {
 public:
  // `ca_file`: PEM, trusted instead of the system's authorities; empty: those. kInvalidArgument.
  static Result<std::shared_ptr<const TlsContext>> Client(const std::string& ca_file);
  // The server's certificate, followed by its intermediate ones. kInvalidArgument.
  static Result<std::shared_ptr<const TlsContext>> Server(std::string_view certificate_pem,
                                                          const Secret& key_pem);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* raw() const { return context_; }  // For the files of this folder.

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* const context_;
};

}  // namespace mailhaul::net
