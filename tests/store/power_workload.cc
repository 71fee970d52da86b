#include "tests/store/power_workload.h"

#include <array>
#include <map>
#include <set>
#include <utility>

#include "tests/store/follow_fixture.h"
#include "tests/store/message_compare.h"

namespace mailhaul::store {
namespace {

constexpr size_t kFolders = 3;
constexpr size_t kContents = 14;
constexpr std::array<size_t, 7> kSizes = {20, 600, 20, 5'000, 700, 40'000, 300'000};
constexpr size_t kStreamedFrom = 4'000;
constexpr size_t kPartBytes = 9'000;

// Few contents, so that twins are common, some of them large.
std::string BodyOf(uint64_t content, bool changed) {
  std::string body = "content " + std::to_string(content) + (changed ? " with another end" : "");
  while (body.size() < kSizes[content % kSizes.size()]) {
    body += "\r\nline " + std::to_string(body.size() * (content + 1));
  }
  return body;
}

}  // namespace

Status PowerWorkload::Onboard() {
  if (accounts_.empty()) {
    // Two share a shard and its bodies, the third has another tenant and shard.
    for (const char* name : {"alice", "bob", "carol"}) {
      accounts_.emplace_back();
      accounts_.back().name = name;
      accounts_.back().tenant_name = accounts_.size() < 3 ? "acme" : "other";
      accounts_.back().folders.resize(kFolders);
    }
  }
  for (Account& account : accounts_) {
    if (!account.removing) {
      MH_RETURN_IF_ERROR(OnboardOne(account));
    }
  }
  return Status::Ok();
}

Status PowerWorkload::OnboardOne(Account& account) {
  MH_ASSIGN_OR_RETURN(const TenantId tenant, store_.mail().EnsureTenant(account.tenant_name));
  EXPECT_TRUE(account.tenant.value == 0 || account.tenant == tenant) << "a tenant's id changed";
  account.tenant = tenant;
  MH_ASSIGN_OR_RETURN(const MailboxId mailbox,
                      store_.mail().EnsureMailbox(tenant, account.name, "a@x.example"));
  EXPECT_TRUE(account.mailbox.value == 0 || account.mailbox == mailbox) << "an id changed";
  account.mailbox = mailbox;
  for (size_t i = 0; i < kFolders; ++i) {
    MH_ASSIGN_OR_RETURN(const FolderId folder,
                        store_.mail().EnsureFolder(mailbox, "Folder " + std::to_string(i), ""));
    FolderId& known = account.folders[i].id;
    EXPECT_TRUE(known == 0 || known == folder) << "a folder's id changed";
    known = folder;
  }
  return Status::Ok();
}

Status PowerWorkload::Resume() {
  store_.ExpectSound();
  for (Account& account : accounts_) {
    if (account.mailbox.value == 0 || account.removing) {
      continue;
    }
    account.outbox.Expect(store_.mail());
    if (account.open) {
      ExpectBetween(account);
    } else {
      ExpectExactly(account, true);
    }
  }
  MH_RETURN_IF_ERROR(Onboard());
  return Repeat();
}

Status PowerWorkload::Repeat() {
  if (pending_) {
    MH_RETURN_IF_ERROR(pending_());
    pending_ = nullptr;
  }
  return Status::Ok();
}

void PowerWorkload::ExpectAll() {
  ASSERT_FALSE(pending_);
  for (Account& account : accounts_) {
    ExpectExactly(account, true);
    account.outbox.Expect(store_.mail());
  }
  store_.ExpectSound();
}

void PowerWorkload::Acknowledge(Account& account) {
  account.model = account.after;
  account.open = false;
  ExpectExactly(account, false);
}

// `account.after` is as it will be once `call` has succeeded.
Status PowerWorkload::Begin(Account& account, Call call) {
  account.open = true;
  const size_t index = static_cast<size_t>(&account - accounts_.data());
  pending_ = [this, index, call = std::move(call)]() -> Status {
    MH_RETURN_IF_ERROR(call());
    Acknowledge(accounts_[index]);
    return Status::Ok();
  };
  return Repeat();
}

Status PowerWorkload::Step() {
  ++steps_;
  if (random_.Chance(1, 40)) {
    return RemoveAccount();
  }
  if (random_.Chance(1, 6)) {
    MH_RETURN_IF_ERROR(ReclaimSome());
  }
  switch (Below(18)) {
    case 0:
    case 1:
      return SyncSome();
    case 2: {
      Account& account = AnyAccount();
      return RelinkSome(account, AnyFolder(account));
    }
    case 3: {  // A new UIDVALIDITY, under which some of the folder is found without bodies.
      Account& account = AnyAccount();
      Folder& folder = AnyFolder(account);
      folder.uid_validity += static_cast<uint32_t>(1 + Below(3));
      folder.uid_next = 1;
      return RelinkSome(account, folder);
    }
    case 4:
      return MarkSomeGone();
    case 5:
      return RemoveSome();
    case 6:
      return AssignSome();
    case 7:
      return ChangeOne();
    case 8:
      return DeleteOne();
    case 9:
    case 10:
      return SubmitSome();
    case 11:
      return TrimSome();
    default:
      return AppendSome();
  }
}

ModelMessage PowerWorkload::Arrive(Folder& folder) {
  ModelMessage message;
  message.folder = folder.id;
  message.uid_validity = folder.uid_validity;
  message.uid =
      random_.Chance(1, 10) ? static_cast<Uid>(1 + Below(folder.uid_next)) : folder.uid_next++;
  message.flags = static_cast<uint8_t>(Below(4));
  const uint64_t content = Below(kContents);
  message.content = "content " + std::to_string(content);
  message.body = BodyOf(content, random_.Chance(1, 6));
  message.date = At(static_cast<int64_t>(Below(5)));
  if (random_.Chance(1, 8)) {
    message.body.clear();
  }
  return message;
}

PowerWorkload::Delivery PowerWorkload::MakeDelivery(size_t account) {
  Delivery delivery;
  delivery.account = account;
  Folder& folder = AnyFolder(accounts_[account]);
  delivery.mode.relink_gone = random_.Chance(1, 2);
  delivery.streams = random_.Chance(1, 2);
  std::set<Uid> seen;
  for (uint64_t i = Below(6); i < 6; ++i) {
    StoreModel::Arrival arrival = {.message = Arrive(folder), .completes = random_.Chance(1, 8)};
    // A message that comes in two commits of one delivery may be found with the first one's only.
    arrival.completes = seen.insert(arrival.message.uid).second && arrival.completes;
    delivery.arrivals.push_back(std::move(arrival));
  }
  for (const ModelMessage& known : accounts_[account].model.messages()) {
    if (known.body.empty() && !known.gone && known.folder == folder.id &&
        known.uid_validity == folder.uid_validity && random_.Chance(1, 3)) {
      delivery.arrivals.push_back({.message = known, .completes = true});
      delivery.arrivals.back().message.body = known.content;
      break;
    }
  }
  if (random_.Chance(1, 4)) {
    delivery.mode.listed.emplace();
    for (Uid uid = 1; uid < folder.uid_next; ++uid) {
      if (random_.Chance(2, 3)) {
        delivery.mode.listed->insert(uid);
      }
    }
    for (const StoreModel::Arrival& arrival : delivery.arrivals) {
      delivery.mode.listed->insert(arrival.message.uid);
    }
  }
  delivery.folder = folder;
  return delivery;
}

Status PowerWorkload::AppendSome() {
  std::vector<Delivery> deliveries;
  for (size_t account = 0; account < accounts_.size(); ++account) {
    if (random_.Chance(1, 2)) {
      deliveries.push_back(MakeDelivery(account));
      Account& one = accounts_[account];
      one.after = one.model;
      one.after.Append(deliveries.back().arrivals, deliveries.back().mode);
      one.open = true;
    }
  }
  pending_ = [this, deliveries] { return Deliver(deliveries); };
  return Repeat();
}

Status PowerWorkload::Stream(IngestMessage& message, bool sized) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore::Writer> writer,
                      store_.mail().blobs().Begin(
                          sized ? std::optional<uint64_t>(message.body.size()) : std::nullopt));
  for (size_t done = 0; done < message.body.size(); done += kPartBytes) {
    MH_RETURN_IF_ERROR(writer->Append(std::string_view(message.body).substr(done, kPartBytes)));
  }
  MH_ASSIGN_OR_RETURN(const BlobStore::Writer::Finished finished, writer->Finish());
  EXPECT_EQ(finished.sha256, message.sha256);
  message.streamed = finished;
  message.body.clear();
  return Status::Ok();
}

