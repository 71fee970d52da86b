#include "store/records.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text.h"
#include "mailbox_generated.h"
#include "placement_generated.h"
#include "store/flat_record.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

using flatbuffers::FlatBufferBuilder;

constexpr size_t kDigestBytes = 32;
constexpr size_t kIdentityBytes = 16;
constexpr size_t kBlobReferenceBytes = 28;
constexpr size_t kSequencesBytes = 16;

Status Corrupt(std::string_view what) {
  return {Code::kCorrupt, "not a valid " + std::string(what) + " record"};
}

WallTime TimeOf(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

std::string FinishRow(FlatBufferBuilder& builder, schema::Entry type,
                      flatbuffers::Offset<void> entry) {
  builder.Finish(schema::CreateRow(builder, type, entry), schema::RowIdentifier());
  return TakeRecord(builder);
}

const schema::Row* ReadRow(const AlignedBytes& bytes) {
  return VerifiedRoot<schema::Row>(bytes, schema::RowIdentifier());
}

}  // namespace

bool SameKeywords(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a == b) {
    return true;
  }
  const auto stored = [](const std::vector<std::string>& keywords) {
    const size_t count = std::min(keywords.size(), kKeywordsMax);
    std::set<std::string_view> out;
    for (size_t i = 0; i < count; ++i) {
      if (keywords[i].size() <= kKeywordBytesMax) {
        out.insert(keywords[i]);
      }
    }
    return out;
  };
  return stored(a) == stored(b);
}

namespace {

using StringList = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;

constexpr uint8_t kSeenSet = 1;
constexpr uint8_t kFlaggedSet = 2;
constexpr uint8_t kFolderSet = 4;

schema::Local EncodeLocal(const LocalState& local) {
  const auto set =
      static_cast<uint8_t>((local.seen ? kSeenSet : 0) | (local.flagged ? kFlaggedSet : 0) |
                           (local.folder ? kFolderSet : 0));
  return {set, local.seen.value_or(false), local.flagged.value_or(false), local.folder.value_or(0)};
}

flatbuffers::Offset<StringList> EncodeLocalTags(FlatBufferBuilder& builder,
                                                const LocalState& local) {
  if (!local.tags) {
    return {};
  }
  std::vector<flatbuffers::Offset<flatbuffers::String>> tags;
  for (const std::string& tag : *local.tags) {
    tags.push_back(builder.CreateString(tag));
  }
  return builder.CreateVector(tags);
}

LocalState DecodeLocal(const schema::Placement& root) {
  LocalState local;
  if (const schema::Local* stored = root.local()) {
    if ((stored->set() & kSeenSet) != 0) {
      local.seen = stored->seen();
    }
    if ((stored->set() & kFlaggedSet) != 0) {
      local.flagged = stored->flagged();
    }
    if ((stored->set() & kFolderSet) != 0) {
      local.folder = stored->folder();
    }
  }
  if (const StringList* tags = root.local_tags()) {
    local.tags.emplace();
    for (const flatbuffers::String* tag : *tags) {
      local.tags->push_back(tag->str());
    }
  }
  return local;
}

}  // namespace

std::vector<std::string_view> KeptKeywords(const std::vector<std::string>& keywords) {
  std::vector<std::string_view> kept;
  const size_t count = std::min(keywords.size(), kKeywordsMax);
  for (size_t i = 0; i < count; ++i) {
    if (keywords[i].size() <= kKeywordBytesMax) {
      kept.emplace_back(keywords[i]);
    }
  }
  return kept;
}

std::string EncodePlacement(const Placement& placement) {
  FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<flatbuffers::String>> keywords;
  for (const std::string_view keyword : KeptKeywords(placement.keywords)) {
    keywords.push_back(builder.CreateString(keyword.data(), keyword.size()));
  }
  const auto keyword_list =
      keywords.empty() ? flatbuffers::Offset<StringList>() : builder.CreateVector(keywords);
  schema::Identity awaited;
  if (placement.awaited) {
    awaited = schema::Identity(flatbuffers::span<const uint8_t, kIdentityBytes>(
        placement.awaited->data(), kIdentityBytes));
  }
  const auto local_tags = EncodeLocalTags(builder, placement.local);
  const schema::Local local = EncodeLocal(placement.local);
  const schema::Digest digest(
      flatbuffers::span<const uint8_t, kDigestBytes>(placement.sha256.data(), kDigestBytes));
  const schema::Location location(placement.location.segment, placement.location.offset,
                                  placement.location.size);
  schema::Identity identity;
  if (placement.identity) {
    identity = schema::Identity(flatbuffers::span<const uint8_t, kIdentityBytes>(
        placement.identity->data(), kIdentityBytes));
  }
  builder.Finish(
      schema::CreatePlacement(builder, placement.mailbox.value, placement.folder,
                              placement.uid_validity, placement.uid, placement.flags, keyword_list,
                              placement.internal_date.time_since_epoch().count(), placement.size,
                              placement.thread, placement.quarantined, &digest, &location,
                              placement.identity ? &identity : nullptr, placement.gone,
                              placement.awaited ? &awaited : nullptr,
                              local.set() != 0 ? &local : nullptr, local_tags, placement.deleted),
      schema::PlacementIdentifier());
  return TakeRecord(builder);
}

