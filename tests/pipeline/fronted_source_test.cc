#include "engine/pipeline/fronted_source.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace mailhaul::pipeline {
namespace {

constexpr std::string_view kBytes = "0123456789";

std::string Read(const ByteSource& source, uint64_t offset, size_t count) {
  std::string out(count, '\0');
  const Result<size_t> got = source.ReadAt(offset, out);
  out.resize(got.ok() ? *got : 0);
  return out;
}

class FrontedSourceTest : public testing::Test {
 protected:
  FrontedSource Make(size_t front) {
    return {std::string(kBytes.substr(0, front)), kBytes.size(),
            [this]() -> Result<std::unique_ptr<ByteSource>> {
              ++opened_;
              if (!failure_.ok()) {
                return failure_;
              }
              return OwnedByteSource::CopyOf(kBytes);
            }};
  }

  Status failure_;
  int opened_ = 0;
};

TEST_F(FrontedSourceTest, ReadsGiveWhatTheWholeBodyGives) {
  for (size_t front = 0; front <= kBytes.size(); ++front) {
    const FrontedSource source = Make(front);
    EXPECT_EQ(source.size(), kBytes.size());
    for (uint64_t offset = 0; offset <= kBytes.size() + 1; ++offset) {
      for (size_t count = 0; count <= kBytes.size() + 1; ++count) {
        const std::string expected(offset < kBytes.size() ? kBytes.substr(offset, count) : "");
        EXPECT_EQ(Read(source, offset, count), expected) << front << " " << offset << " " << count;
      }
    }
  }
}

TEST_F(FrontedSourceTest, OpensTheRestOnceAndOnlyForReadsBeyondTheFront) {
  const FrontedSource source = Make(4);
  EXPECT_EQ(Read(source, 0, 4), "0123");
  EXPECT_EQ(Read(source, 10, 4), "");
  EXPECT_EQ(source.held_bytes(), 4U);
  EXPECT_EQ(opened_, 0);
  EXPECT_EQ(Read(source, 0, 5), "01234");
  EXPECT_EQ(Read(source, 8, 5), "89");
  EXPECT_EQ(source.held_bytes(), 14U);
  EXPECT_EQ(opened_, 1);
}

TEST_F(FrontedSourceTest, WhatCannotBeOpenedIsTriedAgainAndNotForgotten) {
  const FrontedSource source = Make(4);
  failure_ = Status(Code::kIo, "no disk");
  std::string out(5, '\0');
  EXPECT_EQ(Read(source, 0, 4), "0123");
  EXPECT_TRUE(source.failure().ok());
  EXPECT_EQ(source.ReadAt(0, out).status().code(), Code::kIo);
  failure_ = Status::Ok();
  EXPECT_EQ(Read(source, 0, 5), "01234");
  EXPECT_EQ(source.failure().code(), Code::kIo);
  EXPECT_EQ(opened_, 2);
}

TEST_F(FrontedSourceTest, AFrontThatIsAllOfItLiesInMemory) {
  EXPECT_EQ(Make(kBytes.size()).Contiguous(), kBytes);
  EXPECT_EQ(Make(kBytes.size() - 1).Contiguous(), "");
}

}  // namespace
}  // namespace mailhaul::pipeline