Status PowerWorkload::Fill(const Delivery& delivery, IngestBatch& batch) {
  batch.mailbox = accounts_[delivery.account].mailbox;
  batch.folder = delivery.folder.id;
  batch.uid_validity = delivery.folder.uid_validity;
  batch.relink_gone = delivery.mode.relink_gone;
  if (delivery.mode.listed) {
    batch.listed = ToUidSet(*delivery.mode.listed);
  }
  for (const StoreModel::Arrival& arrival : delivery.arrivals) {
    const ModelMessage& from = arrival.message;
    IngestMessage message = from.body.empty() ? BodilessMessage(from.uid, from.content)
                                              : KnownMessage(from.uid, from.body);
    message.identity = IdentityOf(from.content);
    message.flags = from.flags;
    message.internal_date = from.date;
    message.completes = arrival.completes;
    if (delivery.streams && from.body.size() >= kStreamedFrom) {
      message.body = from.body;
      message.compressed = false;
      MH_RETURN_IF_ERROR(Stream(message, from.uid % 2 == 0));
    }
    batch.messages.push_back(std::move(message));
  }
  return Status::Ok();
}

Status PowerWorkload::Deliver(const std::vector<Delivery>& deliveries) {
  std::vector<IngestBatch> batches(deliveries.size());
  std::vector<IngestBatch*> pointers;
  for (size_t i = 0; i < deliveries.size(); ++i) {
    MH_RETURN_IF_ERROR(Fill(deliveries[i], batches[i]));
    pointers.push_back(&batches[i]);
  }
  store_.mail().Append(pointers);
  Status status;
  for (size_t i = 0; i < deliveries.size(); ++i) {
    Account& account = accounts_[deliveries[i].account];
    if (!batches[i].status.ok()) {
      status = batches[i].status;
    } else if (account.open) {
      Acknowledge(account);
    }
  }
  return status;
}

