#include "connectors/smtp/transaction.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/smtp/address.h"
#include "connectors/smtp/command_encoder.h"
#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {
namespace {

bool NeedsUtf8(const Envelope& envelope, const MessageFacts& facts) {
  return facts.eight_bit_header || HasNonAscii(envelope.from) ||
         std::any_of(envelope.recipients.begin(), envelope.recipients.end(),
                     [](const EnvelopeRecipient& to) { return HasNonAscii(to.address); });
}

Obstacle ObstacleOf(const Envelope& envelope, const MessageFacts& facts,
                    const Extensions& extensions) {
  const uint64_t size_max = extensions.size_max.value_or(0);
  if (size_max > 0 && facts.wire_bytes > size_max) {
    return Obstacle::kTooLarge;
  }
  if (facts.has_nul) {
    return Obstacle::kNul;
  }
  if (facts.line_bytes_max > kMessageLineBytesMax) {
    return Obstacle::kLongLines;
  }
  if (NeedsUtf8(envelope, facts) && !extensions.smtputf8) {
    return Obstacle::kUtf8;
  }
  return facts.eight_bit && !extensions.eight_bit_mime ? Obstacle::kEightBit : Obstacle::kNone;
}

std::string Describe(Obstacle obstacle, const MessageFacts& facts, const Extensions& extensions) {
  switch (obstacle) {
    case Obstacle::kTooLarge:
      return "the message has " + std::to_string(facts.wire_bytes) + " bytes, more than the " +
             std::to_string(extensions.size_max.value_or(0)) + " that the server takes";
    case Obstacle::kNul:
      return "the message holds NUL bytes, which cannot be sent; encode its parts";
    case Obstacle::kLongLines:
      return "the message has a line of " + std::to_string(facts.line_bytes_max) +
             " bytes, and lines are at most " + std::to_string(kMessageLineBytesMax) +
             " long; encode its parts";
    case Obstacle::kUtf8:
      return "addresses or header fields are not ASCII, and the server does not offer SMTPUTF8";
    case Obstacle::kEightBit:
      return "the message holds 8-bit text, and the server does not offer 8BITMIME; encode its "
             "parts";
    case Obstacle::kAddress:
    case Obstacle::kNone:
      break;
  }
  return {};
}

}  // namespace

Transaction::Transaction(Connection& connection, const Extensions& extensions,
                         const SessionOptions& options, const Envelope& envelope,
                         MessageSource& source, SendObserver& observer)
    : connection_(connection),
      extensions_(extensions),
      options_(options),
      envelope_(envelope),
      source_(source),
      observer_(observer),
      transfer_(connection, source, observer) {
  result_.recipients.resize(envelope.recipients.size());
}

Status Transaction::FindObstacle() {
  const MessageFacts& facts = source_.facts();
  result_.obstacle = ObstacleOf(envelope_, facts, extensions_);
  if (result_.obstacle != Obstacle::kNone) {
    return {Code::kMessageRejected, Describe(result_.obstacle, facts, extensions_)};
  }
  return {};
}

Status Transaction::EncodeEnvelope(bool reset_first) {
  result_.obstacle = Obstacle::kAddress;
  if (envelope_.recipients.empty() || envelope_.recipients.size() > kRecipientsMax) {
    return {Code::kInvalidArgument, "an envelope has 1 to " + std::to_string(kRecipientsMax) +
                                        " recipients, not " +
                                        std::to_string(envelope_.recipients.size())};
  }
  if (reset_first) {
    commands_.emplace_back("RSET\r\n");
  }
  mail_command_ = commands_.size();
  MailParameters parameters;
  parameters.wire_bytes = source_.facts().wire_bytes;
  parameters.eight_bit = source_.facts().eight_bit;
  parameters.utf8 = NeedsUtf8(envelope_, source_.facts());
  MH_ASSIGN_OR_RETURN(std::string mail, EncodeMail(envelope_, parameters, extensions_));
  commands_.push_back(std::move(mail));
  for (const EnvelopeRecipient& recipient : envelope_.recipients) {
    MH_ASSIGN_OR_RETURN(std::string command, EncodeRecipient(recipient, extensions_));
    commands_.push_back(std::move(command));
  }
  result_.obstacle = Obstacle::kNone;
  return {};
}

net::Task<SendResult> Transaction::Run(bool reset_first) {
  Status refused = FindObstacle();
  if (refused.ok()) {
    refused = EncodeEnvelope(reset_first);
  }
  if (!refused.ok()) {
    result_.state = SendState::kRejected;
    result_.status = std::move(refused);
    co_return std::move(result_);
  }
  began_ = true;
  broken_ = co_await Converse();
  Conclude();
  co_return std::move(result_);
}

