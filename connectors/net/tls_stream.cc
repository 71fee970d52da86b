#include "connectors/net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/net/host_name.h"
#include "connectors/net/tls_binding.h"
#include "connectors/net/tls_bio.h"
#include "connectors/net/tls_sessions.h"
#include "connectors/net/tls_verify.h"

namespace mailhaul::net {
namespace {

// Plaintext encrypted at a time: bounds the ciphertext in memory.
constexpr size_t kWriteChunkBytes = size_t{64} * 1024;
constexpr Duration kCloseTimeout = std::chrono::seconds(5);
constexpr size_t kForeignBytesShownMax = 60;

enum class Outcome : uint8_t { kDone, kWantsInput, kEnded, kFailed };

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> inner, std::shared_ptr<const TlsContext> context)
      : inner_(std::move(inner)), context_(std::move(context)), ssl_(SSL_new(context_->raw())) {
    MH_CHECK(ssl_ != nullptr);
    BIO* const bio = wire_.NewBio();
    SSL_set_bio(ssl_.get(), bio, bio);
  }
  ~TlsStream() override {
    // OpenSSL takes a session for broken when its connection ends without a close_notify, however
    // sound it was.
    if (established_ && failure_.code() != Code::kProtocol) {
      SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
  }

  Status BecomeClient(const std::string& host_name) {
    host_name_ = host_name;
    SSL_set_connect_state(ssl_.get());
    MH_RETURN_IF_ERROR(SetUpVerification(ssl_.get(), host_name, &problem_));
    MH_ASSIGN_OR_RETURN(sessions_.name, CanonicalHost(host_name));
    sessions_.cache = context_->sessions();
    if (sessions_.cache != nullptr) {
      UseSessions(ssl_.get(), sessions_);
    }
    return {};
  }
  void BecomeServer(std::string foreign_answer) {
    foreign_answer_ = std::move(foreign_answer);
    SSL_set_accept_state(ssl_.get());
  }
  Task<Status> Handshake();

  Task<Result<size_t>> Read(std::span<char> out) override;
  Task<Status> Write(std::string_view bytes) override;
  void SetDeadline(TimePoint deadline) override { inner_->SetDeadline(deadline); }
  void Abort() override { inner_->Abort(); }
  Task<void> Close() override;
  bool secure() const override { return true; }
  std::optional<ChannelBinding> channel_binding() const override {
    return established_ ? ChannelBindingOf(ssl_.get()) : std::nullopt;
  }
  std::string peer_name() const override { return inner_->peer_name(); }

 private:
  struct SslFreer {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  // What the last call of OpenSSL, which returned `result`, means.
  Outcome Judge(int result);
  Outcome HandshakeStep();
  // Decrypts into `out` what has arrived.
  Outcome Decrypt(std::span<char> out, size_t& done);
  Status Encrypt(std::string_view bytes);
  Task<Status> ReceiveInput();
  Task<Status> Flush();
  // The failure in OpenSSL's error queue.
  Status DescribeFailure() const;
  Status NotTls() const;

  const std::unique_ptr<Stream> inner_;
  const std::shared_ptr<const TlsContext> context_;
  TlsWire wire_;
  CertificateProblem problem_;
  TlsSessionTarget sessions_;  // Of a client.
  const std::unique_ptr<SSL, SslFreer> ssl_;
  std::string host_name_;  // Empty on the server's side.
  std::string foreign_answer_;
  bool established_ = false;
  bool ended_ = false;  // By close_notify.
  Status failure_;      // Of OpenSSL or inner_; then ssl_ is used no more.
  std::string sending_;
  bool flushing_ = false;
  OneShot<bool> flushed_;
};

Outcome TlsStream::Judge(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return Outcome::kDone;
    case SSL_ERROR_WANT_READ:
      return Outcome::kWantsInput;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return Outcome::kEnded;
    default:
      if (failure_.ok()) {
        failure_ = DescribeFailure();
      }
      return Outcome::kFailed;
  }
}

Status TlsStream::DescribeFailure() const {
  const unsigned long error = ERR_peek_error();
  if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
      ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return {Code::kUnreachable,
            peer_name() + (established_ ? ": the connection ended without TLS close_notify"
                                        : ": the connection ended during the TLS handshake")};
  }
  if (problem_.error != X509_V_OK) {
    return ToStatus(problem_, host_name_).WithContext(peer_name());
  }
  const char* const reason = ERR_reason_error_string(error);
  return {established_ ? Code::kProtocol : Code::kTlsFailed,
          peer_name() + (established_ ? ": broken TLS: " : ": the TLS handshake failed: ") +
              (reason != nullptr ? reason : "unknown reason")};
}

Status TlsStream::NotTls() const {
  if (host_name_.empty()) {  // A client's request may begin with a secret.
    return {Code::kTlsFailed, peer_name() + ": this is not TLS"};
  }
  return {Code::kTlsFailed, peer_name() + ": this is not TLS (it begins with \"" +
                                EscapeForLog(wire_.unread_input(), kForeignBytesShownMax) +
                                "\"); is this port for STARTTLS?"};
}

Outcome TlsStream::HandshakeStep() {
  ERR_clear_error();
  return Judge(SSL_do_handshake(ssl_.get()));
}

Outcome TlsStream::Decrypt(std::span<char> out, size_t& done) {
  while (done < out.size()) {
    size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), out.data() + done, out.size() - done, &count);
    if (result != 1) {
      return Judge(result);
    }
    done += count;
  }
  return Outcome::kDone;
}

