// One message on a session: the envelope, then a Transfer, and what came of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/smtp/connection.h"
#include "connectors/smtp/smtp_session.h"
#include "connectors/smtp/transfer.h"

namespace mailhaul::smtp {

class Transaction final {
 public:
  // All must outlive it.
  Transaction(Connection& connection, const Extensions& extensions, const SessionOptions& options,
              const Envelope& envelope, MessageSource& source, SendObserver& observer);

  // `reset_first`: RSET goes ahead of MAIL. Once.
  net::Task<SendResult> Run(bool reset_first);

  bool began() const { return began_; }  // Something was sent.
  // Why the conversation cannot go on; OK: it can.
  const Status& broken() const { return broken_; }

 private:
  // What stands against sending to this server, found before anything is sent.
  Status FindObstacle();
  Status EncodeEnvelope(bool reset_first);
  net::Task<Status> Converse();
  net::Task<Status> SendEnvelope();
  Status TakeReply(size_t command, Reply reply);
  Status TakeRecipientReply(RecipientResult* recipient, Reply reply);
  bool AnyAccepted() const;

  void Conclude();
  void ConcludeRefusal(const Reply& reply, Step step, const std::string& what);
  void ConcludeRecipients();

  Connection& connection_;
  const Extensions& extensions_;
  const SessionOptions& options_;
  const Envelope& envelope_;
  MessageSource& source_;
  SendObserver& observer_;
  Transfer transfer_;

  std::vector<std::string> commands_;  // RSET if asked, MAIL, one RCPT for each recipient.
  size_t mail_command_ = 0;
  bool began_ = false;
  std::optional<Reply> mail_refusal_;
  Status broken_;
  SendResult result_;
};

}  // namespace mailhaul::smtp
