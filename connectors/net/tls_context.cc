#include "connectors/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/text.h"
#include "connectors/net/tls_sessions.h"

namespace mailhaul::net {
namespace {

constexpr size_t kPemBytesMax = 1024 * 1024;

template <auto Function>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Function(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<&BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freer<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<&EVP_PKEY_free>>;

Status Invalid(const std::string& what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return {Code::kInvalidArgument, what + (reason != nullptr ? std::string(": ") + reason : "")};
}

SSL_CTX* MakeContext(const SSL_METHOD* method) {
  ERR_clear_error();
  SSL_CTX* const context = SSL_CTX_new(method);
  MH_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle session then holds no record buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return context;
}

BioPtr MemoryBio(std::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Status UseCertificates(SSL_CTX* context, std::string_view pem) {
  const BioPtr bio = MemoryBio(pem);
  const X509Ptr leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return Invalid("cannot use the TLS certificate");
  }
  while (true) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) {
      break;
    }
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      return Invalid("cannot use the chain of the TLS certificate");
    }
    static_cast<void>(next.release());  // The context owns it now.
  }
  ERR_clear_error();  // Reading ends with "no start line".
  return {};
}

int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return 0; }

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* context, std::unique_ptr<TlsSessionCache> sessions)
    : context_(context), sessions_(std::move(sessions)) {}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::Client(const std::string& ca_file,
                                                             bool resume) {
  const std::shared_ptr<const TlsContext> context(new TlsContext(
      MakeContext(TLS_client_method()), resume ? std::make_unique<TlsSessionCache>() : nullptr));
  if (resume) {
    EnableSessions(context->raw());
  }
  SSL_CTX_set_verify(context->raw(), SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context->raw()) != 1) {
      return Invalid("cannot load the system's certificate authorities");
    }
  } else if (SSL_CTX_load_verify_file(context->raw(), ca_file.c_str()) != 1) {
    return Invalid("cannot load the certificate authorities in " + EscapeForLog(ca_file));
  }
  ERR_clear_error();
  return context;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::Server(std::string_view certificate_pem,
                                                             const Secret& key_pem) {
  if (certificate_pem.size() > kPemBytesMax || key_pem.Reveal().size() > kPemBytesMax) {
    return Status(Code::kInvalidArgument, "the TLS certificate or key is larger than 1 MiB");
  }
  const std::shared_ptr<const TlsContext> context(
      new TlsContext(MakeContext(TLS_server_method()), nullptr));
  MH_RETURN_IF_ERROR(UseCertificates(context->raw(), certificate_pem));
  const BioPtr bio = MemoryBio(key_pem.Reveal());
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassword, nullptr));
  if (key == nullptr || SSL_CTX_use_PrivateKey(context->raw(), key.get()) != 1) {
    return Invalid("cannot use the TLS key");
  }
  return context;
}

}  // namespace mailhaul::net
