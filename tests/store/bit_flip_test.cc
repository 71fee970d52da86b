// Single bits flipped anywhere in the files of a store: the audit or the reading tells of each, and
// none is answered as good data.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/audit/audit.h"
#include "store/framed_body.h"
#include "store/rocksdb_store.h"
#include "tests/store/base64_mail.h"
#include "tests/store/mail_store_fixture.h"
#include "tests/store/temporary_directory.h"
#include "tests/support/sanitized.h"

namespace mailhaul::store {
namespace {

constexpr int kFlips = 250;
constexpr int kFlipsLong = 1000;
constexpr Uid kMessages = 300;

// What a look at the store came to.
constexpr int kSilent = 0;
constexpr int kTold = 1;
constexpr int kWrong = 2;

struct OpenStoreFiles {
  SettableClock clock;
  PosixFileSystem files;
  std::unique_ptr<EmbeddedStore> records;
  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<MailStore> mail;
};

Status OpenAll(const std::string& directory, bool read_only, OpenStoreFiles& store) {
  MH_ASSIGN_OR_RETURN(store.records,
                      read_only ? OpenRocksDbReadOnly(directory + "/records")
                                : OpenRocksDb(directory + "/records", {.flush_at_close = false}));
  MH_ASSIGN_OR_RETURN(store.blobs, BlobStore::Open(store.files, {.directory = directory + "/blobs",
                                                                 .frame_bytes = kFrameBytesMin}));
  MH_ASSIGN_OR_RETURN(store.mail, MailStore::Open(*store.records, *store.blobs, store.clock));
  return Status::Ok();
}

std::string BodyOf(Uid uid) {
  SeededRandom random(uid);
  std::string body;
  if (uid % 3 == 0) {
    body = "text before\r\n\r\n" + Lines(NoiseOf(300 + uid * 5, uid), 76, true) + "\r\n";
  }
  while (body.size() < (uid % 10 == 0 ? 9'000U : 400U) + uid * 7) {
    body.push_back(static_cast<char>('a' + random.Below(26)));
  }
  return body;
}

void Stream(BlobStore& blobs, IngestMessage& message) {
  const std::string body = BodyOf(message.uid);
  auto writer = blobs.Begin(body.size());
  ASSERT_TRUE(writer.ok() && (*writer)->Append(body).ok());
  const auto finished = (*writer)->Finish();
  ASSERT_TRUE(finished.ok() && finished->compressed > 0);
  message.streamed = *finished;
  message.compressed = false;
  message.body.clear();
}

void Fill(const std::string& directory) {
  OpenStoreFiles store;
  ASSERT_TRUE(OpenAll(directory, false, store).ok());
  const TenantId tenant = store.mail->EnsureTenant("acme").value();
  const MailboxId mailbox = store.mail->EnsureMailbox(tenant, "alice", "a@acme.example").value();
  const FolderId inbox = store.mail->EnsureFolder(mailbox, "INBOX", "inbox").value();
  for (Uid uid = 1; uid <= kMessages; uid += 10) {
    IngestBatch batch;
    batch.mailbox = mailbox;
    batch.folder = inbox;
    batch.uid_validity = 1;
    for (Uid one = uid; one < uid + 10; ++one) {
      batch.messages.push_back(MessageOf(one, BodyOf(one)));
    }
    // Some in frames.
    ASSERT_NO_FATAL_FAILURE(Stream(*store.blobs, batch.messages.back()));
    IngestBatch* const pointer = &batch;
    store.mail->Append({&pointer, 1});
    ASSERT_TRUE(batch.status.ok()) << batch.status.ToString();
    if (uid > kMessages / 2) {
      continue;
    }
    // Half of the rows lie in table files, half in the log.
    store.mail.reset();
    store.blobs.reset();
    store.records.reset();
    ASSERT_TRUE(OpenAll(directory, false, store).ok());
  }
}

struct Place {
  std::string path;
  uint64_t offset = 0;
};

// Every byte that holds data. RocksDB's own logs and option files do not.
std::vector<std::pair<std::string, uint64_t>> DataFiles(const std::string& directory) {
  std::vector<std::pair<std::string, uint64_t>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() && entry.file_size() > 0 &&
        (extension == ".sst" || extension == ".log" || extension == ".seg" ||
         name.starts_with("MANIFEST") || name == "CURRENT")) {
      files.emplace_back(entry.path().string(), entry.file_size());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void FlipBit(const Place& place, unsigned bit) {
  std::fstream file(place.path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(place.offset));
  const char byte = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(place.offset));
  file.put(static_cast<char>(byte ^ static_cast<char>(1U << bit)));
  ASSERT_TRUE(file.good());
}

// RocksDB may find damage by an assertion: each look at a damaged store happens in a process of its
// own, whose abrupt end counts as being told.
template <typename Function>
int InChild(const Function& function) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(function());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kTold;
}

class BitFlip : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(InChild([this] {
                Fill(directory_.path());
                return HasFailure() ? kWrong : kSilent;
              }),
              kSilent);
  }

