// What a TLS connection gives to bind a login to. Included by the files of this folder only.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>

#include "connectors/net/stream.h"

namespace mailhaul::net {

// Of an established connection, the same on both of its sides: tls-exporter with TLS 1.3 (RFC
// 9266), else tls-server-end-point (RFC 5929). None when that is not defined for the certificate.
std::optional<ChannelBinding> ChannelBindingOf(SSL* ssl);

// tls-server-end-point of a certificate: its hash by its own signature's algorithm, by SHA-256
// instead of MD5 and SHA-1. Empty when that algorithm hashes nothing (Ed25519).
std::string EndPointOf(const X509* certificate);

}  // namespace mailhaul::net
