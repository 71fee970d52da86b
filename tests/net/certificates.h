// Certificates made on the spot, for tests of TLS.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"

struct evp_pkey_st;
struct x509_st;

namespace mailhaul::net {

struct CertificateRequest {
  std::string subject_alt_names{};  // "DNS:imap.example.com,IP:127.0.0.1"; empty: none.
  std::string common_name = "test";
  long valid_from_seconds = -3600;  // From now.
  long valid_to_seconds = 3600;
};

struct IssuedCertificate {
  std::string certificate_pem;
  Secret key_pem;
};

// A certificate authority of its own, with an EC P-256 key.
class TestAuthority final {
 public:
  explicit TestAuthority(const std::string& name);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  std::string certificate_pem() const;
  IssuedCertificate Issue(const CertificateRequest& request) const;
  // Writes certificate_pem() to a file that lives as long as this object.
  const std::string& ca_file() const { return ca_file_; }

 private:
  evp_pkey_st* const key_;
  x509_st* const certificate_;
  std::string ca_file_;
};

}  // namespace mailhaul::net
