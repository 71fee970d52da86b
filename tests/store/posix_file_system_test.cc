#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "store/aligned_buffer.h"
#include "store/file_system.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::store {
namespace {

TEST(PosixFileSystem, AlignedAndOtherWritesMayMixAndAreRead) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  Result<std::unique_ptr<File>> file = files.Create(directory.path() + "/f");
  ASSERT_TRUE(file.ok());
  AlignedBuffer block(kBlockBytes);
  block.Append(std::string(kBlockBytes, 'a'));
  ASSERT_TRUE((*file)->WriteAt(0, block.view()).ok());
  ASSERT_TRUE((*file)->WriteAt(10, "bbb").ok());
  ASSERT_TRUE((*file)->WriteAt(kBlockBytes, block.view()).ok());
  ASSERT_TRUE((*file)->WriteAt(2 * kBlockBytes, "tail").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  std::string expected(2 * kBlockBytes, 'a');
  expected.replace(10, 3, "bbb");
  expected += "tail";
  std::string got(20000, '\0');
  const Result<size_t> count = (*file)->ReadAt(0, got);
  ASSERT_TRUE(count.ok());
  EXPECT_TRUE(got.substr(0, *count) == expected);
  EXPECT_EQ((*file)->Size().value(), expected.size());
  EXPECT_EQ((*file)->ReadAt(expected.size(), got).value(), 0U);
}

TEST(PosixFileSystem, PreallocationDoesNotChangeTheSize) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  Result<std::unique_ptr<File>> file = files.Create(directory.path() + "/f");
  ASSERT_TRUE(file.ok());
  (*file)->Preallocate(0, 1 << 20);
  EXPECT_EQ((*file)->Size().value(), 0U);
}

TEST(PosixFileSystem, TrimmingGivesBackWhatIsReservedBeyondTheEnd) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string path = directory.path() + "/f";
  Result<std::unique_ptr<File>> file = files.Create(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->WriteAt(0, "contents").ok());
  (*file)->Preallocate(0, 1 << 20);
  (*file)->Trim();
  EXPECT_EQ((*file)->Size().value(), 8U);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  constexpr int kUnitBytes = 512;
  EXPECT_LT(info.st_blocks * kUnitBytes, 1 << 19);
  std::string got(8, '\0');
  EXPECT_EQ((*file)->ReadAt(0, got).value(), 8U);
  EXPECT_EQ(got, "contents");
}

TEST(PosixFileSystem, NewFilesAndDirectoriesAreForTheirOwnerOnly) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string path = directory.path() + "/a/b";
  ASSERT_TRUE(files.CreateDirectories(path).ok());
  ASSERT_TRUE(files.CreateDirectories(path).ok());
  ASSERT_TRUE(files.Create(path + "/f").ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat((path + "/f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST(PosixFileSystem, FailuresSayWhatTheyAre) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  const std::string path = directory.path() + "/f";
  EXPECT_EQ(files.Open(path).status().code(), Code::kNotFound);
  EXPECT_EQ(files.Remove(path).code(), Code::kNotFound);
  EXPECT_EQ(files.List(path).status().code(), Code::kNotFound);
  ASSERT_TRUE(files.Create(path).ok());
  EXPECT_EQ(files.Create(path).status().code(), Code::kAlreadyExists);
  EXPECT_EQ(files.CreateDirectories(path).code(), Code::kAlreadyExists);
  EXPECT_NE(files.Create(path).status().message().find(path), std::string::npos);
}

TEST(PosixFileSystem, ListsSortedAndRemoves) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  ASSERT_TRUE(files.Create(directory.path() + "/b").ok());
  ASSERT_TRUE(files.Create(directory.path() + "/a").ok());
  EXPECT_EQ(files.List(directory.path()).value(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(files.Remove(directory.path() + "/a").ok());
  EXPECT_EQ(files.List(directory.path()).value(), (std::vector<std::string>{"b"}));
  EXPECT_TRUE(files.SyncDirectory(directory.path()).ok());
  EXPECT_GT(files.FreeBytes(directory.path()).value(), 0U);
}

}  // namespace
}  // namespace mailhaul::store
