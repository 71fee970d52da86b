// Whoever reads beside a writer changes nothing: a file cut at the size it had a moment ago loses
// what the writer appended since.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/blob_store.h"
#include "store/checked_body.h"
#include "store/memory_file_system.h"

namespace mailhaul::store {
namespace {

constexpr char kDirectory[] = "/blobs";
const std::string kBody = "Subject: hello\r\n\r\nhello\r\n";

// A file of another process: every call that changes it, or may, is noted.
class OthersFile final : public File {
 public:
  OthersFile(std::unique_ptr<File> file, std::vector<std::string>& changes)
      : file_(std::move(file)), changes_(changes) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    return file_->ReadAt(offset, out);
  }
  Result<uint64_t> Size() const override { return file_->Size(); }
  Status WriteAt(uint64_t /*offset*/, std::string_view /*bytes*/) override {
    return Note("WriteAt");
  }
  Status Sync() override { return Note("Sync"); }
  void Preallocate(uint64_t /*offset*/, uint64_t /*bytes*/) override {
    changes_.emplace_back("Preallocate");
  }
  void Trim() override { changes_.emplace_back("Trim"); }

 private:
  Status Note(const char* call) {
    changes_.emplace_back(call);
    return Status::Ok();
  }

  const std::unique_ptr<File> file_;
  std::vector<std::string>& changes_;
};

class OthersFiles final : public FileSystem {
 public:
  explicit OthersFiles(FileSystem& files) : files_(files) {}

  Status CreateDirectories(const std::string& /*path*/) override {
    return Note("CreateDirectories");
  }
  Result<std::unique_ptr<File>> Create(const std::string& path) override {
    changes_.emplace_back("Create");
    return files_.Create(path);
  }
  Result<std::unique_ptr<File>> Open(const std::string& path) override {
    MH_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files_.Open(path));
    return std::unique_ptr<File>(std::make_unique<OthersFile>(std::move(file), changes_));
  }
  Status Remove(const std::string& /*path*/) override { return Note("Remove"); }
  Status Rename(const std::string& /*from*/, const std::string& /*to*/) override {
    return Note("Rename");
  }
  Result<FileInfo> Stat(const std::string& path) override { return files_.Stat(path); }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    return files_.List(directory);
  }
  Status SyncDirectory(const std::string& /*directory*/) override { return Note("SyncDirectory"); }
  Result<uint64_t> FreeBytes(const std::string& path) override { return files_.FreeBytes(path); }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    return files_.Lock(path);
  }

  const std::vector<std::string>& changes() const { return changes_; }

 private:
  Status Note(const char* call) {
    changes_.emplace_back(call);
    return Status::Ok();
  }

  FileSystem& files_;
  std::vector<std::string> changes_;
};

TEST(ReadingOnly, AReaderChangesNothingAndReadsWhatIsThere) {
  MemoryFileSystem files;
  Result<std::unique_ptr<BlobStore>> writer = BlobStore::Open(files, {.directory = kDirectory});
  ASSERT_TRUE(writer.ok()) << writer.status().ToString();
  const Sha256 sha256 = ComputeSha256(kBody);
  const Result<BlobLocation> location = (*writer)->Append(kBody, sha256);
  ASSERT_TRUE(location.ok() && (*writer)->Sync().ok());

  OthersFiles others(files);
  {
    const Result<std::unique_ptr<BlobStore>> reader =
        BlobStore::Open(others, {.directory = kDirectory, .read_only = true});
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    const Result<std::unique_ptr<ByteSource>> body = OpenChecked(**reader, *location, sha256);
    ASSERT_TRUE(body.ok()) << body.status().ToString();
    EXPECT_EQ((*body)->size(), kBody.size());
    EXPECT_EQ((*reader)->Append(kBody, sha256).status().code(), Code::kInvalidArgument);
    EXPECT_EQ((*reader)->Begin(kBody.size()).status().code(), Code::kInvalidArgument);
    EXPECT_EQ((*reader)->Sync().code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(others.changes(), std::vector<std::string>());
}

TEST(ReadingOnly, ADirectoryThatIsNotThereHoldsNoBodies) {
  MemoryFileSystem files;
  OthersFiles others(files);
  const Result<std::unique_ptr<BlobStore>> reader =
      BlobStore::Open(others, {.directory = kDirectory, .read_only = true});
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_FALSE((*reader)->HasSegment(1));
  EXPECT_EQ(others.changes(), std::vector<std::string>());
}

// The other way round, so that the first test could fail: a writer does trim.
TEST(ReadingOnly, AWriterGivesBackWhatAnUncleanEndLeftReserved) {
  MemoryFileSystem files;
  {
    Result<std::unique_ptr<BlobStore>> before = BlobStore::Open(files, {.directory = kDirectory});
    ASSERT_TRUE(before.ok() && (*before)->Append(kBody, ComputeSha256(kBody)).ok());
    ASSERT_TRUE((*before)->Sync().ok());
  }
  OthersFiles others(files);
  ASSERT_TRUE(BlobStore::Open(others, {.directory = kDirectory}).ok());
  EXPECT_EQ(others.changes(), (std::vector<std::string>{"CreateDirectories", "Trim"}));
}

}  // namespace
}  // namespace mailhaul::store