  int Look() const {
    return InChild([this] {
      const bool told = IsTold();
      return HasFailure() ? kWrong : (told ? kTold : kSilent);
    });
  }

  // Whether the audit has anything to say of the store as it is. Reads all of it, too.
  bool IsTold() const {
    OpenStoreFiles store;
    if (!OpenAll(directory_.path(), true, store).ok()) {
      return true;
    }
    const Result<AuditReport> report =
        AuditStore(*store.records, store.files, {.blob_directory = directory_.path() + "/blobs"});
    ReadEverything(store);
    return store.records->log_records_dropped() > 0 || !store.records->CheckFiles().ok() ||
           !report.ok() || !report->sound() || report->leftover_bytes > 0;
  }

  // Whatever is answered without a failure is what was stored.
  static void ReadEverything(const OpenStoreFiles& store) {
    const auto tenant = store.mail->FindTenant("acme");
    MessageQuery query;
    query.tenant = tenant.value_or(TenantId{});
    query.limit = 1000;
    const Result<MessagePage> page = store.mail->ListMessages(query);
    if (!tenant || !page.ok()) {
      return;
    }
    for (const StoredMessage& message : page->items) {
      EXPECT_EQ(message.content.subject, "subject of " + std::to_string(message.uid));
      const Result<std::unique_ptr<ByteSource>> raw = store.mail->OpenRaw(message);
      if (raw.ok()) {
        EXPECT_EQ(ReadAll(**raw), BodyOf(message.uid));
      }
    }
  }

  TemporaryDirectory directory_;
};

TEST_F(BitFlip, IsToldOfAndNeverAnsweredAsGoodData) {
  ASSERT_EQ(Look(), kSilent);
  const auto files = DataFiles(directory_.path());
  uint64_t total = 0;
  for (const auto& [path, size] : files) {
    total += size;
  }
  SeededRandom random(1);
  std::map<std::string, int> by_kind;
  const int flips =
      std::getenv("MAILHAUL_LONG") != nullptr ? kFlipsLong : kFlips / test_support::kRoundsShare;
  for (int i = 0; i < flips && !HasFailure(); ++i) {
    // Half of them anywhere, half in a file of any size.
    Place place;
    if (i % 2 == 0) {
      uint64_t at = random.Below(total);
      for (const auto& [path, size] : files) {
        if (at < size) {
          place = {.path = path, .offset = at};
          break;
        }
        at -= size;
      }
    } else {
      const auto& [path, size] = files[random.Below(files.size())];
      place = {.path = path, .offset = random.Below(size)};
    }
    const auto bit = static_cast<unsigned>(random.Below(8));
    FlipBit(place, bit);
    EXPECT_EQ(Look(), kTold) << "bit " << bit << " of byte " << place.offset << " in "
                             << place.path;
    FlipBit(place, bit);
    ++by_kind[std::filesystem::path(place.path).extension().string()];
  }
  EXPECT_TRUE(test_support::kSanitized || by_kind.size() >= 3) << by_kind.size();
  EXPECT_EQ(Look(), kSilent);
}

}  // namespace
}  // namespace mailhaul::store