Result<Placement> DecodePlacement(std::string_view record) {
  const AlignedBytes bytes(record);
  const auto* root = VerifiedRoot<schema::Placement>(bytes, schema::PlacementIdentifier());
  if (root == nullptr || root->sha256() == nullptr || root->location() == nullptr) {
    return Corrupt("placement");
  }
  Placement placement;
  placement.mailbox = {root->mailbox()};
  placement.folder = root->folder();
  placement.uid_validity = root->uid_validity();
  placement.uid = root->uid();
  placement.flags = root->flags();
  if (root->keywords() != nullptr) {
    for (const flatbuffers::String* keyword : *root->keywords()) {
      placement.keywords.push_back(keyword->str());
    }
  }
  placement.internal_date = TimeOf(root->internal_date_ms());
  placement.size = root->size();
  placement.thread = root->thread();
  placement.quarantined = root->quarantined();
  std::memcpy(placement.sha256.data(), root->sha256()->bytes()->Data(), placement.sha256.size());
  placement.location = {.segment = root->location()->segment(),
                        .offset = root->location()->offset(),
                        .size = root->location()->size()};
  if (root->identity() != nullptr) {
    placement.identity.emplace();
    std::memcpy(placement.identity->data(), root->identity()->bytes()->Data(), kIdentityBytes);
  }
  placement.gone = root->gone();
  if (root->awaited() != nullptr) {
    placement.awaited.emplace();
    std::memcpy(placement.awaited->data(), root->awaited()->bytes()->Data(), kIdentityBytes);
  }
  placement.local = DecodeLocal(*root);
  placement.deleted = root->deleted();
  return placement;
}

std::string EncodeAssignment(const AssignmentRecord& record) {
  FlatBufferBuilder builder;
  const auto name = PutText(builder, record.name);
  const auto address = PutText(builder, record.address);
  return FinishRow(builder, schema::Entry::Assignment,
                   schema::CreateAssignment(builder, name, address).Union());
}

Result<AssignmentRecord> DecodeAssignment(std::string_view record) {
  const AlignedBytes bytes(record);
  const schema::Row* row = ReadRow(bytes);
  const schema::Assignment* entry = row == nullptr ? nullptr : row->entry_as_Assignment();
  if (entry == nullptr) {
    return Corrupt("assignment");
  }
  return AssignmentRecord{.name = TextOf(entry->name()), .address = TextOf(entry->address())};
}

std::string EncodeMailbox(const MailboxRecord& record) {
  FlatBufferBuilder builder;
  const auto error_code = PutText(builder, record.error_code);
  const auto error_detail = PutText(builder, record.error_detail);
  return FinishRow(builder, schema::Entry::Mailbox,
                   schema::CreateMailbox(builder, record.last_complete.time_since_epoch().count(),
                                         record.window_coverage, record.backfill_coverage,
                                         error_code, error_detail, record.messages, record.bytes,
                                         record.last_used.time_since_epoch().count())
                       .Union());
}

Status DecodeMailbox(std::string_view value, MailboxRecord& record) {
  const AlignedBytes bytes(value);
  const schema::Row* row = ReadRow(bytes);
  const schema::Mailbox* entry = row == nullptr ? nullptr : row->entry_as_Mailbox();
  if (entry == nullptr) {
    return Corrupt("mailbox");
  }
  record.last_complete = TimeOf(entry->last_complete_ms());
  record.last_used = TimeOf(entry->last_used_ms());
  record.window_coverage = entry->window_coverage();
  record.backfill_coverage = entry->backfill_coverage();
  record.error_code = TextOf(entry->error_code());
  record.error_detail = TextOf(entry->error_detail());
  record.messages = entry->messages();
  record.bytes = entry->bytes();
  return Status::Ok();
}

