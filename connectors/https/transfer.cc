#include "connectors/https/transfer.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace mailhaul::https {

// What libcurl calls. `user` is the Transfer.
struct Callbacks {
  static size_t OnHeader(char* /*line*/, size_t size, size_t count, void* user) {
    auto* transfer = static_cast<Transfer*>(user);
    transfer->header_bytes_ += size * count;
    if (transfer->header_bytes_ > kHttpHeaderBytesMax) {
      transfer->refused_ = {Code::kProtocol, "the header of the answer is larger than " +
                                                 std::to_string(kHttpHeaderBytesMax) + " bytes"};
      return 0;
    }
    return size * count;
  }

  static size_t OnBody(char* bytes, size_t size, size_t count, void* user) {
    auto* transfer = static_cast<Transfer*>(user);
    if (size * count > kHttpBodyBytesMax - transfer->body_.size()) {
      transfer->refused_ = TooLarge();
      return 0;
    }
    transfer->body_.append(bytes, size * count);
    return size * count;
  }

  static curl_socket_t OnSocket(void* user, curlsocktype /*purpose*/, curl_sockaddr* address) {
    auto* transfer = static_cast<Transfer*>(user);
    const net::IpAddress target = AddressOf(address->addr);
    if (target != transfer->options_.endpoint.address) {
      transfer->refused_ = {Code::kInternal,
                            "libcurl connects to another address than it was told"};
      return CURL_SOCKET_BAD;
    }
    transfer->refused_ =
        CheckDestination(transfer->options_.target, {target}, transfer->options_.allow_private);
    if (!transfer->refused_.ok()) {
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  static Status TooLarge() {
    return {Code::kProtocol,
            "the answer is larger than " + std::to_string(kHttpBodyBytesMax) + " bytes"};
  }

  // All zero, which is no destination, for other families.
  static net::IpAddress AddressOf(const sockaddr& address) {
    net::IpAddress result;
    if (address.sa_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, &address, sizeof v4);
      std::array<uint8_t, 4> bytes{};
      std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
      result = net::IpAddress::V4(bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (address.sa_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, &address, sizeof v6);
      std::memcpy(result.bytes.data(), &v6.sin6_addr, result.bytes.size());
    }
    return result;
  }
};

namespace {

constexpr char kUserAgent[] = "mailhaul";
constexpr std::chrono::hours kRetryAfterMax{24};

template <typename Value>
void Set(CURL* handle, CURLoption option, Value value) {
  MH_CHECK(curl_easy_setopt(handle, option, value) == CURLE_OK);
}

bool IsHeaderText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

long Milliseconds(Duration duration) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<long>(std::max<decltype(whole)>(whole, 1));  // 0 would mean no limit.
}

// What the caller does next.
Code CodeOf(CURLcode code, std::string_view explanation) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Code::kTimeout;
    case CURLE_SSL_CONNECT_ERROR:
      // The connection broke during the handshake.
      return explanation.find("SSL_ERROR_SYSCALL") != std::string_view::npos ? Code::kUnreachable
                                                                             : Code::kTlsFailed;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
      return Code::kTlsFailed;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return Code::kUnreachable;
    case CURLE_OUT_OF_MEMORY:
      return Code::kResourceExhausted;
    default:
      return Code::kProtocol;
  }
}

std::string ContentType(CURL* handle) {
  const char* text = nullptr;
  if (curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &text) != CURLE_OK || text == nullptr) {
    return {};
  }
  std::string_view type(text);
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) {
    type.remove_suffix(1);
  }
  return AsciiLowered(type);
}

}  // namespace

Transfer::Transfer(const HttpRequest& request, TransferOptions options, Done done)
    : request_(request),
      options_(std::move(options)),
      done_(std::move(done)),
      handle_(curl_easy_init(), &curl_easy_cleanup),
      connect_to_(nullptr, &curl_slist_free_all),
      headers_(nullptr, &curl_slist_free_all) {
  MH_CHECK(handle_ != nullptr);
}

Transfer::~Transfer() {
  // What was received so far may hold tokens.
  static_cast<void>(Secret(std::move(body_)));
}

Status Transfer::Prepare(TimePoint now) {
  // Never grown: growing would leave copies of tokens behind.
  body_.reserve(kHttpBodyBytesMax);
  Set(handle(), CURLOPT_ERRORBUFFER, error_);
  Set(handle(), CURLOPT_HEADERFUNCTION, &Callbacks::OnHeader);
  Set<void*>(handle(), CURLOPT_HEADERDATA, this);
  Set(handle(), CURLOPT_WRITEFUNCTION, &Callbacks::OnBody);
  Set<void*>(handle(), CURLOPT_WRITEDATA, this);
  SetDestination();
  SetSecurity();
  MH_RETURN_IF_ERROR(SetLimits(now));
  return SetRequest();
}

