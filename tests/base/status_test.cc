#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "base/result.h"

namespace mailhaul {
namespace {

TEST(StatusTest, SuccessCarriesNothing) {
  const Status ok;
  EXPECT_TRUE(ok.ok());
  EXPECT_EQ(ok.code(), Code::kOk);
  EXPECT_EQ(ok.message(), "");
  EXPECT_EQ(ok.ToString(), "ok");
  EXPECT_TRUE(ok.WithContext("while testing").ok());
  EXPECT_EQ(ok, Status::Ok());
}

TEST(StatusTest, AFailureKeepsItsWaitThroughContext) {
  const Status throttled =
      Status(Code::kThrottled, "slow down").WithRetryAfter(std::chrono::seconds(7));
  const Status wrapped = throttled.WithContext("imap.example.com");
  EXPECT_EQ(wrapped.code(), Code::kThrottled);
  EXPECT_EQ(wrapped.message(), "imap.example.com: slow down");
  EXPECT_EQ(wrapped.retry_after(), std::chrono::seconds(7));
  EXPECT_EQ(wrapped.ToString(), "throttled: imap.example.com: slow down");
  EXPECT_EQ(Status(Code::kIo, "x").retry_after(), std::chrono::seconds(0));
}

TEST(StatusTest, CopiesAreEqualAndDifferentFailuresAreNot) {
  const Status failure(Code::kIo, "disk");
  const Status copy = failure;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(copy, failure);
  EXPECT_NE(copy, Status(Code::kIo, "other disk"));
  EXPECT_NE(copy, Status(Code::kCorrupt, "disk"));
  EXPECT_NE(copy, Status::Ok());
}

TEST(StatusTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  constexpr auto kLast = static_cast<int>(Code::kInternal);
  for (int code = 0; code <= kLast; ++code) {
    names.insert(ToString(static_cast<Code>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kLast) + 1);
  EXPECT_FALSE(names.contains("unknown_code"));
}

TEST(StatusDeathTest, AFailureWithTheCodeOfSuccessIsADefect) {
  EXPECT_DEATH(static_cast<void>(Status(Code::kOk, "?")), "internal error");
}

Result<std::unique_ptr<int>> MakeInt(bool works) {
  if (!works) {
    return Status(Code::kNotFound, "no int");
  }
  return std::make_unique<int>(42);
}

Result<int> Unwrap(bool works) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<int> value, MakeInt(works));
  return *value + 1;
}

Status Check(bool works) {
  MH_RETURN_IF_ERROR(MakeInt(works).status());
  return {Code::kInternal, "went on"};
}

TEST(ResultTest, HoldsAValueOrAFailure) {
  Result<std::unique_ptr<int>> good = MakeInt(true);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(**good, 42);
  EXPECT_TRUE(good.status().ok());
  const std::unique_ptr<int> taken = std::move(good).value();
  EXPECT_EQ(*taken, 42);
  const Result<std::unique_ptr<int>> bad = MakeInt(false);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().code(), Code::kNotFound);
}

TEST(ResultTest, MacrosReturnTheFailureOrGoOn) {
  EXPECT_EQ(*Unwrap(true), 43);
  EXPECT_EQ(Unwrap(false).status(), Status(Code::kNotFound, "no int"));
  EXPECT_EQ(Check(true).message(), "went on");
  EXPECT_EQ(Check(false).code(), Code::kNotFound);
}

TEST(ResultDeathTest, TheValueOfAFailureIsADefect) {
  const Result<int> bad(Status(Code::kIo, "disk"));
  EXPECT_DEATH(static_cast<void>(bad.value()), "internal error");
  EXPECT_DEATH(static_cast<void>(Result<int>(Status::Ok())), "internal error");
}

}  // namespace
}  // namespace mailhaul
