// Checks of a server's certificate, and what to tell people when one fails. Included by the files
// of this folder only.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "base/result.h"

namespace mailhaul::net {

// The first check that failed during a handshake. The certificate itself is gone afterwards, hence
// the texts.
struct CertificateProblem {
  int error = X509_V_OK;
  std::string names;    // Subject alternative names of the server's certificate.
  std::string issuer;   // Who signed the certificate that failed.
  std::string expires;  // RFC 3339.
  std::string begins;
};

// Makes `ssl` verify the chain and `host_name` (RFC 9525; a literal as an IP name), send SNI, and
// record what fails in `problem`, which must outlive the handshake.
Status SetUpVerification(SSL* ssl, const std::string& host_name, CertificateProblem* problem);

// kTlsFailed: which check failed, and what to do.
Status ToStatus(const CertificateProblem& problem, const std::string& host_name);

}  // namespace mailhaul::net
