// Random operations on a MailStore and on a naive model of it, with failing commits and restarts in
// between: after each, both hold the same, and no id has changed. Equal seeds give equal runs.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "base/random.h"
#include "store/rocksdb_store.h"
#include "tests/store/change_model.h"
#include "tests/store/expect_sound.h"
#include "tests/store/follow_fixture.h"
#include "tests/store/list_model.h"
#include "tests/store/message_compare.h"
#include "tests/store/store_model.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::store {
namespace {

using Fault = MemoryKeyValueStore::Fault;

constexpr size_t kFolders = 3;
constexpr size_t kOperations = 120;

class ModelRun final {
 public:
  // `faulty` is `records`, or null when commits are not to fail.
  ModelRun(KeyValueStore& records, MemoryKeyValueStore* faulty, uint64_t seed)
      : records_(records), faulty_(faulty), random_(seed) {
    Reopen();
    tenant_ = store_->EnsureTenant("acme").value();
    EXPECT_TRUE(store_->CountBytes({&tenant_, 1}).ok());
    OnboardMailbox();
  }

  void Run() {
    for (size_t i = 0; i < kOperations && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("operation " + std::to_string(i));
      InjectFault();
      Step();
      Compare();
      if (random_.Chance(1, 10)) {
        Reopen();
      }
    }
  }

 private:
  struct Folder {
    FolderId id = 0;
    uint32_t uid_validity = 1;
    Uid uid_next = 1;
  };

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  Folder& AnyFolder() { return folders_[Below(folders_.size())]; }
  static StoreModel::Place PlaceOf(const Folder& folder) {
    return {folder.id, folder.uid_validity};
  }

  void OnboardMailbox() {
    mailbox_ = store_->EnsureMailbox(tenant_, "alice", "alice@acme.example").value();
    folders_.clear();
    for (size_t i = 0; i < kFolders; ++i) {
      folders_.push_back(
          {.id = store_->EnsureFolder(mailbox_, "Folder " + std::to_string(i), "").value()});
    }
  }

  // Another one of that name begins at once, while what the old one left goes bit by bit.
  void RemoveTheMailbox() {
    const MailboxId removed = mailbox_;
    Insist([&] { return store_->RemoveMailbox(removed); });
    EXPECT_FALSE(store_->FindMailbox(tenant_, "alice"));
    model_ = StoreModel();
    OnboardMailbox();
    EXPECT_NE(mailbox_, removed);
  }

  void Reopen() {
    store_.reset();
    blobs_.reset();
    // Few bodies to a segment, so that many are reclaimed.
    blobs_ = BlobStore::Open(files_, {.directory = "/blobs", .segment_bytes_max = 8192}).value();
    store_ = MailStore::Open(records_, *blobs_, clock_).value();
    ASSERT_TRUE(store_->CountBytes({&tenant_, 1}).ok());
  }

  void InjectFault() {
    if (faulty_ == nullptr || !random_.Chance(1, 3)) {
      return;
    }
    constexpr std::array kFaults = {Fault::kConflict, Fault::kBusy, Fault::kDiskFull,
                                    Fault::kUnknownApplied, Fault::kUnknownLost};
    faulty_->InjectFault(1, kFaults[Below(kFaults.size())]);
  }

  // The same call until it succeeds.
  void Insist(const std::function<Status()>& call) {
    constexpr int kAttempts = 3;
    Status status = call();
    for (int i = 1; i < kAttempts && !status.ok(); ++i) {
      disturbed_ = true;
      status = call();
    }
    EXPECT_TRUE(status.ok()) << status.ToString();
  }

  void Step() {
    disturbed_ = false;
    if (random_.Chance(1, 2)) {
      // It may fail; a later one goes on.
      static_cast<void>(store_->ContinueRemovals());
      static_cast<void>(store_->ReclaimBodies(
          {.grace = Duration::zero(), .may_begin = true, .may_delete = true}));
    }
    switch (Below(18)) {
      case 16:
        return RemoveTheMailbox();
      case 0:
      case 1:
      case 2:
        return AppendSome();
      case 3:
      case 4:
        return SyncSome();
      case 5:
      case 6:
      case 7:
        return RelinkSome();
      case 8:
        return Renumber();
      case 9:
        return MarkSomeGone();
      case 10:
        return Remove();
      case 11:
      case 12:
      case 13:
        return ChangeOne();
      case 14:
        return DeleteOne();
      case 15:
        return TrimSome();
      default:
        return Assign();
    }
  }

