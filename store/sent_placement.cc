#include "store/sent_placement.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr uint8_t kSeenFlag = 1;  // Who has sent it knows it.

}  // namespace

std::array<unsigned char, 16> AwaitedHash(std::string_view message_id) {
  if (message_id.size() >= 2 && message_id.front() == '<' && message_id.back() == '>') {
    message_id = message_id.substr(1, message_id.size() - 2);
  }
  const Sha256 hash = ComputeSha256(message_id);
  std::array<unsigned char, 16> half;
  std::copy_n(hash.begin(), half.size(), half.begin());
  return half;
}

Result<MessageId> AddSentPlacement(ShardBatch& batch, MailboxState& mailbox,
                                   const Submission& submission, const SentCopy& copy) {
  const MessageId id = batch.NextMessageId();
  Placement placement;
  placement.mailbox = mailbox.record.id;
  placement.folder = copy.folder;
  placement.flags = kSeenFlag;
  placement.keywords = copy.keywords;
  placement.internal_date = copy.date;
  placement.size = submission.location.size;
  placement.thread = copy.thread;
  placement.quarantined = copy.quarantined;
  placement.sha256 = submission.sha256;
  placement.location = submission.location;
  placement.identity = copy.identity;
  placement.gone = true;
  placement.awaited = AwaitedHash(submission.message_id);
  MH_CHECK(copy.content.size() <= kContentBytesMax);
  batch.Put(ContentKey(id), copy.content);
  MH_RETURN_IF_ERROR(ReplacePlacement(batch, mailbox, id, std::nullopt, std::move(placement)));
  return id;
}

}  // namespace mailhaul::store