void Transfer::SetDestination() {
  Set(handle(), CURLOPT_URL, options_.target.url.c_str());
  // Whatever host and port the URL has: to this endpoint, without asking any resolver.
  const std::string rule = "::" + options_.endpoint.ToString();
  connect_to_.reset(curl_slist_append(nullptr, rule.c_str()));
  Set(handle(), CURLOPT_CONNECT_TO, connect_to_.get());
  Set(handle(), CURLOPT_OPENSOCKETFUNCTION, &Callbacks::OnSocket);
  Set<void*>(handle(), CURLOPT_OPENSOCKETDATA, this);
  Set(handle(), CURLOPT_PROXY, "");
  Set(handle(), CURLOPT_NOPROXY, "*");
  Set(handle(), CURLOPT_PROTOCOLS_STR, options_.target.encrypted ? "https" : "http");
  Set(handle(), CURLOPT_FOLLOWLOCATION, 0L);
  // A connection that was idle may break after the request was sent; libcurl would send it again,
  // and a refresh token that is used twice can be void.
  Set(handle(), CURLOPT_FRESH_CONNECT, 1L);
  Set(handle(), CURLOPT_FORBID_REUSE, 1L);
  Set(handle(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
}

void Transfer::SetSecurity() {
  Set(handle(), CURLOPT_NOSIGNAL, 1L);
  Set(handle(), CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(handle(), CURLOPT_SSL_VERIFYPEER, 1L);
  Set(handle(), CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) {
    Set(handle(), CURLOPT_CAINFO, options_.ca_file.c_str());
    Set<const char*>(handle(), CURLOPT_CAPATH, nullptr);
  }
}

Status Transfer::SetLimits(TimePoint now) {
  if (options_.deadline <= now) {
    return {Code::kTimeout, "the time for the request is over before it was sent"};
  }
  const Duration left = options_.deadline - now;
  Set(handle(), CURLOPT_TIMEOUT_MS, Milliseconds(left));
  Set(handle(), CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(std::min(left, options_.connect_timeout)));
  Set(handle(), CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(kHttpBodyBytesMax));
  return {};
}

Status Transfer::SetRequest() {
  Set(handle(), CURLOPT_USERAGENT, kUserAgent);
  for (const auto& [name, value] : request_.headers) {
    if (name.empty() || !IsHeaderText(name) || !IsHeaderText(value) ||
        name.find_first_of(": ;") != std::string::npos) {
      return {Code::kInvalidArgument,
              "the header field \"" + EscapeForLog(name) + "\" holds characters it cannot"};
    }
    // ";" is how libcurl writes a field without a value.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
    MH_CHECK(longer != nullptr);
    static_cast<void>(headers_.release());  // Part of `longer`.
    headers_.reset(longer);
  }
  Set(handle(), CURLOPT_HTTPHEADER, headers_.get());
  if (request_.method == "POST") {
    const std::string_view body = request_.body.Reveal();
    Set(handle(), CURLOPT_POST, 1L);
    Set(handle(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    Set(handle(), CURLOPT_POSTFIELDS, body.data());
  } else if (request_.method != "GET") {
    return {Code::kInvalidArgument, "only GET and POST are spoken"};
  }
  return {};
}

HttpAnswer Transfer::TakeAnswer() {
  HttpAnswer answer;
  long status = 0;
  curl_off_t retry_after = 0;
  static_cast<void>(curl_easy_getinfo(handle(), CURLINFO_RESPONSE_CODE, &status));
  static_cast<void>(curl_easy_getinfo(handle(), CURLINFO_RETRY_AFTER, &retry_after));
  answer.status = static_cast<int>(status);
  answer.content_type = ContentType(handle());
  answer.retry_after = std::min(std::chrono::seconds(std::max<curl_off_t>(retry_after, 0)),
                                std::chrono::seconds(kRetryAfterMax));
  answer.body = Secret(std::move(body_));
  return answer;
}

Status Transfer::Explain(CURLcode code) const {
  const std::string where =
      EscapeForLog(options_.target.host) + " (" + options_.endpoint.ToString() + ")";
  if (!refused_.ok()) {
    return refused_.WithContext(where);
  }
  if (code == CURLE_FILESIZE_EXCEEDED) {
    return Callbacks::TooLarge().WithContext(where);
  }
  const std::string_view explanation = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  return Status(CodeOf(code, explanation), EscapeForLog(explanation)).WithContext(where);
}

void Transfer::Finish(CURLcode code) {
  TransferResult result;
  curl_off_t connect_time = 0;  // Stays 0 until TLS stands.
  static_cast<void>(curl_easy_getinfo(handle(), CURLINFO_CONNECT_TIME_T, &connect_time));
  result.connected =
      code != CURLE_COULDNT_CONNECT && (code != CURLE_OPERATION_TIMEDOUT || connect_time > 0);
  if (code == CURLE_OK) {
    result.answer = TakeAnswer();
  } else {
    result.answer = Explain(code);
  }
  done_(std::move(result));
}

void Transfer::Cancel(Status status) {
  TransferResult result;
  result.answer = std::move(status);
  result.connected = true;  // Nothing else is worth trying.
  done_(std::move(result));
}

}  // namespace mailhaul::https