std::string EncodeFolder(const FolderState& folder) {
  FlatBufferBuilder builder;
  const FolderRecord& record = folder.record;
  const auto name = PutText(builder, record.name);
  const auto role = PutText(builder, record.role);
  const schema::SourceCounts source_counts(record.placed, folder.deleted_gone);
  return FinishRow(
      builder, schema::Entry::Folder,
      schema::CreateFolder(builder, name, role, record.uid_validity, record.uid_next,
                           record.window_complete, record.backfill_complete, record.messages,
                           record.unread, folder.placements_validity, folder.stale_placements,
                           record.gone, record.modseq, record.source_messages, record.source_unseen,
                           record.flags_checked_at.time_since_epoch().count(), !record.listed,
                           folder.uidl_next, record.is_label, &source_counts)
          .Union());
}

Result<FolderState> DecodeFolder(FolderId id, std::string_view value) {
  const AlignedBytes bytes(value);
  const schema::Row* row = ReadRow(bytes);
  const schema::Folder* entry = row == nullptr ? nullptr : row->entry_as_Folder();
  if (entry == nullptr) {
    return Corrupt("folder");
  }
  FolderState folder;
  folder.record = {.id = id,
                   .name = TextOf(entry->name()),
                   .role = TextOf(entry->role()),
                   .uid_validity = entry->uid_validity(),
                   .uid_next = entry->uid_next(),
                   .window_complete = entry->window_complete(),
                   .backfill_complete = entry->backfill_complete(),
                   .messages = entry->messages(),
                   .unread = entry->unread(),
                   .gone = entry->gone(),
                   .modseq = entry->modseq(),
                   .source_messages = entry->source_messages(),
                   .source_unseen = entry->source_unseen(),
                   .flags_checked_at = TimeOf(entry->flags_checked_ms()),
                   .is_label = entry->is_label(),
                   .listed = !entry->unlisted()};
  folder.placements_validity = entry->placements_validity();
  folder.stale_placements = entry->stale_placements();
  folder.uidl_next = entry->uidl_next();
  if (const schema::SourceCounts* counts = entry->source_counts()) {
    folder.record.placed = counts->placed();
    folder.deleted_gone = counts->deleted_gone();
  } else {
    folder.record.placed = entry->messages() - std::min(entry->gone(), entry->messages());
  }
  return folder;
}

std::string EncodeBlobReference(const BlobReference& reference) {
  std::string value;
  AppendU32(value, reference.location.segment);
  AppendU64(value, reference.location.offset);
  AppendU64(value, reference.location.size);
  AppendU64(value, reference.count);
  if (reference.compressed != 0) {
    AppendU32(value, reference.compressed);
  }
  return value;
}

Result<BlobReference> DecodeBlobReference(std::string_view value) {
  const bool compressed = value.size() == kBlobReferenceBytes + sizeof(uint32_t);
  if (value.size() != kBlobReferenceBytes && !compressed) {
    return Corrupt("blob reference");
  }
  constexpr size_t kOffset = 4;
  constexpr size_t kSize = 12;
  constexpr size_t kCount = 20;
  return BlobReference{.location = {.segment = ReadU32(value, 0),
                                    .offset = ReadU64(value, kOffset),
                                    .size = ReadU64(value, kSize)},
                       .count = ReadU64(value, kCount),
                       .compressed = compressed ? ReadU32(value, kBlobReferenceBytes) : 0};
}

std::string EncodeSequences(const Sequences& sequences) {
  std::string value;
  AppendU64(value, sequences.first);
  AppendU64(value, sequences.second);
  return value;
}

Result<Sequences> DecodeSequences(std::string_view value) {
  if (value.size() != kSequencesBytes) {
    return Corrupt("sequence");
  }
  return Sequences{.first = ReadU64(value, 0), .second = ReadU64(value, sizeof(uint64_t))};
}

std::string EncodeChange(const ChangeEntry& entry) {
  std::string value;
  value.push_back(static_cast<char>(entry.type));
  AppendU64(value, entry.mailbox.value);
  AppendU64(value, entry.message.value);
  return value;
}

Result<ChangeEntry> DecodeChange(std::string_view value) {
  constexpr size_t kBytes = 1 + 2 * sizeof(uint64_t);
  if (value.size() != kBytes ||
      value.front() < static_cast<char>(ChangeEntry::Type::kMessageCreated) ||
      value.front() > static_cast<char>(ChangeEntry::Type::kSubmissionUpdated)) {
    return Status(Code::kCorrupt, "a change log entry of another form");
  }
  ChangeEntry entry;
  entry.type = static_cast<ChangeEntry::Type>(value.front());
  entry.mailbox = MailboxId{ReadU64(value, 1)};
  entry.message = MessageId{ReadU64(value, 9)};
  return entry;
}

}  // namespace mailhaul::store
