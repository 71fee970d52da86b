#include "connectors/net/tls_binding.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <string_view>

namespace mailhaul::net {
namespace {

constexpr std::string_view kExporterLabel = "EXPORTER-Channel-Binding";
constexpr size_t kExporterBytes = 32;

}  // namespace

std::string EndPointOf(const X509* certificate) {
  int hash = NID_undef;
  if (X509_get_signature_info(const_cast<X509*>(certificate), &hash, nullptr, nullptr, nullptr) !=
          1 ||
      hash == NID_undef) {
    return {};
  }
  const bool weak = hash == NID_md5 || hash == NID_sha1;
  const EVP_MD* const algorithm = weak ? EVP_sha256() : EVP_get_digestbynid(hash);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (algorithm == nullptr || X509_digest(certificate, algorithm, digest.data(), &size) != 1) {
    return {};
  }
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::optional<ChannelBinding> ChannelBindingOf(SSL* ssl) {
  if (SSL_version(ssl) >= TLS1_3_VERSION) {
    std::array<unsigned char, kExporterBytes> secret{};
    if (SSL_export_keying_material(ssl, secret.data(), secret.size(), kExporterLabel.data(),
                                   kExporterLabel.size(), nullptr, 0, 1) != 1) {
      return std::nullopt;
    }
    return ChannelBinding{
        .type = "tls-exporter",
        .data = std::string(reinterpret_cast<const char*>(secret.data()), secret.size())};
  }
  const X509* const certificate =
      SSL_is_server(ssl) != 0 ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
  std::string hash = certificate == nullptr ? std::string() : EndPointOf(certificate);
  if (hash.empty()) {
    return std::nullopt;
  }
  return ChannelBinding{.type = "tls-server-end-point", .data = std::move(hash)};
}

}  // namespace mailhaul::net
