#include "tests/store/row_audit.h"

#include <map>

#include "base/text.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "store/placements.h"
#include "store/records.h"
#include "store/sent_placement.h"

namespace mailhaul::store {
namespace {

using Rows = std::map<std::string, std::string>;

struct Counters {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t unread = 0;
  uint64_t gone = 0;
  uint64_t deleted_gone = 0;
  std::map<uint32_t, uint64_t> placed;  // Not gone, by UIDVALIDITY.
};

class Audit final {
 public:
  Audit(KeyValueStore& records, ShardId shard, TenantId tenant)
      : records_(records), shard_(shard), tenant_(tenant) {}

  std::vector<std::string> Run() {
    for (const auto& [key, value] : Read(Keyspace::kPlacement)) {
      const MessageId id = ReadMessageId(key);
      const Result<Placement> placement = DecodePlacement(value);
      if (!placement.ok()) {
        Complain("placement", key, "unreadable");
        continue;
      }
      Expect(id, *placement);
    }
    for (const auto& [key, value] : Read(Keyspace::kSubmission)) {
      Count(key, value);
    }
    for (const Keyspace keyspace :
         {Keyspace::kContent, Keyspace::kMailboxDate, Keyspace::kTenantDate, Keyspace::kContentHash,
          Keyspace::kUid, Keyspace::kIdentity, Keyspace::kGone}) {
      Compare(keyspace);
    }
    CompareBlobs();
    CompareFolders();
    CompareMailboxes();
    return std::move(complaints_);
  }

 private:
  Rows Read(Keyspace keyspace) {
    std::string prefix(1, static_cast<char>(keyspace));
    prefix.push_back(static_cast<char>(shard_ >> 8));
    prefix.push_back(static_cast<char>(shard_ & 0xFF));
    Rows rows;
    const Status status =
        VisitRows(records_, prefix, [&](std::string_view key, std::string_view value) {
          rows.emplace(key, value);
          return Status::Ok();
        });
    if (!status.ok()) {
      complaints_.push_back(status.ToString());
    }
    return rows;
  }

  void Want(std::string key, std::string value) {
    const auto keyspace = static_cast<Keyspace>(key.front());
    wanted_[keyspace].emplace(std::move(key), std::move(value));
  }

  void Expect(MessageId id, const Placement& p) {
    if (p.identity) {
      Want(IdentityKey(p.mailbox, *p.identity, id), "");
    }
    Counters& folder = folders_[{p.mailbox, p.folder}];
    mailboxes_[p.mailbox];
    if (p.gone) {
      Want(GoneKey(p.mailbox, p.sha256, id), p.deleted ? "d" : p.awaited ? "L" : "");
      ++(p.deleted ? folder.deleted_gone : folder.gone);
    } else {
      Want(UidKey(p.mailbox, p.folder, p.uid_validity, p.uid), IdValue(id));
      Want(ContentHashKey(tenant_, p.mailbox, p.folder, p.sha256, p.uid_validity, id), "");
      ++folder.placed[p.uid_validity];
    }
    if (!p.deleted) {
      ExpectShown(id, p);
    }
  }

  void ExpectShown(MessageId id, const Placement& p) {
    const FolderId folder = p.local.folder ? *p.local.folder : p.folder;
    const bool seen = p.local.seen ? *p.local.seen : p.flags % 2 == 1;
    Want(ContentKey(id), "");
    Want(MailboxDateKey(tenant_, p.mailbox, p.internal_date, id), FolderValue(folder));
    Want(TenantDateKey(shard_, tenant_, p.internal_date, id), "");
    Counters& shown = folders_[{p.mailbox, folder}];
    ++shown.messages;
    shown.unread += seen ? 0 : 1;
    Counters& mailbox = mailboxes_[p.mailbox];
    ++mailbox.messages;
    mailbox.bytes += p.size;
    ++blobs_[BlobKey(shard_, tenant_, p.sha256)];
  }