  // Few contents and dates, so that twins and ambiguities are common.
  ModelMessage Arrive(Folder& folder) {
    ModelMessage message;
    message.folder = folder.id;
    message.uid_validity = folder.uid_validity;
    message.uid =
        random_.Chance(1, 10) ? static_cast<Uid>(1 + Below(folder.uid_next)) : folder.uid_next++;
    message.flags = static_cast<uint8_t>(Below(8));
    message.keywords = SomeTags();
    message.content = "content " + std::to_string(Below(12));
    message.body = message.content + (random_.Chance(1, 6) ? " with another end" : "");
    message.date = At(static_cast<int64_t>(Below(5)));
    if (random_.Chance(1, 8)) {
      message.body.clear();
    }
    return message;
  }

  // Few, so that messages share them.
  std::vector<std::string> SomeTags() {
    std::vector<std::string> tags;
    for (const char* const tag : {"blue", "green", "red"}) {
      if (random_.Chance(1, 4)) {
        tags.emplace_back(tag);
      }
    }
    return tags;
  }

  template <typename T>
  std::optional<std::optional<T>> SomeChange(const std::function<T()>& value) {
    if (random_.Chance(1, 2)) {
      return std::nullopt;
    }
    return std::optional(random_.Chance(1, 3) ? std::optional<T>() : std::optional<T>(value()));
  }

  std::optional<MessageId> AnyShown() {
    const std::vector<ModelMessage*> shown = model_.shown();
    return shown.empty() ? std::nullopt : std::optional(shown[Below(shown.size())]->id);
  }

  std::vector<Change> ChangesAfter(const ChangePosition& position) const {
    return store_->ListChanges(tenant_, position, 1000)->changes;
  }

  void ChangeOne() {
    const std::optional<MessageId> id = AnyShown();
    if (!id) {
      return;
    }
    LocalPatch patch;
    patch.seen = SomeChange<bool>([&] { return random_.Chance(1, 2); });
    patch.flagged = SomeChange<bool>([&] { return random_.Chance(1, 2); });
    patch.folder = SomeChange<FolderId>([&] { return AnyFolder().id; });
    patch.tags = SomeChange<std::vector<std::string>>([&] { return SomeTags(); });
    const ChangePosition before = store_->EndOfChanges(tenant_).value();
    Insist([&] { return store_->ChangeMessage(*id, patch, nullptr).status(); });
    const bool differs = model_.Change(*id, patch);
    const std::vector<Change> changes = ChangesAfter(before);
    ASSERT_EQ(changes.size(), differs ? 1U : 0U);
    if (differs) {
      EXPECT_EQ(changes[0].entry.type, ChangeEntry::Type::kMessageUpdated);
      EXPECT_EQ(changes[0].entry.message, *id);
    }
  }

