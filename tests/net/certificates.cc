#include "tests/net/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "base/check.h"

namespace mailhaul::net {
namespace {

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  MH_CHECK(extension != nullptr);
  MH_CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509* MakeCertificate(EVP_PKEY* key, const CertificateRequest& request) {
  static std::atomic<long> serial{1000};
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), request.valid_from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request.valid_to_seconds);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                             -1, -1, 0);
  return certificate;
}

void Sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  MH_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
}

std::string TakeText(BIO* bio) {
  char* bytes = nullptr;
  const long length = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &bytes);
  std::string text(bytes, static_cast<size_t>(length));
  BIO_free(bio);
  return text;
}

std::string ToPem(X509* certificate) {
  BIO* const bio = BIO_new(BIO_s_mem());
  MH_CHECK(PEM_write_bio_X509(bio, certificate) == 1);
  return TakeText(bio);
}

EVP_PKEY* MakeKey() {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  MH_CHECK(key != nullptr);
  return key;
}

std::string WriteTemporaryFile(const std::string& contents) {
  std::string path = "/tmp/mailhaul-test-XXXXXX";
  const int descriptor = mkstemp(path.data());
  MH_CHECK(descriptor >= 0);
  MH_CHECK(write(descriptor, contents.data(), contents.size()) ==
           static_cast<ssize_t>(contents.size()));
  close(descriptor);
  return path;
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : key_(MakeKey()), certificate_(MakeCertificate(key_, {.common_name = name})) {
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  AddExtension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_, certificate_, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(certificate_, certificate_, NID_subject_key_identifier, "hash");
  Sign(certificate_, certificate_, key_);
  ca_file_ = WriteTemporaryFile(certificate_pem());
}

TestAuthority::~TestAuthority() {
  unlink(ca_file_.c_str());
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string TestAuthority::certificate_pem() const { return ToPem(certificate_); }

IssuedCertificate TestAuthority::Issue(const CertificateRequest& request) const {
  EVP_PKEY* const key = MakeKey();
  X509* const certificate = MakeCertificate(key, request);
  if (!request.subject_alt_names.empty()) {
    AddExtension(certificate, certificate_, NID_subject_alt_name, request.subject_alt_names);
  }
  Sign(certificate, certificate_, key_);
  BIO* const bio = BIO_new(BIO_s_mem());
  MH_CHECK(PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  IssuedCertificate issued;
  issued.certificate_pem = ToPem(certificate);
  issued.key_pem = Secret(TakeText(bio));
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

}  // namespace mailhaul::net