  // A submission refers to its body as a placement does.
  void Count(const std::string& key, const std::string& value) {
    if (key != SubmissionKey({ReadMessageId(key).value})) {
      return;  // A row of the list.
    }
    const Result<Submission> submission = DecodeSubmission({ReadMessageId(key).value}, value);
    if (!submission.ok()) {
      Complain("submission", key, "unreadable");
      return;
    }
    ++blobs_[BlobKey(shard_, tenant_, submission->sha256)];
  }

  void Complain(const std::string& what, const std::string& key, const std::string& why) {
    complaints_.push_back(what + " row " + HexEncode(key) + ": " + why);
  }

  void Compare(Keyspace keyspace) {
    const std::string name = "keyspace " + std::to_string(static_cast<int>(keyspace));
    const Rows stored = Read(keyspace);
    const Rows& wanted = wanted_[keyspace];
    for (const auto& [key, value] : wanted) {
      const auto found = stored.find(key);
      if (found == stored.end()) {
        Complain(name, key, "missing");
      } else if (keyspace != Keyspace::kContent && found->second != value) {
        Complain(name, key, "has another value");
      }
    }
    for (const auto& [key, value] : stored) {
      if (!wanted.contains(key)) {
        Complain(name, key, "leads to no placement");
      }
    }
  }

  void CompareBlobs() {
    const Rows stored = Read(Keyspace::kBlob);
    for (const auto& [key, value] : stored) {
      const Result<BlobReference> reference = DecodeBlobReference(value);
      if (!reference.ok() || reference->count != blobs_[key]) {
        Complain("blob", key, "counts other placements than the " + std::to_string(blobs_[key]));
      }
    }
    for (const auto& [key, count] : blobs_) {
      if (count > 0 && !stored.contains(key)) {
        Complain("blob", key, "missing");
      }
    }
  }

  static uint64_t PlacedIn(const Counters& counted) {
    uint64_t placed = 0;
    for (const auto& [uid_validity, count] : counted.placed) {
      placed += count;
    }
    return placed;
  }

  void CompareFolders() {
    for (const auto& [key, value] : Read(Keyspace::kFolder)) {
      const MailboxId mailbox{ReadU64(key, kKeyPrefixBytes)};
      const FolderId id = ReadU32(key, kKeyPrefixBytes + sizeof(uint64_t));
      const FolderState folder = DecodeFolder(id, value).value();
      const Counters& counted = folders_[{mailbox, id}];
      if (folder.record.messages != counted.messages || folder.record.unread != counted.unread ||
          folder.record.gone != counted.gone || folder.deleted_gone != counted.deleted_gone ||
          folder.record.placed != PlacedIn(counted)) {
        Complain("folder", key, "wrong counters");
      }
      uint64_t stale = 0;
      for (const auto& [uid_validity, count] : counted.placed) {
        stale += uid_validity == folder.placements_validity ? 0 : count;
      }
      if (folder.stale_placements < stale) {
        Complain("folder", key, "too few placements of earlier UIDVALIDITYs");
      }
      if (folder.stale_placements > PlacedIn(counted)) {
        Complain("folder", key, "more placements of earlier UIDVALIDITYs than placements");
      }
      folders_.erase({mailbox, id});
    }
    if (!folders_.empty()) {
      complaints_.emplace_back("placements in a folder that has no row");
    }
  }

  void CompareMailboxes() {
    for (const auto& [mailbox, counted] : mailboxes_) {
      MailboxRecord record;
      const Status status = ReadMailboxRow(records_, mailbox, record);
      if (!status.ok() || record.messages != counted.messages || record.bytes != counted.bytes) {
        Complain("mailbox", MailboxKey(mailbox), "wrong counters");
      }
    }
  }

  KeyValueStore& records_;
  const ShardId shard_;
  const TenantId tenant_;
  std::map<Keyspace, Rows> wanted_;
  std::map<std::string, uint64_t> blobs_;
  std::map<std::pair<MailboxId, FolderId>, Counters> folders_;
  std::map<MailboxId, Counters> mailboxes_;
  std::vector<std::string> complaints_;
};

}  // namespace

std::vector<std::string> AuditRows(KeyValueStore& records, ShardId shard, TenantId tenant) {
  return Audit(records, shard, tenant).Run();
}

}  // namespace mailhaul::store
