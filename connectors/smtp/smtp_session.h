// A logged-in connection to a submission server (RFC 5321, RFC 6409): hands over one message after
// the other.
//
// At most once: Send() tells apart "not sent" (kTemporary, kRejected), "sent", and the one window
// in which nobody can know (kUnknown): from the first byte of the end of data until the server's
// answer. SendObserver::BeforeEndOfData() is awaited right before that window, so that the caller
// can make a mark durable: a crash before the mark means that nothing was sent.
//
// Belongs to one loop, runs one call at a time. README.md tells the conversation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/smtp/envelope.h"
#include "connectors/smtp/extensions.h"
#include "connectors/smtp/message_source.h"
#include "connectors/smtp/reply.h"

namespace mailhaul::smtp {

class Connection;

struct SessionOptions {
  // What EHLO says: a domain name of ours, or an address in brackets.
  std::string client_name = "[127.0.0.1]";
  Duration login_timeout = std::chrono::seconds(60);  // From the dial to the end of the login.
  bool use_chunking = true;                           // BDAT where offered, else DATA.
};

enum class SendState : uint8_t {
  kSent,       // The server took it for those recipients that it accepted.
  kRejected,   // Not sent, and it never will be as it is.
  kTemporary,  // Not sent; may be sent again, after status.retry_after().
  kUnknown,    // Sent or not: the answer to the end of data was lost. Never resend blindly.
};

// What of the message itself this server cannot take; the composer may change it. For kRejected.
enum class Obstacle : uint8_t {
  kNone,
  kTooLarge,   // Than the server's SIZE.
  kEightBit,   // Bytes above 127 to a server without 8BITMIME: encode the parts.
  kUtf8,       // Non-ASCII addresses or header fields, and no SMTPUTF8.
  kLongLines,  // Over kMessageLineBytesMax: encode the parts.
  kNul,        // NUL bytes: encode the parts.
  kAddress,    // An address or parameter of the envelope breaks the grammar.
};

struct RecipientResult {
  bool accepted = false;
  bool permanent = false;  // Refused for good.
  Reply reply;             // To RCPT TO; code 0: the conversation did not get that far.
};

class SendObserver {
 public:
  virtual ~SendObserver() = default;
  // What the server has said to each recipient, in order, before any of the message is sent. Not
  // called when it accepted none.
  virtual void OnRecipients(std::span<const RecipientResult> recipients) {
    static_cast<void>(recipients);
  }
  // The server has everything but the end of data. A failure stops here: nothing was sent, and the
  // session is dead. Called at most once by each Send(); servers wait some minutes.
  virtual net::Task<Status> BeforeEndOfData() = 0;
};

struct SendResult {
  SendState state = SendState::kTemporary;
  // kOk exactly when sent; else why not, and what to do: kThrottled, kAuthFailed (the server wants
  // a login), kTlsFailed, kMessageRejected, kInvalidArgument (kAddress), kServerRefused,
  // kUnknownOutcome (kUnknown), or what ended the conversation: kUnreachable, kTimeout, kCancelled,
  // kProtocol, the source's or the observer's.
  Status status;
  Obstacle obstacle = Obstacle::kNone;
  Reply final_reply;                        // That which decided; code 0: none did.
  std::vector<RecipientResult> recipients;  // In the order of the envelope.
};

class SmtpSession final {
 public:
  SmtpSession(std::unique_ptr<Connection> connection, Extensions extensions,
              SessionOptions options);
  ~SmtpSession();
  SmtpSession(const SmtpSession&) = delete;
  SmtpSession& operator=(const SmtpSession&) = delete;

  // One message. Commands are pipelined where offered; data follows only when a recipient was
  // accepted, never on speculation. All arguments must live until done.
  net::Task<SendResult> Send(const Envelope& envelope, MessageSource& source,
                             SendObserver& observer);

  // Whether another Send() can work. False after a broken conversation, 421, or Abort().
  bool usable() const { return ended_.ok(); }
  const Extensions& extensions() const { return extensions_; }

  // A pending Send() ends: kUnknown in the window, else kTemporary, with kCancelled.
  void Abort();
  // QUIT if possible, then the close is confirmed.
  net::Task<void> Close();

 private:
  const std::unique_ptr<Connection> connection_;
  const Extensions extensions_;
  const SessionOptions options_;
  bool needs_reset_ = false;
  Status ended_;
};

// Dials, and leads the conversation to where messages can be sent: greeting, EHLO, STARTTLS if
// asked (required, never opportunistic), EHLO again, AUTH. Empty credentials: no AUTH. HELO
// replaces EHLO only without TLS and without login. `random` must outlive the call.
//
// kAuthFailed: the server refuses the credentials; kServerRefused: it offers no AUTH that fits;
// kThrottled: too many connections or logins; kTlsFailed: STARTTLS is missing, refused or unclean.
net::Task<Result<std::unique_ptr<SmtpSession>>> OpenSmtpSession(
    Dialer& dialer, ServerAddress server, Credentials credentials,
    std::optional<net::IpAddress> egress, Random& random, SessionOptions options);

}  // namespace mailhaul::smtp
