// The audit finds nothing in a sound store, and every row that is missing from one.
#include "store/audit/audit.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "store/key_layout.h"
#include "store/records.h"
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
              BodilessMessage(4, "large"), KnownMessage(5, "five"), StreamedMessage(6)});
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
    const TenantId other = store_->EnsureTenant("other").value();
    mailbox_ = store_->EnsureMailbox(other, "bob", "bob@other.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
    AppendOk({KnownMessage(1, "one")});
    ASSERT_TRUE(store_->FlushChecks().ok());
  }
  void TearDown() override {}

  IngestMessage StreamedMessage(Uid uid) {
    const std::string body(10'000, 's');
    auto writer = blobs_->Begin(body.size()).value();
    EXPECT_TRUE(writer->Append(body).ok());
    IngestMessage message = KnownMessage(uid, body);
    const auto finished = writer->Finish().value();
    message.location = finished.location;
    message.body.clear();
    return message;
  }

  AuditReport Audit() {
    Result<AuditReport> report = AuditStore(records_, files_, {.blob_directory = "/blobs"});
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return report.ok() ? std::move(report).value() : AuditReport();
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
  EXPECT_EQ(report.messages, 10U);
  // The twins share one, what has none is one of no bytes, and those of deleted messages are kept.
  EXPECT_EQ(report.bodies, 11U);
  EXPECT_EQ(report.leftover_bytes, 0U);
}

TEST_F(AuditTest, MissesAnyRowThatIsDeleted) {
  for (const auto& [key, value] : Rows()) {
    if (static_cast<Keyspace>(key.front()) == Keyspace::kChange) {
      continue;  // The log may be trimmed.
    }
    if (static_cast<Keyspace>(key.front()) == Keyspace::kBlob &&
        DecodeBlobReference(value)->count == 0) {
      continue;  // It may be reclaimed.
    }
    records_.Tamper(key, std::nullopt);
    EXPECT_FALSE(Audit().sound()) << HexEncode(key);
    records_.Tamper(key, value);
  }
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, SeesAnyIndexRowTooMany) {
  for (const auto& [key, value] : Rows()) {
    const auto keyspace = static_cast<Keyspace>(key.front());
    if (keyspace < Keyspace::kContent || keyspace > Keyspace::kGone ||
        keyspace == Keyspace::kChange) {
      continue;
    }
    std::string other = key;
    other.back() = static_cast<char>(other.back() ^ 0x40);
    records_.Tamper(other, value);
    EXPECT_FALSE(Audit().sound()) << HexEncode(other);
    records_.Tamper(other, std::nullopt);
  }
  EXPECT_TRUE(Audit().sound());
}

TEST_F(AuditTest, SeesAnyValueCutShort) {
  for (const auto& [key, value] : Rows()) {
    if (value.empty() || static_cast<Keyspace>(key.front()) == Keyspace::kTenant) {
      continue;  // A tenant's row is its name.
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
    const uint64_t last = message.location.offset + message.size - 1;
    char byte = 0;
    ASSERT_TRUE(files_.Open(path).value()->ReadAt(last, {&byte, 1}).ok());
    const char flipped = static_cast<char>(byte ^ 1);
    files_.Tamper(path, last, {&flipped, 1});
    EXPECT_FALSE(Audit().sound());
    EXPECT_EQ(store_->OpenRaw(message).status().code(), Code::kCorrupt);
    files_.Tamper(path, last, {&byte, 1});
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