Status PowerWorkload::SyncSome() {
  Account& account = AnyAccount();
  const Folder folder = AnyFolder(account);
  FolderSync sync;
  sync.mailbox = account.mailbox;
  sync.folder = folder.id;
  sync.uid_validity = folder.uid_validity;
  std::set<Uid> vanished;
  for (Uid uid = 1; uid <= folder.uid_next; ++uid) {
    if (random_.Chance(1, 4)) {
      sync.flags.push_back({.uid = uid, .flags = static_cast<uint8_t>(Below(4)), .keywords = {}});
    }
    if (random_.Chance(1, 5)) {
      vanished.insert(uid);
    }
  }
  sync.vanished = ToUidSet(vanished);
  account.after = account.model;
  account.after.Sync({folder.id, folder.uid_validity}, sync.flags, vanished);
  return Begin(account, [this, sync] { return store_.mail().ApplySync(sync).status(); });
}

Status PowerWorkload::RelinkSome(Account& account, Folder& folder) {
  std::vector<RelinkItem> arguments;
  std::vector<ModelMessage> items;
  std::set<Uid> seen;
  const auto add = [&](ModelMessage item) {
    if (seen.insert(item.uid).second) {
      arguments.push_back(ItemOf(item.uid, item.content, item.flags));
      arguments.back().internal_date = item.date;
      items.push_back(std::move(item));
    }
  };
  for (const ModelMessage& known : account.model.messages()) {
    const bool here = known.folder == folder.id && known.uid_validity == folder.uid_validity;
    if (random_.Chance(1, 3) && (known.gone || !here)) {
      ModelMessage item = Arrive(folder);
      item.content = known.content;
      item.date = known.date;
      add(std::move(item));
    }
  }
  add(Arrive(folder));
  account.after = account.model;
  const UidSet expected = ToUidSet(account.after.Relink({folder.id, folder.uid_validity}, items));
  return Begin(account, [this, arguments, expected, mailbox = account.mailbox, folder]() -> Status {
    MH_ASSIGN_OR_RETURN(const UidSet bound,
                        store_.mail().Relink(mailbox, folder.id, folder.uid_validity, arguments));
    EXPECT_EQ(bound, expected);
    return Status::Ok();
  });
}

Status PowerWorkload::MarkSomeGone() {
  Account& account = AnyAccount();
  const Folder folder = AnyFolder(account);
  std::optional<uint32_t> kept;
  if (random_.Chance(3, 4)) {
    kept = folder.uid_validity;
  }
  account.after = account.model;
  account.after.MarkGone(folder.id, kept);
  return Begin(account, [this, kept, mailbox = account.mailbox, id = folder.id] {
    return (kept ? store_.mail().MarkStaleGone(mailbox, id, *kept)
                 : store_.mail().MarkFolderGone(mailbox, id))
        .status();
  });
}

