#include <algorithm>
#include <cstring>

#include "store/flat_record.h"
#include "store/submission.h"
#include "submission_generated.h"

namespace mailhaul::store {
namespace {

using flatbuffers::FlatBufferBuilder;

constexpr size_t kDigestBytes = 32;
constexpr size_t kKeyBytes = 16;

int64_t Milliseconds(WallTime time) { return time.time_since_epoch().count(); }
WallTime TimeOf(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

schema::BodyDigest ToDigest(const Sha256& hash) {
  return schema::BodyDigest(
      flatbuffers::span<const uint8_t, kDigestBytes>(hash.data(), kDigestBytes));
}

void FromDigest(const schema::BodyDigest* digest, Sha256& hash) {
  if (digest != nullptr) {
    std::memcpy(hash.data(), digest->bytes()->Data(), hash.size());
  }
}

bool IsKnownState(uint8_t state) {
  return state >= static_cast<uint8_t>(SubmissionState::kQueued) &&
         state <= static_cast<uint8_t>(SubmissionState::kUncertain);
}

bool TakeRecipients(const schema::Submission& root, Submission& submission) {
  if (root.recipients() == nullptr || root.recipients()->size() > kSubmissionRecipientsMax) {
    return false;
  }
  for (const schema::SubmissionRecipient* one : *root.recipients()) {
    if (one->state() > static_cast<uint8_t>(SubmissionRecipient::State::kInDoubt)) {
      return false;
    }
    submission.recipients.push_back({.address = TextOf(one->address()),
                                     .state = static_cast<SubmissionRecipient::State>(one->state()),
                                     .code = one->code(),
                                     .text = TextOf(one->text())});
  }
  return true;
}

auto PutRecipients(FlatBufferBuilder& builder, const Submission& submission) {
  std::vector<flatbuffers::Offset<schema::SubmissionRecipient>> recipients;
  for (const SubmissionRecipient& one : submission.recipients) {
    const auto address = PutText(builder, one.address);
    const auto text = PutText(builder, one.text);
    recipients.push_back(schema::CreateSubmissionRecipient(
        builder, address, static_cast<uint8_t>(one.state), one.code, text));
  }
  return builder.CreateVector(recipients);
}

void TakeTimesAndCounts(const schema::Submission& root, Submission& submission) {
  submission.created_at = TimeOf(root.created_ms());
  submission.send_at = TimeOf(root.send_at_ms());
  submission.next_at = TimeOf(root.next_at_ms());
  submission.deadline = TimeOf(root.deadline_ms());
  submission.ended_at = TimeOf(root.ended_ms());
  submission.filing_at = TimeOf(root.filing_at_ms());
  submission.attempts = root.attempts();
  submission.filing_attempts = root.filing_attempts();
  submission.settle_attempts = root.settle_attempts();
}

}  // namespace

std::string EncodeSubmission(const Submission& submission) {
  FlatBufferBuilder builder;
  const auto from = PutText(builder, submission.from);
  const auto recipients = PutRecipients(builder, submission);
  const auto message_id = PutText(builder, submission.message_id);
  const auto subject = PutText(builder, submission.subject);
  const auto error_code = PutText(builder, submission.error_code);
  const auto error_detail = PutText(builder, submission.error_detail);
  const schema::BodyDigest sha256 = ToDigest(submission.sha256);
  const schema::BodyDigest fingerprint = ToDigest(submission.fingerprint);
  const schema::BodyLocation location(submission.location.segment, submission.location.offset,
                                      submission.location.size);
  schema::KeyDigest key;
  if (submission.key) {
    key = schema::KeyDigest(
        flatbuffers::span<const uint8_t, kKeyBytes>(submission.key->data(), kKeyBytes));
  }
  schema::SubmissionBuilder record(builder);
  record.add_tenant(submission.tenant.value);
  record.add_mailbox(submission.mailbox.value);
  record.add_state(static_cast<uint8_t>(submission.state));
  record.add_marked(submission.marked);
  record.add_from(from);
  record.add_recipients(recipients);
  record.add_sha256(&sha256);
  record.add_location(&location);
  record.add_message_id(message_id);
  record.add_subject(subject);
  record.add_created_ms(Milliseconds(submission.created_at));
  record.add_send_at_ms(Milliseconds(submission.send_at));
  record.add_next_at_ms(Milliseconds(submission.next_at));
  record.add_deadline_ms(Milliseconds(submission.deadline));
  record.add_ended_ms(Milliseconds(submission.ended_at));
  record.add_attempts(submission.attempts);
  record.add_error_code(error_code);
  record.add_error_detail(error_detail);
  record.add_filing(static_cast<uint8_t>(submission.filing));
  record.add_filing_at_ms(Milliseconds(submission.filing_at));
  record.add_filing_attempts(submission.filing_attempts);
  record.add_settle_attempts(submission.settle_attempts);
  record.add_placement(submission.placement.value);
  if (submission.key) {
    record.add_key(&key);
    record.add_fingerprint(&fingerprint);
  }
  builder.Finish(record.Finish(), schema::SubmissionIdentifier());
  return TakeRecord(builder);
}

Result<Submission> DecodeSubmission(SubmissionId id, std::string_view record) {
  const AlignedBytes bytes(record);
  const auto* root = VerifiedRoot<schema::Submission>(bytes, schema::SubmissionIdentifier());
  Submission submission;
  if (root == nullptr || root->sha256() == nullptr || root->location() == nullptr ||
      !IsKnownState(root->state()) ||
      root->filing() > static_cast<uint8_t>(Submission::Filing::kGivenUp) ||
      !TakeRecipients(*root, submission)) {
    return Status(Code::kCorrupt, "not a valid submission record");
  }
  submission.id = id;
  submission.tenant = {root->tenant()};
  submission.mailbox = {root->mailbox()};
  submission.state = static_cast<SubmissionState>(root->state());
  submission.marked = root->marked();
  submission.from = TextOf(root->from());
  FromDigest(root->sha256(), submission.sha256);
  submission.location = {.segment = root->location()->segment(),
                         .offset = root->location()->offset(),
                         .size = root->location()->size()};
  submission.message_id = TextOf(root->message_id());
  submission.subject = TextOf(root->subject());
  TakeTimesAndCounts(*root, submission);
  submission.error_code = TextOf(root->error_code());
  submission.error_detail = TextOf(root->error_detail());
  submission.filing = static_cast<Submission::Filing>(root->filing());
  submission.placement = {root->placement()};
  if (root->key() != nullptr) {
    submission.key.emplace();
    std::memcpy(submission.key->data(), root->key()->bytes()->Data(), kKeyBytes);
    FromDigest(root->fingerprint(), submission.fingerprint);
  }
  return submission;
}

}  // namespace mailhaul::store
