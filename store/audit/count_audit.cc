#include "store/audit/count_audit.h"

#include <string>

#include "store/audit/paging.h"
#include "store/audit/submission_audit.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "store/placements.h"

namespace mailhaul::store {
namespace {

constexpr size_t kFolderKeyBytes = kKeyPrefixBytes + sizeof(uint64_t) + sizeof(uint32_t);
constexpr size_t kHashOffset = kKeyPrefixBytes + sizeof(uint32_t);
constexpr size_t kBlobKeyBytes = kHashOffset + sizeof(Sha256);
// References are counted for so many bodies at a time: some 50 MB.
constexpr uint64_t kBodiesAtATime = 250'000;
constexpr size_t kPartsMax = 256;

std::string FolderName(MailboxId mailbox, FolderId folder) {
  return "mailbox " + FormatId(mailbox.value) + " folder " + std::to_string(folder);
}

std::string Numbers(const char* what, uint64_t stored, uint64_t counted) {
  return std::string(what) + " " + std::to_string(stored) + ", but there are " +
         std::to_string(counted);
}

}  // namespace

void CountAudit::Count(const Placement& p) {
  Counters& source = folders_[{p.mailbox, p.folder}];
  if (p.gone) {
    ++(p.deleted ? source.deleted_gone : source.gone);
  } else {
    ++source.placed[p.uid_validity];
  }
  if (p.deleted) {
    return;
  }
  Counters& shown = folders_[{p.mailbox, p.shown_folder()}];
  ++shown.messages;
  shown.unread += IsUnread(p.shown_flags()) ? 1 : 0;
  Counters& mailbox = mailboxes_[p.mailbox];
  ++mailbox.messages;
  mailbox.bytes += p.size;
}

Status CountAudit::Compare(const Owners& owners) {
  MH_RETURN_IF_ERROR(CompareFolders());
  MH_RETURN_IF_ERROR(CompareMailboxes(owners));
  return CompareBodies(owners);
}

Status CountAudit::CompareFolders() {
  MH_RETURN_IF_ERROR(
      PageThrough(records_, ShardPrefix(Keyspace::kFolder, shard_), [this](const Row& row) {
        ++report_.rows;
        if (row.key.size() != kFolderKeyBytes) {
          report_.Add(NameRow(row.key), "not the key of a folder");
          return Status::Ok();
        }
        const MailboxId mailbox{ReadU64(row.key, kKeyPrefixBytes)};
        const FolderId id = ReadU32(row.key, kFolderKeyBytes - sizeof(uint32_t));
        const std::string name = FolderName(mailbox, id);
        const Result<FolderState> folder = DecodeFolder(id, row.value);
        const Counters counted = folders_[{mailbox, id}];
        folders_.erase({mailbox, id});
        if (!folder.ok()) {
          report_.Add(name, "unreadable");
          return Status::Ok();
        }
        CompareFolder(name, *folder, counted);
        return Status::Ok();
      }));
  for (const auto& [at, counted] : folders_) {
    report_.Add(FolderName(at.first, at.second),
                "has no row, but " + std::to_string(counted.messages) + " messages");
  }
  return Status::Ok();
}

void CountAudit::CompareFolder(const std::string& name, const FolderState& folder,
                               const Counters& counted) {
  uint64_t placed = 0;
  uint64_t stale = 0;
  for (const auto& [uid_validity, count] : counted.placed) {
    placed += count;
    stale += uid_validity == folder.placements_validity ? 0 : count;
  }
  const auto compare = [&](const char* what, uint64_t stored, uint64_t expected) {
    if (stored != expected) {
      report_.Add(name, Numbers(what, stored, expected));
    }
  };
  compare("counts messages:", folder.record.messages, counted.messages);
  compare("counts unread:", folder.record.unread, counted.unread);
  compare("counts gone:", folder.record.gone, counted.gone);
  compare("counts deleted and gone:", folder.deleted_gone, counted.deleted_gone);
  compare("counts placed:", folder.record.placed, placed);
  if (folder.stale_placements < stale || folder.stale_placements > placed) {
    report_.Add(name, Numbers("bounds placements of earlier UIDVALIDITYs by",
                              folder.stale_placements, stale));
  }
}

Status CountAudit::CompareMailboxes(const Owners& owners) {
  for (const auto& [mailbox, tenant] : owners) {
    if (mailbox.shard() != shard_) {
      continue;
    }
    ++report_.rows;
    const Counters& counted = mailboxes_[mailbox];
    const std::string name = "mailbox " + FormatId(mailbox.value);
    MailboxRecord record;
    const Status read = ReadMailboxRow(records_, mailbox, record);
    if (!read.ok() && read.code() != Code::kCorrupt) {
      return read;
    }
    if (!read.ok()) {
      report_.Add(name, "unreadable");
    } else if (record.messages != counted.messages) {
      report_.Add(name, Numbers("counts messages:", record.messages, counted.messages));
    } else if (record.bytes != counted.bytes) {
      report_.Add(name, Numbers("counts bytes:", record.bytes, counted.bytes));
    }
  }
  return Status::Ok();
}

Status CountAudit::CompareBodies(const Owners& owners) {
  uint64_t bodies = 0;
  MH_RETURN_IF_ERROR(
      PageThrough(records_, ShardPrefix(Keyspace::kBlob, shard_), [&bodies](const Row& /*row*/) {
        ++bodies;
        return Status::Ok();
      }));
  report_.rows += bodies;
  const size_t parts = std::min<uint64_t>(bodies / kBodiesAtATime + 1, kPartsMax);
  for (size_t part = 0; part < parts; ++part) {
    MH_RETURN_IF_ERROR(ComparePart(owners, part, parts));
  }
  return Status::Ok();
}

// Bodies fall into parts by the first byte of their hash.
Status CountAudit::ComparePart(const Owners& owners, size_t part, size_t parts) {
  std::unordered_map<std::string, uint64_t> counts;  // By key of the reference.
  MH_RETURN_IF_ERROR(CountReferences(owners, part, parts, counts));
  MH_RETURN_IF_ERROR(
      PageThrough(records_, ShardPrefix(Keyspace::kBlob, shard_), [&](const Row& row) {
        if (row.key.size() != kBlobKeyBytes) {
          if (part == 0) {
            report_.Add(NameRow(row.key), "not the key of a body");
          }
          return Status::Ok();
        }
        if (static_cast<unsigned char>(row.key[kHashOffset]) % parts != part) {
          return Status::Ok();
        }
        const Result<BlobReference> reference = DecodeBlobReference(row.value);
        const auto counted = counts.find(row.key);
        const uint64_t count = counted == counts.end() ? 0 : counted->second;
        if (!reference.ok()) {
          report_.Add(NameRow(row.key), "not a readable reference to a body");
        } else if (reference->count != count) {
          report_.Add(NameRow(row.key), Numbers("counts placements:", reference->count, count));
        }
        counts.erase(row.key);
        return Status::Ok();
      }));
  for (const auto& [key, count] : counts) {
    report_.Add(NameRow(key),
                "missing: " + std::to_string(count) + " messages and submissions have no body");
  }
  return Status::Ok();
}

Status CountAudit::CountReferences(const Owners& owners, size_t part, size_t parts,
                                   std::unordered_map<std::string, uint64_t>& counts) {
  MH_RETURN_IF_ERROR(VisitSubmissions(records_, shard_, [&](const Submission& submission) {
    if (submission.sha256.front() % parts == part) {
      ++counts[BlobKey(shard_, submission.tenant, submission.sha256)];
    }
  }));
  return PageThrough(records_, ShardPrefix(Keyspace::kPlacement, shard_), [&](const Row& row) {
    const Result<Placement> placement = DecodePlacement(row.value);
    if (!placement.ok() || placement->deleted || placement->sha256.front() % parts != part) {
      return Status::Ok();
    }
    const auto owner = owners.find(placement->mailbox);
    if (owner != owners.end()) {
      ++counts[BlobKey(shard_, owner->second, placement->sha256)];
    }
    return Status::Ok();
  });
}

}  // namespace mailhaul::store