// A mailbox is removed and onboarded anew under the same name, whenever the power goes.
Status PowerWorkload::RemoveAccount() {
  Account& account = AnyAccount();
  account.after = StoreModel();
  account.removing = true;
  return Begin(account, [this, index = static_cast<size_t>(&account - accounts_.data())]() {
    Account& removed = accounts_[index];
    if (removed.mailbox.value != 0) {
      const Status status = store_.mail().RemoveMailbox(removed.mailbox);
      if (!status.ok() && status.code() != Code::kNotFound) {
        return status;
      }
      EXPECT_EQ(store_.mail().GetMailbox(removed.mailbox).status().code(), Code::kNotFound);
      removed.mailbox = {};
      removed.folders.assign(kFolders, Folder());
      removed.outbox = PowerOutbox();
    }
    MH_RETURN_IF_ERROR(OnboardOne(removed));
    for (bool more = true; more;) {
      MH_ASSIGN_OR_RETURN(more, store_.mail().ContinueRemovals());
    }
    removed.removing = false;
    return Status::Ok();
  });
}

// Nobody may notice. What a cut leaves half done, some later pass finds.
Status PowerWorkload::ReclaimSome() {
  for (uint64_t steps = 1 + Below(8); steps > 0; --steps) {
    const Status status =
        store_.mail()
            .ReclaimBodies({.grace = Duration::zero(), .may_begin = true, .may_delete = true})
            .status();
    if (!status.ok() && status.code() != Code::kDiskFull) {
      return status;
    }
  }
  return Status::Ok();
}

Status PowerWorkload::RemoveSome() {
  Account& account = AnyAccount();
  account.after = account.model;
  account.after.RemoveGone();
  return Begin(account, [this, mailbox = account.mailbox]() -> Status {
    constexpr size_t kAtOnce = 5;
    for (uint64_t removed = 1; removed > 0;) {
      MH_ASSIGN_OR_RETURN(removed, store_.mail().RemoveGone(mailbox, kAtOnce));
    }
    return Status::Ok();
  });
}

Status PowerWorkload::AssignSome() {
  Account& account = AnyAccount();
  std::vector<std::string> uidls;
  std::vector<UidlKey> keys;
  for (uint64_t i = Below(20); i < 20; ++i) {
    uidls.push_back(std::to_string(Below(60)));
    keys.push_back(IdentityOf(uidls.back()));
  }
  account.after = account.model;
  const std::vector<Uid> expected = account.after.AssignUidls(uidls);
  return Begin(
      account,
      [this, keys, expected, mailbox = account.mailbox, id = account.folders[0].id]() -> Status {
        MH_ASSIGN_OR_RETURN(const std::vector<Uid> uids,
                            store_.mail().AssignUidls(mailbox, id, keys, At(0)));
        EXPECT_EQ(uids, expected);
        return Status::Ok();
      });
}

Status PowerWorkload::ChangeOne() {
  Account& account = AnyAccount();
  account.after = account.model;
  const std::vector<ModelMessage*> shown = account.after.shown();
  if (shown.empty()) {
    return Status::Ok();
  }
  LocalPatch patch;
  patch.seen = std::optional(random_.Chance(1, 3) ? std::optional<bool>() : random_.Chance(1, 2));
  if (random_.Chance(1, 2)) {
    patch.folder = std::optional(AnyFolder(account).id);
  }
  if (random_.Chance(1, 2)) {
    patch.tags = std::optional(std::vector<std::string>{random_.Chance(1, 2) ? "red" : "blue"});
  }
  const MessageId id = shown[Below(shown.size())]->id;
  account.after.Change(id, patch);
  return Begin(account, [this, id, patch] {
    return store_.mail().ChangeMessage(id, patch, nullptr).status();
  });
}

Status PowerWorkload::DeleteOne() {
  Account& account = AnyAccount();
  account.after = account.model;
  const std::vector<ModelMessage*> shown = account.after.shown();
  if (shown.empty()) {
    return Status::Ok();
  }
  const MessageId id = shown[Below(shown.size())]->id;
  account.after.Delete(id);
  return Begin(account, [this, id] {
    const Status status = store_.mail().DeleteMessage(id, nullptr);
    // It was done when the power went.
    return status.code() == Code::kNotFound ? Status::Ok() : status;
  });
}

Status PowerWorkload::SubmitSome() {
  Account& account = AnyAccount();
  account.after = account.model;
  return Begin(account, [this, step = account.outbox.NextStep(account.mailbox, random_)] {
    return step(store_.mail());
  });
}

// The oldest part of the change log goes; nothing else may.
Status PowerWorkload::TrimSome() {
  Account& account = AnyAccount();
  account.after = account.model;
  now_ += std::chrono::minutes(1 + Below(90));
  ChangeTrim trim;
  trim.now = now_;
  trim.keep = std::chrono::hours(1);
  return Begin(account, [this, trim, shard = account.mailbox.shard()] {
    return store_.mail().TrimChanges(shard, trim).status();
  });
}

