// What HTTP asks of sending: to make a message of what a client wrote, and to look at the outbox.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/outbox.h"

namespace mailhaul::http {

struct DraftAddress {
  std::string name;
  std::string email;
};

struct DraftPart {
  std::string filename;
  std::string content_type;
  std::string bytes;  // Decoded.
  std::optional<std::string> content_id;
};

// A message as a client describes it. Nothing of it is checked beyond its shape.
struct SubmissionDraft {
  std::string mailbox;             // Its name.
  std::optional<std::string> raw;  // RFC 5322 bytes: then there is nothing below.
  std::optional<DraftAddress> from;
  std::vector<DraftAddress> to, cc, bcc, reply_to;
  std::string subject;
  std::string text;
  std::string html;
  std::vector<DraftPart> attachments;
  std::string in_reply_to;              // A Message-ID.
  std::vector<std::string> references;  // Of the message that it answers, if that is stored.
  std::vector<std::pair<std::string, std::string>> headers;
};

class Outgoing {
 public:
  virtual ~Outgoing() = default;
  // Read pool. What the outbox takes, but for send_at, key and fingerprint; `deadline` counts from
  // `send_at`. kInvalidArgument: "FIELD: why". kServerRefused: the mailbox cannot send. kNotFound:
  // there is no such mailbox.
  virtual Result<store::NewSubmission> Compose(const std::string& tenant,
                                               const SubmissionDraft& draft,
                                               WallTime send_at) const = 0;
  // Any thread. For how long a submission of the tenant is tried.
  virtual std::chrono::milliseconds RetryFor(const std::string& tenant) const = 0;
  // Any thread. It was accepted, canceled or is to be tried again.
  virtual void Changed(const store::Submission& submission) = 0;
};

}  // namespace mailhaul::http
