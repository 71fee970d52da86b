#include "engine/app/run_marker.h"

#include <gtest/gtest.h>

#include "store/memory_file_system.h"

namespace mailhaul::app {
namespace {

TEST(RunMarker, OnlyAnEndThatWasNotInOrderIsSeen) {
  store::MemoryFileSystem files;
  ASSERT_TRUE(files.CreateDirectories("/data").ok());
  EXPECT_FALSE(MarkRunning(files, "/data").value());
  ASSERT_TRUE(MarkEnded(files, "/data").ok());
  EXPECT_FALSE(MarkRunning(files, "/data").value());
  EXPECT_TRUE(MarkRunning(files, "/data").value());
  EXPECT_TRUE(MarkRunning(files, "/data").value());  // A crash after a crash.
  ASSERT_TRUE(MarkEnded(files, "/data").ok());
  EXPECT_FALSE(MarkRunning(files, "/data").value());
}

}  // namespace
}  // namespace mailhaul::app