Status TlsStream::Encrypt(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t count = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    if (result != 1) {
      // The wire takes everything and renegotiation is off, so nothing can be waited for.
      if (Judge(result) != Outcome::kFailed) {
        failure_ = Status(Code::kUnreachable, peer_name() + ": the TLS session has ended");
      }
      return failure_;
    }
    bytes.remove_prefix(count);
  }
  return {};
}

Task<Status> TlsStream::ReceiveInput() {
  const std::span<char> space = wire_.InputSpace();
  Result<size_t> count = co_await inner_->Read(space);
  if (!count.ok()) {
    failure_ = count.status();
    co_return failure_;
  }
  if (*count == 0) {
    wire_.EndInput();
  }
  wire_.AddInput(*count);
  co_return Status::Ok();
}

// Only one at a time; the one that runs also sends what others add meanwhile.
Task<Status> TlsStream::Flush() {
  flushing_ = true;
  Status status;
  while (wire_.has_output() && status.ok()) {
    wire_.TakeOutput(sending_);
    status = co_await inner_->Write(sending_);
  }
  wire_.ReleaseOutput(sending_);
  flushing_ = false;
  if (!status.ok() && failure_.ok()) {
    failure_ = status;
  }
  if (flushed_.waiting()) {
    flushed_.Set(true);
  }
  co_return status;
}

Task<Status> TlsStream::Handshake() {
  bool first = true;
  while (true) {
    const Outcome outcome = HandshakeStep();
    if (wire_.has_output()) {
      const Status sent = co_await Flush();
      if (!sent.ok() && outcome != Outcome::kFailed) {
        co_return sent;
      }
    }
    if (outcome == Outcome::kDone) {
      established_ = true;
      co_return Status::Ok();
    }
    if (outcome == Outcome::kFailed) {
      if (sessions_.cache != nullptr) {
        sessions_.cache->Forget(sessions_.name);  // Should resuming be what the server dislikes.
      }
      co_return failure_;
    }
    CO_RETURN_IF_ERROR(ReceiveInput());
    // The content type of a TLS record lies between 20 and 23 (RFC 8446 section 5.1).
    const std::string_view input = wire_.unread_input();
    if (first && !input.empty() && (input.front() < 20 || input.front() > 23)) {
      failure_ = NotTls();
      const Status answered = co_await inner_->Write(foreign_answer_);
      static_cast<void>(answered);
      co_return failure_;
    }
    first = false;
  }
}

Task<Result<size_t>> TlsStream::Read(std::span<char> out) {
  MH_CHECK(!out.empty());
  while (true) {
    if (!failure_.ok()) {
      co_return failure_;
    }
    if (ended_) {
      co_return size_t{0};
    }
    size_t done = 0;
    const Outcome outcome = Decrypt(out, done);
    if (wire_.has_output() && !flushing_) {
      // The answer to a key update, or an alert. Its failure shows in the next operation.
      const Status sent = co_await Flush();
      static_cast<void>(sent);
    }
    if (done > 0) {
      co_return done;
    }
    if (outcome == Outcome::kWantsInput && failure_.ok()) {
      CO_RETURN_IF_ERROR(ReceiveInput());
    }
  }
}

Task<Status> TlsStream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    while (flushing_) {
      const bool flushed = co_await flushed_.Wait();
      static_cast<void>(flushed);
    }
    if (!failure_.ok()) {
      co_return failure_;
    }
    const std::string_view chunk = bytes.substr(0, kWriteChunkBytes);
    const Status encrypted = Encrypt(chunk);
    if (!encrypted.ok()) {
      co_return encrypted;
    }
    bytes.remove_prefix(chunk.size());
    CO_RETURN_IF_ERROR(Flush());
  }
  co_return failure_;
}

Task<void> TlsStream::Close() {
  if (failure_.ok() && established_ && !flushing_) {
    inner_->SetDeadline(Loop::Current()->Now() + kCloseTimeout);
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    const Status sent = co_await Flush();
    static_cast<void>(sent);
  }
  co_await inner_->Close();
}

Task<Result<std::unique_ptr<Stream>>> RunHandshake(std::unique_ptr<TlsStream> stream,
                                                   TimePoint deadline, CancelToken* cancel) {
  stream->SetDeadline(deadline);
  std::optional<CancelToken::Registration> registration;
  if (cancel != nullptr) {
    TlsStream* const target = stream.get();
    registration.emplace(*cancel, [target] { target->Abort(); });
  }
  const Status done = co_await stream->Handshake();
  if (!done.ok()) {
    co_await stream->Close();
    co_return done;
  }
  stream->SetDeadline(TimePoint::max());
  std::unique_ptr<Stream> result = std::move(stream);
  co_return std::move(result);
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> ConnectTls(std::unique_ptr<Stream> stream,
                                                 std::shared_ptr<const TlsContext> context,
                                                 std::string host_name, TimePoint deadline,
                                                 CancelToken* cancel) {
  auto tls = std::make_unique<TlsStream>(std::move(stream), std::move(context));
  const Status accepted = tls->BecomeClient(host_name);
  if (!accepted.ok()) {
    co_await tls->Close();
    co_return accepted;
  }
  co_return co_await RunHandshake(std::move(tls), deadline, cancel);
}

Task<Result<std::unique_ptr<Stream>>> AcceptTls(std::unique_ptr<Stream> stream,
                                                std::shared_ptr<const TlsContext> context,
                                                TimePoint deadline, CancelToken* cancel,
                                                std::string foreign_answer) {
  auto tls = std::make_unique<TlsStream>(std::move(stream), std::move(context));
  tls->BecomeServer(std::move(foreign_answer));
  co_return co_await RunHandshake(std::move(tls), deadline, cancel);
}

}  // namespace mailhaul::net