net::Task<Status> Transaction::Converse() {
  CO_RETURN_IF_ERROR(SendEnvelope());
  if (mail_refusal_.has_value() || !AnyAccepted()) {
    co_return Status::Ok();
  }
  observer_.OnRecipients(result_.recipients);
  if (options_.use_chunking && extensions_.chunking) {
    co_return co_await transfer_.Chunks(extensions_.pipelining);
  }
  co_return co_await transfer_.Data();
}

net::Task<Status> Transaction::SendEnvelope() {
  const size_t bytes_max = extensions_.pipelining ? kPipelineBytesMax : 1;
  for (size_t next = 0; next < commands_.size() && !mail_refusal_.has_value();) {
    const Status in_step = connection_.CheckInStep();
    if (!in_step.ok()) {
      co_return in_step;
    }
    std::string group = commands_[next];
    size_t end = next + 1;
    while (end < commands_.size() && group.size() + commands_[end].size() <= bytes_max) {
      group += commands_[end++];
    }
    CO_RETURN_IF_ERROR(connection_.Write(group, kReplyTimeout));
    for (; next < end; ++next) {
      CO_TRY(Reply reply, connection_.ReadReply(kReplyTimeout));
      const Status taken = TakeReply(next, std::move(reply));
      if (!taken.ok()) {
        co_return taken;
      }
      if (connection_.closing()) {
        co_return Status::Ok();  // Of MAIL: no further replies will come.
      }
    }
  }
  co_return Status::Ok();
}

Status Transaction::TakeReply(size_t command, Reply reply) {
  if (reply.intermediate()) {
    return {Code::kProtocol, "the server answers a command with " + reply.ToString()};
  }
  if (command > mail_command_) {
    return TakeRecipientReply(&result_.recipients[command - mail_command_ - 1], std::move(reply));
  }
  if (reply.positive()) {
    return {};
  }
  if (command < mail_command_) {
    return ClassifyRefusal(reply, Step::kReset, "RSET").status;
  }
  mail_refusal_ = std::move(reply);
  return {};
}

Status Transaction::TakeRecipientReply(RecipientResult* recipient, Reply reply) {
  recipient->reply = std::move(reply);
  recipient->accepted = recipient->reply.positive();
  if (recipient->accepted) {
    return {};
  }
  const Refusal refusal = ClassifyRefusal(recipient->reply, Step::kRecipient, "RCPT TO");
  recipient->permanent = refusal.permanent;
  return connection_.closing() ? refusal.status : Status::Ok();
}

bool Transaction::AnyAccepted() const {
  return std::any_of(result_.recipients.begin(), result_.recipients.end(),
                     [](const RecipientResult& to) { return to.accepted; });
}

void Transaction::Conclude() {
  if (!broken_.ok()) {
    const bool unknown = transfer_.end_begun();
    result_.state = unknown ? SendState::kUnknown : SendState::kTemporary;
    result_.status =
        unknown ? Status(Code::kUnknownOutcome,
                         "the message was handed over, but not confirmed: " + broken_.message())
                : broken_;
  } else if (mail_refusal_.has_value()) {
    // What pipelined RCPTs were told says nothing about the recipients.
    result_.recipients.assign(result_.recipients.size(), RecipientResult());
    ConcludeRefusal(*mail_refusal_, Step::kMail, "MAIL FROM " + EscapeForLog(envelope_.from));
  } else if (!AnyAccepted()) {
    ConcludeRecipients();
  } else if (transfer_.reply()->positive()) {
    result_.state = SendState::kSent;
    result_.final_reply = *transfer_.reply();
  } else {
    ConcludeRefusal(*transfer_.reply(), transfer_.step(), "the message");
  }
}

void Transaction::ConcludeRefusal(const Reply& reply, Step step, const std::string& what) {
  const Refusal refusal = ClassifyRefusal(reply, step, what);
  result_.state = refusal.permanent ? SendState::kRejected : SendState::kTemporary;
  result_.status = refusal.status;
  result_.final_reply = reply;
}

// All were refused. One that may succeed later decides for all.
void Transaction::ConcludeRecipients() {
  const auto begin = result_.recipients.begin();
  const auto temporary = std::find_if(begin, result_.recipients.end(),
                                      [](const RecipientResult& to) { return !to.permanent; });
  const size_t decisive =
      temporary == result_.recipients.end() ? 0 : static_cast<size_t>(temporary - begin);
  ConcludeRefusal(result_.recipients[decisive].reply, Step::kRecipient,
                  "RCPT TO " + EscapeForLog(envelope_.recipients[decisive].address));
}

}  // namespace mailhaul::smtp