  void DeleteOne() {
    const std::optional<MessageId> id = AnyShown();
    if (!id) {
      return;
    }
    const ChangePosition before = store_->EndOfChanges(tenant_).value();
    Insist([&] {
      const Status status = store_->DeleteMessage(*id, nullptr);
      // A first call of unknown outcome may have been done.
      return disturbed_ && status.code() == Code::kNotFound ? Status::Ok() : status;
    });
    model_.Delete(*id);
    const std::vector<Change> changes = ChangesAfter(before);
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].entry.type, ChangeEntry::Type::kMessageDeleted);
    EXPECT_EQ(store_->GetMessage(*id).status().code(), Code::kNotFound);
    EXPECT_EQ(store_->DeleteMessage(*id, nullptr).code(), Code::kNotFound);
    EXPECT_EQ(store_->ChangeMessage(*id, {}, nullptr).status().code(), Code::kNotFound);
  }

  void TrimSome() {
    now_ += std::chrono::minutes(1 + Below(90));
    ChangeTrim trim;
    trim.now = now_;
    trim.keep = std::chrono::hours(1);
    Insist([&] { return store_->TrimChanges(mailbox_.shard(), trim).status(); });
  }

  static IngestMessage ToIngest(const StoreModel::Arrival& arrival) {
    const ModelMessage& from = arrival.message;
    IngestMessage message = from.body.empty() ? BodilessMessage(from.uid, from.content)
                                              : KnownMessage(from.uid, from.body);
    message.identity = IdentityOf(from.content);
    message.thread = ThreadOf(from.content);
    message.flags = from.flags;
    message.keywords = from.keywords;
    message.internal_date = from.date;
    message.completes = arrival.completes;
    return message;
  }

  void AppendSome() {
    Folder& folder = AnyFolder();
    std::vector<StoreModel::Arrival> arrivals;
    StoreModel::Mode mode;
    mode.relink_gone = random_.Chance(1, 2);
    for (uint64_t i = Below(6); i < 6; ++i) {
      arrivals.push_back({.message = Arrive(folder), .completes = random_.Chance(1, 8)});
    }
    AddBodyForOne(folder, arrivals);
    if (random_.Chance(1, 4)) {
      mode.listed.emplace();
      for (Uid uid = 1; uid < folder.uid_next; ++uid) {
        if (random_.Chance(2, 3)) {
          mode.listed->insert(uid);
        }
      }
      for (const StoreModel::Arrival& arrival : arrivals) {
        mode.listed->insert(arrival.message.uid);
      }
    }
    AppendBoth(folder, arrivals, mode);
  }

  void AddBodyForOne(const Folder& folder, std::vector<StoreModel::Arrival>& arrivals) {
    for (const ModelMessage& known : model_.messages()) {
      if (known.body.empty() && !known.gone && known.folder == folder.id &&
          known.uid_validity == folder.uid_validity && random_.Chance(1, 3)) {
        arrivals.push_back({.message = known, .completes = true});
        arrivals.back().message.body = known.content;
        return;
      }
    }
  }

  void AppendBoth(const Folder& folder, const std::vector<StoreModel::Arrival>& arrivals,
                  const StoreModel::Mode& mode) {
    IngestBatch batch;
    batch.mailbox = mailbox_;
    batch.folder = folder.id;
    batch.uid_validity = folder.uid_validity;
    batch.relink_gone = mode.relink_gone;
    for (const StoreModel::Arrival& arrival : arrivals) {
      batch.messages.push_back(ToIngest(arrival));
    }
    if (mode.listed) {
      batch.listed = ToUidSet(*mode.listed);
    }
    Insist([&] {
      IngestBatch* const one = &batch;
      store_->Append({&one, 1});
      return batch.status;
    });
    const StoreModel::Counts counts = model_.Append(arrivals, mode);
    if (!disturbed_) {
      EXPECT_EQ(batch.stored, counts.stored);
      EXPECT_EQ(batch.duplicates, counts.duplicates);
      EXPECT_EQ(batch.relinked, counts.relinked);
      EXPECT_EQ(batch.completed, counts.completed);
    }
  }

  void SyncSome() {
    Folder& folder = AnyFolder();
    FolderSync sync;
    sync.mailbox = mailbox_;
    sync.folder = folder.id;
    sync.uid_validity = folder.uid_validity;
    std::set<Uid> vanished;
    for (Uid uid = 1; uid <= folder.uid_next; ++uid) {
      if (random_.Chance(1, 4)) {
        sync.flags.push_back(
            {.uid = uid, .flags = static_cast<uint8_t>(Below(8)), .keywords = SomeTags()});
      }
      if (random_.Chance(1, 5)) {
        vanished.insert(uid);
      }
    }
    sync.vanished = ToUidSet(vanished);
    SyncCounts counts;
    Insist([&] {
      const Result<SyncCounts> result = store_->ApplySync(sync);
      counts = result.ok() ? *result : SyncCounts();
      return result.status();
    });
    const SyncCounts expected = model_.Sync(PlaceOf(folder), sync.flags, vanished);
    if (!disturbed_) {
      EXPECT_EQ(counts.flags_changed, expected.flags_changed);
      EXPECT_EQ(counts.vanished, expected.vanished);
    }
  }

  void RelinkSome() {
    Folder& folder = AnyFolder();
    std::vector<ModelMessage> items;
    for (const ModelMessage& known : model_.messages()) {
      const bool here = known.folder == folder.id && known.uid_validity == folder.uid_validity;
      if (random_.Chance(1, 3) && (known.gone || !here)) {
        items.push_back(Arrive(folder));
        items.back().content = known.content;
        items.back().date = known.date;
      }
    }
    items.push_back(Arrive(folder));
    std::vector<RelinkItem> arguments;
    std::set<Uid> seen;
    std::vector<ModelMessage> distinct;  // Of a UID that is named twice the first item counts.
    for (const ModelMessage& item : items) {
      RelinkItem argument = ItemOf(item.uid, item.content, item.flags);
      argument.internal_date = item.date;
      argument.keywords = item.keywords;
      arguments.push_back(std::move(argument));
      if (seen.insert(item.uid).second) {
        distinct.push_back(item);
      }
    }
    UidSet bound;
    Insist([&] {
      const Result<UidSet> result =
          store_->Relink(mailbox_, folder.id, folder.uid_validity, arguments);
      bound = result.ok() ? *result : UidSet();
      return result.status();
    });
    EXPECT_EQ(bound, ToUidSet(model_.Relink(PlaceOf(folder), distinct)));
  }

  // A new UIDVALIDITY, under which some of the folder is found without bodies.
  void Renumber() {
    Folder& folder = AnyFolder();
    folder.uid_validity += static_cast<uint32_t>(1 + Below(3));
    folder.uid_next = 1;
    RelinkSome();
  }

  void MarkSomeGone() {
    const Folder& folder = AnyFolder();
    std::optional<uint32_t> kept;
    if (random_.Chance(3, 4)) {
      kept = folder.uid_validity;
    }
    uint64_t count = 0;
    Insist([&] {
      const Result<uint64_t> result = kept ? store_->MarkStaleGone(mailbox_, folder.id, *kept)
                                           : store_->MarkFolderGone(mailbox_, folder.id);
      count = result.ok() ? *result : 0;
      return result.status();
    });
    const uint64_t expected = model_.MarkGone(folder.id, kept);
    EXPECT_TRUE(disturbed_ || count == expected);
  }

  void Remove() {
    uint64_t count = 0;
    Insist([&] {
      const Result<uint64_t> result = store_->RemoveGone(mailbox_, 100'000);
      count = result.ok() ? *result : 0;
      return result.status();
    });
    const uint64_t expected = model_.RemoveGone();
    EXPECT_TRUE(disturbed_ || count == expected);
  }

  void Assign() {
    std::vector<std::string> uidls;
    std::vector<UidlKey> keys;
    for (uint64_t i = Below(20); i < 20; ++i) {
      uidls.push_back(std::to_string(Below(60)));
      keys.push_back(IdentityOf(uidls.back()));
    }
    std::vector<Uid> uids;
    Insist([&] {
      const Result<std::vector<Uid>> result =
          store_->AssignUidls(mailbox_, folders_[0].id, keys, At(0));
      uids = result.ok() ? *result : std::vector<Uid>();
      return result.status();
    });
    EXPECT_EQ(uids, model_.AssignUidls(uidls));
  }

  void Compare() {
    std::map<MessageId, StoredMessage> stored = ReadAll();
    const std::vector<ModelMessage*> shown = model_.shown();
    ASSERT_EQ(stored.size(), shown.size());
    // New messages got the next ids in the order in which they came; all others keep theirs.
    auto newest = stored.begin();
    for (ModelMessage* message : shown) {
      if (message->id.value == 0) {
        message->id = newest->first;
      }
      ASSERT_EQ(newest->first, message->id) << "an id changed";
      ExpectEqual(newest->second, *message);
      ++newest;
    }
    CompareFolders();
    CompareMailbox();
    CompareLists();
    changes_.Compare(*store_, tenant_, mailbox_.shard(), random_);
    for (const auto& [place, uids] : model_.ledgers()) {
      EXPECT_EQ(*store_->ReadLedger(mailbox_, place.first, place.second), ToUidSet(uids));
    }
    ExpectSound(records_, files_, "/blobs");
  }

  MessageQuery QueryMailbox() const {
    MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    query.limit = 1000;
    return query;
  }

  std::map<MessageId, StoredMessage> ReadAll() const {
    std::map<MessageId, StoredMessage> all;
    const MessagePage page = store_->ListMessages(QueryMailbox()).value();
    EXPECT_FALSE(page.more);
    for (const StoredMessage& message : page.items) {
      all.emplace(message.id, message);
    }
    return all;
  }

  void ExpectEqual(const StoredMessage& stored, const ModelMessage& message) {
    EXPECT_EQ(stored.folder, message.folder);
    EXPECT_EQ(stored.uid_validity, message.uid_validity);
    EXPECT_EQ(stored.uid, message.uid);
    EXPECT_EQ(stored.flags, message.flags);
    EXPECT_EQ(stored.keywords, message.keywords);
    EXPECT_EQ(stored.local_state, message.local);
    EXPECT_EQ((stored.shown_flags() & kSeenBit) != 0, message.seen());
    EXPECT_EQ((stored.shown_flags() & kFlaggedBit) != 0, message.flagged());
    EXPECT_EQ(stored.shown_folder(), message.shown_folder());
    EXPECT_EQ(stored.shown_tags(), message.tags());
    EXPECT_EQ(stored.gone, message.gone);
    EXPECT_EQ(stored.internal_date, message.date);
    EXPECT_EQ(stored.has_body(), !message.body.empty());
    EXPECT_EQ(stored.sha256, ComputeSha256(message.body));
    if (stored.has_body()) {
      EXPECT_EQ(mailhaul::store::ReadAll(*store_->OpenRaw(stored).value()), message.body);
    }
  }

  void CompareMailbox() {
    const MailboxRecord record = store_->GetMailbox(mailbox_).value();
    uint64_t bytes = 0;
    for (const ModelMessage* message : model_.shown()) {
      bytes += store_->GetMessage(message->id)->size;
    }
    // Others of that name may still be going. A commit of unknown outcome is settled by the next.
    if (store_->removals_pending() == 0 && !disturbed_) {
      EXPECT_EQ(store_->BytesOf(tenant_), bytes);
    }
    EXPECT_EQ(record.messages, model_.shown().size());
    EXPECT_EQ(record.bytes, bytes);
  }

  // By a tag or a thread, in one folder, one mailbox or all.
  void CompareLists() {
    constexpr std::array kTags = {"blue", "GREEN", "Red", "none"};
    MessageQuery query = QueryMailbox();
    if (random_.Chance(1, 2)) {
      query.tag = kTags[Below(kTags.size())];
    } else {
      query.thread = ThreadOf("content " + std::to_string(Below(12)));
    }
    ExpectListed(*store_, query, model_, random_);
    query.folder = AnyFolder().id;
    ExpectListed(*store_, query, model_, random_);
    query.folder.reset();
    query.mailbox.reset();
    ExpectListed(*store_, query, model_, random_);
  }

  void CompareFolders() {
    for (const FolderRecord& folder : store_->ListFolders(mailbox_).value()) {
      uint64_t messages = 0;
      uint64_t gone = 0;
      uint64_t unread = 0;
      uint64_t all_placed = 0;
      std::set<Uid> placed;
      const uint32_t uid_validity = folders_[folder.id - 1].uid_validity;
      for (const ModelMessage& message : model_.messages()) {
        if (!message.deleted && message.shown_folder() == folder.id) {
          ++messages;
          unread += message.seen() ? 0 : 1;
        }
        if (message.folder == folder.id) {
          gone += message.gone && !message.deleted ? 1 : 0;
          all_placed += message.gone ? 0 : 1;
          if (!message.gone && message.uid_validity == uid_validity) {
            placed.insert(message.uid);
          }
        }
      }
      EXPECT_EQ(folder.messages, messages);
      EXPECT_EQ(folder.gone, gone);
      EXPECT_EQ(folder.unread, unread);
      EXPECT_EQ(folder.placed, all_placed);
      MessageQuery query = QueryMailbox();
      query.folder = folder.id;
      ExpectListed(*store_, query, model_, random_);
      EXPECT_EQ(*store_->ReadPlacedUids(mailbox_, folder.id, uid_validity), ToUidSet(placed));
    }
  }

  KeyValueStore& records_;
  MemoryKeyValueStore* const faulty_;
  SeededRandom random_;
  MemoryFileSystem files_;
  SettableClock clock_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> store_;
  StoreModel model_;
  TenantId tenant_;
  MailboxId mailbox_;
  std::vector<Folder> folders_;
  ChangeModel changes_;
  WallTime now_{};
  bool disturbed_ = false;  // A call had to be repeated: its counts are of the last part only.
};

TEST(MailStoreModel, RandomOperationsEndAsInTheModel) {
  constexpr uint64_t kSeeds = 40;
  for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    MemoryKeyValueStore records;
    ModelRun(records, &records, seed).Run();
  }
}

TEST(MailStoreModel, SoTheyDoOnRocksDb) {
  const TemporaryDirectory directory;
  const std::unique_ptr<KeyValueStore> records =
      OpenRocksDb(directory.path() + "/records", {.free_bytes_min = 0}).value();
  ModelRun(*records, nullptr, 1000).Run();
}

}  // namespace
}  // namespace mailhaul::store
