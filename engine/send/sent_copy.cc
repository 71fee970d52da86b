#include "engine/send/sent_copy.h"

#include <algorithm>
#include <utility>

#include "connectors/smtp/message_source.h"
#include "engine/pipeline/content_mapper.h"

namespace mailhaul::send {
namespace {

constexpr std::string_view kSentRole = "sent";

// The best of role `role` that is still listed at the source, or never was.
const store::FolderRecord* FindRole(const std::vector<store::FolderRecord>& folders,
                                    std::string_view role) {
  const store::FolderRecord* best = nullptr;
  for (const store::FolderRecord& folder : folders) {
    if (folder.role == role && (best == nullptr || (!best->listed && folder.listed))) {
      best = &folder;
    }
  }
  return best;
}

}  // namespace

Result<std::string> ReadBody(const store::Outbox& outbox, const store::Submission& submission) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source, outbox.OpenRaw(submission));
  std::string bytes(static_cast<size_t>(source->size()), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const std::span<char> rest(bytes.data() + done, bytes.size() - done);
    MH_ASSIGN_OR_RETURN(const size_t got, source->ReadAt(done, rest));
    if (got == 0) {
      return Status(Code::kCorrupt,
                    "the message of submission " + FormatId(submission.id.value) + " ends early");
    }
    done += got;
  }
  return bytes;
}

LoadedMessage Examine(std::string bytes, const store::Submission& submission) {
  LoadedMessage message;
  message.bytes = std::move(bytes);
  smtp::MessageScanner scanner;
  scanner.Append(message.bytes);
  message.facts = scanner.Finish();
  const pipeline::ParsedContent parsed =
      pipeline::ParseContent(MemoryByteSource(message.bytes), submission.id.value);
  message.copy.content = parsed.record;
  message.copy.thread = parsed.thread;
  message.copy.quarantined = parsed.quarantined;
  const size_t header = pipeline::HeaderBytes(message.bytes);
  if (header != std::string_view::npos) {
    message.copy.identity = store::ComputeIdentity(
        std::string_view(message.bytes).substr(0, header), message.bytes.size());
  }
  return message;
}

Status ChooseSentFolder(store::MailStore& store, MailboxId mailbox, store::SentCopy& copy) {
  MH_ASSIGN_OR_RETURN(const std::vector<store::FolderRecord> folders, store.ListFolders(mailbox));
  const store::FolderRecord* sent = FindRole(folders, kSentRole);
  if (sent != nullptr && sent->is_label) {
    const store::FolderRecord* all = FindRole(folders, "all");
    if (all != nullptr) {
      copy.folder = all->id;
      copy.keywords.assign(1, std::string(kSentRole));
      return {};
    }
  }
  if (sent != nullptr) {
    copy.folder = sent->id;
    return {};
  }
  MH_ASSIGN_OR_RETURN(copy.folder, store.EnsureFolder(mailbox, "Sent", kSentRole));
  return {};
}

}  // namespace mailhaul::send
