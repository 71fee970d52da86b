// Bodies in parts are written beside the committer: what is written while it syncs is not covered
// by that sync, whatever the order in which the store hears of it.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/random.h"
#include "store/blob_store.h"
#include "store/checked_body.h"
#include "store/memory_file_system.h"

namespace mailhaul::store {
namespace {

constexpr char kDirectory[] = "/blobs";

class BesideWritingTest : public ::testing::Test {
 protected:
  void Open() {
    store_ = BlobStore::Open(files_, {.directory = kDirectory}).value();
    SeededRandom random(1);
    body_.resize(600'000);
    random.Fill({reinterpret_cast<unsigned char*>(body_.data()), body_.size()});
  }
  void WriteBody() {
    const std::unique_ptr<BlobStore::Writer> writer = store_->Begin(body_.size()).value();
    WriteRest(*writer, 0);
  }
  void WriteRest(BlobStore::Writer& writer, size_t from) {
    ASSERT_TRUE(writer.Append(std::string_view(body_).substr(from)).ok());
    finished_ = writer.Finish().value();
  }
  // It was finished in the middle of the first one.
  void ExpectNextSyncCoversIt() {
    ASSERT_TRUE(store_->Sync().ok());
    ASSERT_EQ(finished_.location.size, body_.size());
    ASSERT_TRUE(store_->Sync().ok());
    EXPECT_TRUE(Survives());
  }
  // Whether the body is there after the power fails.
  bool Survives() {
    store_.reset();
    SeededRandom random(2);
    files_.DropUnsynced(random);
    Open();
    const Result<std::unique_ptr<ByteSource>> source =
        OpenChecked(*store_, finished_.location, finished_.sha256);
    return source.ok();
  }

  MemoryFileSystem files_;
  std::unique_ptr<BlobStore> store_;
  std::string body_;
  BlobStore::Writer::Finished finished_;
};

TEST_F(BesideWritingTest, TheNextSyncCoversWhatIsWrittenInTheMiddleOfOne) {
  Open();
  const std::unique_ptr<BlobStore::Writer> writer = store_->Begin(body_.size()).value();
  ASSERT_TRUE(writer->Append(std::string_view(body_).substr(0, 400'000)).ok());
  files_.AfterNextSync([&] { WriteRest(*writer, 400'000); });
  ExpectNextSyncCoversIt();
}

TEST_F(BesideWritingTest, TheNextSyncCoversASegmentThatIsMadeInTheMiddleOfOne) {
  Open();
  ASSERT_TRUE(store_->Append("small", ComputeSha256("small")).ok());
  // Behind the file's sync comes the directory's.
  files_.AfterNextSync([&] { files_.AfterNextSync([&] { WriteBody(); }); });
  ExpectNextSyncCoversIt();
}

TEST_F(BesideWritingTest, SmallBodiesGoOnAfterABodyInPartsFindsNoRoom) {
  Open();
  const std::unique_ptr<BlobStore::Writer> writer = store_->Begin(body_.size()).value();
  ASSERT_TRUE(store_->Append("small", ComputeSha256("small")).ok());
  files_.SetFreeBytes(0);
  EXPECT_EQ(writer->Append(body_).code(), Code::kDiskFull);
  files_.SetFreeBytes(uint64_t{1} << 30);
  EXPECT_TRUE(store_->Sync().ok());
}

}  // namespace
}  // namespace mailhaul::store
