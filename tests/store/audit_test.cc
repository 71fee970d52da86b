// The audit finds nothing in a sound store, and every row that is missing from one.
#include "store/audit/audit.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "store/change_trim.h"
#include "store/check_time.h"
#include "store/day_use.h"
#include "store/key_layout.h"
#include "store/last_login.h"
#include "store/outbox.h"
#include "store/records.h"
#include "store/sealed_secrets.h"
#include "store/segment.h"
#include "store/webhook_position.h"
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

class AuditTest : public FollowFixture {
 protected:
  void SetUp() override {
    FollowFixture::SetUp();
    // Something of everything: read and unread, twins, a streamed body, gone ones, a body that was
    // never fetched, another UIDVALIDITY, another tenant.
    AppendOk({KnownMessage(1, "one", 1), KnownMessage(2, "twin"), KnownMessage(3, "twin"),
              BodilessMessage(4, "large"), KnownMessage(5, "five"), StreamedMessage(6, Noise()),
              StreamedMessage(7, std::string(300'000, 's'))});
    Vanish(5, 5);
    // Local changes, a deleted message and one that is gone besides.
    AppendOk({KnownMessage(10, "changed"), KnownMessage(11, "deleted"), KnownMessage(12, "lost")});
    const LocalPatch patch{.seen = std::optional(true),
                           .flagged = std::optional(true),
                           .folder = std::optional(archive_),
                           .tags = std::optional(std::vector<std::string>{"tag"})};
    EXPECT_TRUE(store_->ChangeMessage(Only("changed").id, patch, nullptr).ok());
    EXPECT_TRUE(store_->DeleteMessage(Only("deleted").id, nullptr).ok());
    EXPECT_TRUE(store_->DeleteMessage(Only("lost").id, nullptr).ok());
    Vanish(12, 12);
    std::swap(inbox_, archive_);
    AppendOk({KnownMessage(1, "filed")});
    std::swap(inbox_, archive_);
    AppendOk({KnownMessage(1, "later")}, 2);
    FillOutbox();
    FillTheRest();
    const TenantId other = store_->EnsureTenant("other").value();
    mailbox_ = store_->EnsureMailbox(other, "bob", "bob@other.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
    AppendOk({KnownMessage(1, "one")});
    RemoveTheNext(other);
    ASSERT_TRUE(store_->FlushChecks().ok());
  }
  void TearDown() override {}

  // A mailbox that is removed, but still to be deleted.
  void RemoveTheNext(TenantId tenant) {
    const auto bob = std::pair(mailbox_, inbox_);
    mailbox_ = store_->EnsureMailbox(tenant, "carol", "carol@other.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
    AppendOk({KnownMessage(1, "one")});
    EXPECT_TRUE(store_->RemoveMailbox(mailbox_).ok());
    std::tie(mailbox_, inbox_) = bob;
  }

  MailboxId MailboxOfAcme() const {
    return store_->FindMailbox(store_->FindTenant("acme").value(), "alice").value();
  }

  // One that waits, and one that was sent and is awaited.
  void FillOutbox() {
    SentCopy copy;
    copy.folder = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
    MessageContent content;
    content.message_id = "copy@acme.example";
    copy.content = EncodeContent(content);
    for (const std::string body : {"waiting", "sent"}) {
      NewSubmission request;
      request.mailbox = mailbox_;
      request.recipients = {"bob@else.example"};
      request.body = body;
      request.sha256 = ComputeSha256(body);
      request.message_id = "<" + body + "@acme.example>";
      request.deadline = At(1'000'000);
      request.idempotency_key = body;
      const Submission accepted = Outbox(*store_).Accept(request)->submission;
      if (body == "sent") {
        ASSERT_TRUE(Outbox(*store_).Update(accepted.id, SendIt, &copy).ok());
      }
    }
  }

  // UIDLs, what lies in the control shard, and a log of which something was dropped.
  void FillTheRest() {
    const UidlKey uidls[] = {IdentityOf("a"), IdentityOf("b")};
    ASSERT_TRUE(store_->AssignUidls(mailbox_, inbox_, uidls, At(0)).ok());
    SeededRandom random(1);
    const SecretBox box = SecretBox::FromKey(Secret(std::string(kMasterKeyBytes, 'k'))).value();
    ASSERT_TRUE(SaveSecret(records_, box, "token", "x", random).ok());
    const DayUseRow day{.name = "pool", .day = 1, .new_bytes = 2, .bulk_bytes = 3};
    ASSERT_TRUE(SaveDayUse(records_, {&day, 1}).ok());
    CheckTimeRow check;
    check.host = "imap.example.com";
    ASSERT_TRUE(SaveCheckTimes(records_, {&check, 1}).ok());
    ASSERT_TRUE(SaveLastLogin(records_, At(5)).ok());
    ChangePosition position;
    position.Set(mailbox_.shard(), 3);
    ASSERT_TRUE(SaveWebhookPosition(records_, "acme hook", position.Encode()).ok());
    ChangeTrim trim;
    trim.keep = std::chrono::hours(1);
    trim.read_to = [](TenantId, ShardId) { return std::optional<uint64_t>(3); };
    for (const int64_t hour : {100, 101}) {
      trim.now = WallTime(std::chrono::hours(hour));
      ASSERT_TRUE(store_->TrimChanges(mailbox_.shard(), trim).ok());
    }
  }

  // What may be dropped at any time, and what nothing else tells of.
  static bool MayBeAbsent(const std::string& key, const std::string& value) {
    switch (static_cast<Keyspace>(key.front())) {
      case Keyspace::kMeta:
        return key == LastLoginKey() || key == ChangeTimesKey(ShardOfKey(key));
      case Keyspace::kBlob:
        return DecodeBlobReference(value)->count == 0;  // It may be reclaimed.
      default:
        return static_cast<Keyspace>(key.front()) == Keyspace::kChange || MayBeAdded(key);
    }
  }
  // Nothing else tells how many there are.
  static bool MayBeAdded(const std::string& key) {
    const auto keyspace = static_cast<Keyspace>(key.front());
    return keyspace == Keyspace::kUidl || keyspace == Keyspace::kDayUse ||
           keyspace == Keyspace::kCheckTime || keyspace == Keyspace::kSecret ||
           keyspace == Keyspace::kWebhook;
  }

  // Lies as it is; what compresses lies in frames.
  static std::string Noise() {
    std::string bytes(10'000, '\0');
    SeededRandom random(1);
    random.Fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
    return bytes;
  }
  IngestMessage StreamedMessage(Uid uid, const std::string& body) {
    auto writer = blobs_->Begin(body.size()).value();
    EXPECT_TRUE(writer->Append(body).ok());
    IngestMessage message = KnownMessage(uid, body);
    const auto finished = writer->Finish().value();
    message.streamed = finished;
    message.body.clear();
    return message;
  }

  AuditReport Audit() {
    Result<AuditReport> report = AuditStore(records_, files_, {.blob_directory = "/blobs"});
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return report.ok() ? std::move(report).value() : AuditReport();
  }

  // Of the last byte of the body's header, and of its first one.
  void ExpectDamageIsToldOnce(File& file, const BlobReference& body) {
    for (const uint64_t at : {body.location.offset - 1, body.location.offset}) {
      if (at == body.location.offset && body.stored_bytes() == 0) {
        continue;
      }
      std::string byte(1, '\0');
      ASSERT_TRUE(file.ReadAt(at, byte).ok());
      ASSERT_TRUE(file.WriteAt(at, std::string(1, static_cast<char>(byte[0] ^ 1))).ok());
      EXPECT_EQ(Audit().problems, 1U) << at - body.location.offset;
      ASSERT_TRUE(file.WriteAt(at, byte).ok());
    }
  }

  std::map<std::string, std::string> Rows() {
    std::map<std::string, std::string> rows;
    for (uint8_t keyspace = kKeyspaceFirst; keyspace <= kKeyspaceLast; ++keyspace) {
      const std::string prefix(1, static_cast<char>(keyspace));
      const auto keep = [&rows](std::string_view key, std::string_view value) {
        rows.emplace(key, value);
        return true;
      };
      EXPECT_TRUE(records_
                      .Scan({.begin = prefix,
                             .end = PrefixEnd(prefix),
                             .descending = false,
                             .rows_max = 100'000},
                            keep)
                      .ok());
    }
    return rows;
  }
};

TEST_F(AuditTest, FindsNothingInASoundStore) {
  const AuditReport report = Audit();
  for (const AuditFinding& finding : report.findings) {
    ADD_FAILURE() << finding.place << ": " << finding.problem;
  }
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(report.tenants, 2U);
  EXPECT_EQ(report.mailboxes, 2U);
  EXPECT_EQ(report.messages, 13U);
  // The twins share one, what has none is one of no bytes, and those of deleted messages are kept.
  EXPECT_EQ(report.bodies, 14U);
  EXPECT_EQ(report.leftover_bytes, 0U);
}

TEST_F(AuditTest, HasSomethingOfEveryKeyspaceHere) {
  std::set<uint8_t> seen;
  for (const auto& [key, value] : Rows()) {
    seen.insert(static_cast<uint8_t>(key.front()));
  }
  EXPECT_EQ(seen.size(), size_t{kKeyspaceLast - kKeyspaceFirst + 1});
}

// As formats up to 4 wrote them: it is their hash alone that tells.
TEST_F(AuditTest, ComparesBodiesWithoutACheckWithTheirHash) {
  size_t changed = 0;
  for (const auto& [key, value] : Rows()) {
    if (static_cast<Keyspace>(key.front()) != Keyspace::kBlob) {
      continue;
    }
    const BlobReference body = DecodeBlobReference(value).value();
    Sha256 hash;
    std::copy(key.end() - static_cast<ptrdiff_t>(hash.size()), key.end(), hash.begin());
    const auto file = files_.Open("/blobs/" + SegmentName(body.location.segment)).value();
    const uint64_t at = body.location.offset - kBodyHeaderBytes;
    std::string header(kBodyHeaderBytes, '\0');
    ASSERT_TRUE(file->ReadAt(at, header).ok());
    if (!ParseBodyHeader(header)->check) {
      continue;
    }
    ++changed;
    ExpectDamageIsToldOnce(*file, body);
    const std::string before =
        body.compressed != 0
            ? CompressedBodyHeader(body.compressed, body.location.size, hash, std::nullopt)
            : BodyHeader(body.location.size, hash, std::nullopt);
    ASSERT_TRUE(file->WriteAt(at, before).ok());
    EXPECT_TRUE(Audit().sound());
    ExpectDamageIsToldOnce(*file, body);
  }
  EXPECT_GT(changed, 5U);
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, MissesAnyRowThatIsDeleted) {
  for (const auto& [key, value] : Rows()) {
    if (!MayBeAbsent(key, value)) {
      records_.Tamper(key, std::nullopt);
      EXPECT_FALSE(Audit().sound()) << HexEncode(key);
      records_.Tamper(key, value);
    }
  }
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, SeesAnyRowTooMany) {
  for (const auto& [key, value] : Rows()) {
    if (!MayBeAdded(key)) {
      std::string other = key;
      other.back() = static_cast<char>(other.back() ^ 0x40);
      records_.Tamper(other, value);
      EXPECT_FALSE(Audit().sound()) << HexEncode(other);
      records_.Tamper(other, std::nullopt);
    }
  }
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, SeesAnyRowInAShardWhereItDoesNotBelong) {
  for (const auto& [key, value] : Rows()) {
    std::string other = key;
    const bool is_control = ShardOfKey(key) == kControlShard;
    // To the control shard, or out of it.
    other[1] = is_control ? static_cast<char>(mailbox_.shard() >> 8) : '\0';
    other[2] = is_control ? static_cast<char>(mailbox_.shard()) : '\0';
    if (other != ControlSequenceKey() && other != ShardSequenceKey(mailbox_.shard())) {
      records_.Tamper(other, value);
      EXPECT_FALSE(Audit().sound()) << HexEncode(other);
      records_.Tamper(other, std::nullopt);
    }
  }
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, SeesALogThatDoesNotFitWhatWasDropped) {
  const ShardId shard = MailboxOfAcme().shard();
  const TenantId acme = store_->FindTenant("acme").value();
  std::string last;
  AppendU64(last, 9);
  const std::string dropped = DroppedChangesKey(shard, acme);
  const std::string before = *records_.Get(dropped).value();
  records_.Tamper(dropped, last);
  EXPECT_FALSE(Audit().sound());
  records_.Tamper(dropped, before);
  const std::string times = ChangeTimesKey(shard);
  const std::string known = *records_.Get(times).value();
  records_.Tamper(times, EncodeChangeMarks({{.next = 1'000'000, .at = At(0)}}));
  EXPECT_FALSE(Audit().sound());
  records_.Tamper(times, known);
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, SeesAnyValueCutShort) {
  for (const auto& [key, value] : Rows()) {
    if (value.empty() || static_cast<Keyspace>(key.front()) == Keyspace::kTenant ||
        static_cast<Keyspace>(key.front()) == Keyspace::kRemoval) {
      continue;  // Such a row is a name.
    }
    records_.Tamper(key, value.substr(0, value.size() / 2));
    const Result<AuditReport> report = AuditStore(records_, files_, {.blob_directory = "/blobs"});
    EXPECT_TRUE(!report.ok() || !report->sound()) << HexEncode(key);
    records_.Tamper(key, value);
  }
}

TEST_F(AuditTest, SeesDamagedBodiesAndMissingSegments) {
  for (const StoredMessage& message : ListMailbox()) {
    if (message.size == 0) {
      continue;
    }
    const std::string path = "/blobs/" + [&] {
      std::string number;
      AppendU32(number, message.location.segment);
      return HexEncode(number) + ".seg";
    }();
    const uint64_t first = message.location.offset;
    char byte = 0;
    ASSERT_TRUE(files_.Open(path).value()->ReadAt(first, {&byte, 1}).ok());
    const char flipped = static_cast<char>(byte ^ 1);
    files_.Tamper(path, first, {&flipped, 1});
    EXPECT_FALSE(Audit().sound());
    EXPECT_EQ(store_->OpenRaw(message).status().code(), Code::kCorrupt);
    files_.Tamper(path, first, {&byte, 1});
  }
  EXPECT_TRUE(Audit().sound());
  ASSERT_TRUE(files_.Remove("/blobs/00000001.seg").ok());
  EXPECT_FALSE(Audit().sound());
}

TEST_F(AuditTest, CountsWhatNoMessageRefersTo) {
  ASSERT_TRUE(blobs_->Append(std::string(3000, 'x'), ComputeSha256("")).ok());
  ASSERT_TRUE(blobs_->Sync().ok());
  const AuditReport report = Audit();
  EXPECT_TRUE(report.sound());
  EXPECT_GE(report.leftover_bytes, 3000U);
}

}  // namespace
}  // namespace mailhaul::store
