// One message handed to us to send: what is stored of it, and how its state may change.
//
//            BeginAttempt        MarkEndOfData            FinishAttempt
//   queued ---------------> sending -------> sending+mark ---------------> sent, failed, queued
//     |  ^                     |                  |
//     |  |  AbandonAttempt     |                  |  AbandonAttempt, or an unknown outcome
//     |  '---------------------'                  '-------------> uncertain
//     | Cancel                                                     |   |   | Retry: queued
//     '-----------> canceled <-------------------------------------'   '---' SettleAsSent: sent
//
// A mark that is durable says: the server may have the message. Without one it does not, whatever
// happened to the process. Pure functions: no clock, no store.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "store/blob_store.h"

namespace mailhaul::store {

// A record always fits one value: recipients and what servers said of them are bounded.
inline constexpr size_t kSubmissionRecipientsMax = 100;
inline constexpr size_t kSubmissionReplyBytesMax = 200;
inline constexpr size_t kSubmissionTextBytesMax = 1000;
// A submission that has ended is forgotten after this long, with its Idempotency-Key.
inline constexpr std::chrono::hours kSubmissionKept{30 * 24};
// When its copy in the source's Sent folder is given up.
inline constexpr uint32_t kFilingAttemptsMax = 20;
// How often an uncertain submission is looked for in Sent.
inline constexpr uint32_t kSettleAttemptsMax = 6;

enum class SubmissionState : uint8_t {  // Values are stored: never renumber.
  kQueued = 1,
  kSending = 2,
  kSent = 3,
  kFailed = 4,
  kCanceled = 5,
  kUncertain = 6,
};
std::string_view ToString(SubmissionState state);  // "queued", ...
std::optional<SubmissionState> ParseSubmissionState(std::string_view name);

struct SubmissionRecipient {
  enum class State : uint8_t {  // Values are stored: never renumber.
    kPending = 0,               // Not sent to; a reply, if any, was a temporary refusal.
    kAccepted = 1,              // The server has taken the message for it.
    kRefused = 2,               // Refused for good.
    kInDoubt = 3,               // Sent or not: nobody knows.
  };
  std::string address;
  State state = State::kPending;
  uint16_t code = 0;  // The server's last reply; 0: none yet.
  std::string text;   // Its enhanced code and text; from the server: escape before use.
};

struct Submission {
  SubmissionId id;
  TenantId tenant;
  MailboxId mailbox;
  SubmissionState state = SubmissionState::kQueued;
  bool marked = false;  // The end of data of this attempt may have been sent.
  std::string from;     // Of the envelope.
  std::vector<SubmissionRecipient> recipients;
  Sha256 sha256{};  // Of the message's bytes, which lie at `location`.
  BlobLocation location;
  std::string message_id;  // With angle brackets.
  std::string subject;     // UTF-8; its beginning.
  WallTime created_at{};
  WallTime send_at{};
  WallTime next_at{};   // Next attempt; when uncertain, the next look into Sent.
  WallTime deadline{};  // Not tried again after it.
  WallTime ended_at{};  // 0: not yet.
  uint32_t attempts = 0;
  std::string error_code;  // Why the last attempt did not end it, or why it failed; "": nothing.
  std::string error_detail;

  enum class Filing : uint8_t {  // The copy in Sent at the source. Stored: never renumber.
    kNone = 0,                   // Nothing is sent yet, or no copy is wanted.
    kWanted = 1,
    kAppending = 2,  // An APPEND may have happened: Sent is searched before another.
    kDone = 3,
    kGivenUp = 4,
  };
  Filing filing = Filing::kNone;
  WallTime filing_at{};
  uint32_t filing_attempts = 0;
  uint32_t settle_attempts = 0;  // Looks into Sent while uncertain.
  MessageId placement;           // Its message in the store; 0: not sent yet.

  std::optional<std::array<unsigned char, 16>> key;  // Hash of the Idempotency-Key.
  Sha256 fingerprint{};                              // Of the request; with a key.
};

// What a submission waits for, and when.
struct SubmissionStep {
  enum class Kind : uint8_t {  // Values are stored: never renumber.
    kSend = 1,
    kFile = 2,
    kSettle = 3,
    kForget = 4,
  };
  Kind kind = Kind::kSend;
  WallTime at{};
};
// The earliest one; none when only a user can go on.
std::optional<SubmissionStep> NextStep(const Submission& submission);

bool IsEnded(const Submission& submission);
bool HasAccepted(const Submission& submission);

// What a server says to one recipient of an attempt.
struct RecipientReply {
  size_t recipient = 0;  // Its place in Submission::recipients.
  bool accepted = false;
  bool permanent = false;  // Refused for good.
  uint16_t code = 0;       // 0: it was not asked.
  std::string text;
};

// How an attempt ended. Its recipients are those that were pending when it began.
struct AttemptOutcome {
  enum class Kind : uint8_t {
    kSent,       // The server took it for the accepted ones.
    kRefused,    // Not sent, never will be.
    kTemporary,  // Not sent.
    kUnknown,
  };
  Kind kind = Kind::kTemporary;
  // Those left out were not asked.
  std::vector<RecipientReply> recipients;
  std::string error_code;  // Of a failure of the whole.
  std::string error_detail;
  WallTime retry_at{};     // When what may be tried again will be.
  bool file_copy = false;  // A copy in Sent is ours to make.
};

// Each fails with kConflict when the submission is in another state than it starts from; then
// nothing has changed.
Status BeginAttempt(Submission& submission, WallTime now);
// With the replies to RCPT: should the process die now, what is in doubt is what was accepted.
Status MarkEndOfData(Submission& submission, const std::vector<RecipientReply>& replies);
Status FinishAttempt(Submission& submission, const AttemptOutcome& outcome, WallTime now);
// The process ended, or the session broke down, within an attempt: what is known then.
Status AbandonAttempt(Submission& submission, WallTime now);
// The store is an earlier state of itself: what was to be sent, or filed, may have been since. What
// has ended stays as it is.
void DoubtAfterRestore(Submission& submission, WallTime now);
// Nothing was begun, and the server is not to be had: not before `retry_at`.
Status Postpone(Submission& submission, WallTime now, WallTime retry_at, std::string_view code,
                std::string_view detail);
// While queued or uncertain.
Status Cancel(Submission& submission, WallTime now);
// The user's word that an uncertain one, or one that failed, is to be sent (again).
Status Retry(Submission& submission, WallTime now, WallTime deadline);
// Its Message-ID was found in Sent, which nobody but the server can have put there.
Status SettleAsSent(Submission& submission, WallTime now);
// It was not found, which proves nothing.
Status NoteNotFound(Submission& submission, WallTime next_look);

Status BeginFiling(Submission& submission);
Status FinishFiling(Submission& submission);
// `unknown`: the APPEND may have happened. Given up after kFilingAttemptsMax.
Status FailFiling(Submission& submission, bool unknown, bool final, WallTime retry_at);

std::string EncodeSubmission(const Submission& submission);
Result<Submission> DecodeSubmission(SubmissionId id, std::string_view record);  // kCorrupt.

}  // namespace mailhaul::store
