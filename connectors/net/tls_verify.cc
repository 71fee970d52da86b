#include "connectors/net/tls_verify.h"

#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "base/check.h"
#include "base/text.h"
#include "base/units.h"
#include "connectors/net/host_name.h"
#include "connectors/net/network.h"

namespace mailhaul::net {
namespace {

constexpr int kNamesShownMax = 5;
constexpr size_t kNameBytesShownMax = 100;

std::string NameText(const GENERAL_NAME& name) {
  if (name.type == GEN_DNS) {
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name.d.dNSName));
    const auto length = static_cast<size_t>(ASN1_STRING_length(name.d.dNSName));
    return EscapeForLog({text, length}, kNameBytesShownMax);
  }
  const unsigned char* const bytes = ASN1_STRING_get0_data(name.d.iPAddress);
  const int length = ASN1_STRING_length(name.d.iPAddress);
  if (length == 4) {
    return IpAddress::V4(bytes[0], bytes[1], bytes[2], bytes[3]).ToString();
  }
  IpAddress address;
  if (length != static_cast<int>(address.bytes.size())) {
    return "a malformed address";
  }
  std::copy(bytes, bytes + length, address.bytes.begin());
  return address.ToString();
}

std::string AlternativeNames(const X509* certificate) {
  const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_names);
  std::string text;
  int shown = 0;
  int more = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) {
      continue;
    }
    if (shown == kNamesShownMax) {
      ++more;
      continue;
    }
    text += (shown == 0 ? "" : ", ") + NameText(*name);
    ++shown;
  }
  return more == 0 ? text : text + " and " + std::to_string(more) + " more";
}

std::string IssuerText(const X509* certificate) {
  char buffer[256] = {};
  X509_NAME_oneline(X509_get_issuer_name(certificate), buffer, sizeof buffer);
  return EscapeForLog(buffer);
}

std::string TimeText(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return "an unreadable date";
  }
  return FormatRfc3339(WallTime(std::chrono::seconds(timegm(&parts))));
}

int ProblemIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  MH_CHECK(index > 0);
  return index;
}

CertificateProblem* ProblemOf(X509_STORE_CTX* context) {
  const auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return static_cast<CertificateProblem*>(SSL_get_ex_data(ssl, ProblemIndex()));
}

int OnVerified(int passed, X509_STORE_CTX* context) {
  CertificateProblem* const problem = ProblemOf(context);
  if (passed == 1 || problem == nullptr || problem->error != X509_V_OK) {
    return passed;
  }
  problem->error = X509_STORE_CTX_get_error(context);
  const X509* const leaf = X509_STORE_CTX_get0_cert(context);
  const X509* const failing = X509_STORE_CTX_get_current_cert(context);
  if (leaf != nullptr) {
    problem->names = AlternativeNames(leaf);
  }
  if (failing != nullptr) {
    problem->issuer = IssuerText(failing);
    problem->expires = TimeText(X509_get0_notAfter(failing));
    problem->begins = TimeText(X509_get0_notBefore(failing));
  }
  return passed;
}

std::string Explain(const CertificateProblem& problem, const std::string& host_name) {
  switch (problem.error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the certificate is for " +
             (problem.names.empty() ? "no host name at all" : problem.names) + ", not for " +
             EscapeForLog(host_name) + "; connect to a name the certificate is for";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate expired on " + problem.expires + "; the server needs a new one";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid before " + problem.begins +
             "; check this machine's clock";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "the certificate is signed by an unknown authority (" + problem.issuer +
             "); if it is your own, name its file in network.ca_file";
    default:
      return std::string("the certificate was refused: ") +
             X509_verify_cert_error_string(problem.error);
  }
}

}  // namespace

Status SetUpVerification(SSL* ssl, const std::string& host_name, CertificateProblem* problem) {
  SSL_set_ex_data(ssl, ProblemIndex(), problem);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, &OnVerified);
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(ssl);
  MH_ASSIGN_OR_RETURN(const std::string name, CanonicalHost(host_name));
  const Result<IpAddress> literal = IpAddress::Parse(name);
  bool accepted = false;
  if (literal.ok()) {
    accepted = X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1;
  } else {
    // RFC 9525: alternative names only, and "*" stands for a whole label.
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    std::string sent = name;  // OpenSSL's interface is older than const.
    accepted =
        X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1 &&
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sent.data()) == 1;
  }
  if (!accepted) {
    return {Code::kInvalidArgument,
            "\"" + EscapeForLog(host_name, kNameBytesShownMax) + "\" is not a host name"};
  }
  return {};
}

Status ToStatus(const CertificateProblem& problem, const std::string& host_name) {
  return {Code::kTlsFailed, Explain(problem, host_name)};
}

}  // namespace mailhaul::net