std::vector<StoredMessage> PowerWorkload::List(const Account& account) {
  MessageQuery query;
  query.tenant = account.tenant;
  query.mailbox = account.mailbox;
  query.limit = 1000;
  Result<MessagePage> page = store_.mail().ListMessages(query);
  EXPECT_TRUE(page.ok()) << page.status().ToString();
  if (!page.ok()) {
    return {};
  }
  EXPECT_FALSE(page->more);
  std::sort(page->items.begin(), page->items.end(),
            [](const StoredMessage& a, const StoredMessage& b) { return a.id < b.id; });
  return std::move(page->items);
}

void PowerWorkload::ExpectEqual(const StoredMessage& stored, const ModelMessage& message,
                                bool with_body) {
  EXPECT_TRUE(IsSame(stored, message)) << Describe(stored);
  if (with_body && stored.has_body()) {
    const Result<std::unique_ptr<ByteSource>> raw = store_.mail().OpenRaw(stored);
    ASSERT_TRUE(raw.ok()) << raw.status().ToString() << ": " << Describe(stored);
    EXPECT_TRUE(ReadAll(**raw) == message.body) << Describe(stored);
  }
}

void PowerWorkload::ExpectExactly(Account& account, bool with_bodies) {
  SCOPED_TRACE(account.name);
  const std::vector<StoredMessage> stored = List(account);
  const std::vector<ModelMessage*> expected = account.model.shown();
  ASSERT_EQ(stored.size(), expected.size());
  // New messages got the next ids in the order in which they came; all others keep theirs.
  for (size_t i = 0; i < stored.size(); ++i) {
    if (expected[i]->id.value == 0) {
      expected[i]->id = stored[i].id;
    }
    ASSERT_EQ(stored[i].id, expected[i]->id) << "an id changed";
    ExpectEqual(stored[i], *expected[i], with_bodies);
  }
  for (const auto& [place, uids] : account.model.ledgers()) {
    const Result<UidSet> ledger =
        store_.mail().ReadLedger(account.mailbox, place.first, place.second);
    ASSERT_TRUE(ledger.ok()) << ledger.status().ToString();
    EXPECT_EQ(*ledger, ToUidSet(uids));
  }
}

void PowerWorkload::ExpectBetween(const Account& account) {
  SCOPED_TRACE(account.name + ", whose step was cut short");
  std::map<MessageId, const ModelMessage*> before;
  std::map<MessageId, const ModelMessage*> after;
  std::vector<const ModelMessage*> arriving;
  StoreModel model = account.model;
  StoreModel later = account.after;
  for (const ModelMessage* message : model.shown()) {
    before.emplace(message->id, message);
  }
  for (const ModelMessage* message : later.shown()) {
    if (message->id.value == 0) {
      arriving.push_back(message);
    } else {
      after.emplace(message->id, message);
    }
  }
  for (const StoredMessage& stored : List(account)) {
    const auto old = before.find(stored.id);
    if (old == before.end()) {
      const auto found = std::find_if(arriving.begin(), arriving.end(), [&](const auto* message) {
        return IsSame(stored, *message);
      });
      ASSERT_NE(found, arriving.end()) << "came from nowhere: " << Describe(stored);
      ExpectEqual(stored, **found, true);
      arriving.erase(found);
      continue;
    }
    const auto fresh = after.find(stored.id);
    const bool done = fresh != after.end() && IsSame(stored, *fresh->second);
    ExpectEqual(stored, done ? *fresh->second : *old->second, true);
    after.erase(stored.id);
  }
  for (const auto& [id, message] : after) {
    ADD_FAILURE() << "lost: folder " << message->folder << " uid " << message->uid;
  }
  ExpectLedgers(account);
}

void PowerWorkload::ExpectLedgers(const Account& account) {
  std::map<StoreModel::Place, std::set<Uid>> before = account.model.ledgers();
  std::map<StoreModel::Place, std::set<Uid>> after = account.after.ledgers();
  std::set<StoreModel::Place> places;
  for (const auto& [place, uids] : before) {
    places.insert(place);
  }
  for (const auto& [place, uids] : after) {
    places.insert(place);
  }
  for (const StoreModel::Place& place : places) {
    const Result<UidSet> ledger =
        store_.mail().ReadLedger(account.mailbox, place.first, place.second);
    ASSERT_TRUE(ledger.ok()) << ledger.status().ToString();
    for (const Uid uid : ledger->ToVector()) {
      EXPECT_TRUE(before[place].contains(uid) || after[place].contains(uid)) << uid;
    }
    for (const Uid uid : before[place]) {
      EXPECT_TRUE(ledger->Contains(uid) || !after[place].contains(uid)) << uid;
    }
  }
}

}  // namespace mailhaul::store
