// A submission's bytes, and the message that the store shows once it is sent.
#pragma once

#include <string>

#include "base/result.h"
#include "connectors/smtp/data_encoder.h"
#include "store/outbox.h"

namespace mailhaul::send {

struct LoadedMessage {
  std::string bytes;
  smtp::MessageFacts facts;
  store::SentCopy copy;  // But for its folder and date.
};

// Read pool: the bytes, checked against their hash.
Result<std::string> ReadBody(const store::Outbox& outbox, const store::Submission& submission);
// CPU work.
LoadedMessage Examine(std::string bytes, const store::Submission& submission);

// Committer's thread. The folder in which sent messages of the mailbox are shown: the one of role
// "sent", made if there is none. Where that is only a label, its name becomes a tag and the folder
// is the one that holds everything.
Status ChooseSentFolder(store::MailStore& store, MailboxId mailbox, store::SentCopy& copy);

}  // namespace mailhaul::send
