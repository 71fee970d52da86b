#include "base/secret.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace mailhaul {
namespace {

// True when `needle` lies in the `size` bytes at `memory`.
bool Holds(const unsigned char* memory, size_t size, std::string_view needle) {
  return std::string_view(reinterpret_cast<const char*>(memory), size).find(needle) !=
         std::string_view::npos;
}

TEST(SecretTest, RevealsOnlyOnDemandAndCompares) {
  const Secret secret("hunter2");
  EXPECT_EQ(secret.Reveal(), "hunter2");
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
  EXPECT_TRUE(secret.EqualsInConstantTime("hunter2"));
  EXPECT_FALSE(secret.EqualsInConstantTime("hunter3"));
  EXPECT_FALSE(secret.EqualsInConstantTime("hunter22"));
  EXPECT_TRUE(Secret().EqualsInConstantTime(""));
}

TEST(SecretTest, ShortSecretsAreWipedFromTheObjectWhenItDies) {
  // A short std::string keeps its bytes inside the object.
  alignas(Secret) unsigned char memory[sizeof(Secret)];
  auto* const secret = new (memory) Secret("hunter2");
  ASSERT_TRUE(Holds(memory, sizeof memory, "hunter2"));
  std::destroy_at(secret);
  EXPECT_FALSE(Holds(memory, sizeof memory, "hunter"));
}

TEST(SecretTest, MovingAndAssigningLeaveNothingBehind) {
  alignas(Secret) unsigned char memory[sizeof(Secret)];
  auto* const secret = new (memory) Secret("hunter2");
  const Secret moved(std::move(*secret));
  EXPECT_EQ(moved.Reveal(), "hunter2");
  EXPECT_FALSE(Holds(memory, sizeof memory, "hunter"));
  *secret = moved;
  EXPECT_EQ(secret->Reveal(), "hunter2");
  *secret = Secret("a");
  EXPECT_EQ(secret->Reveal(), "a");
  EXPECT_FALSE(Holds(memory, sizeof memory, "unter"));
  Secret& self = *secret;
  *secret = self;
  EXPECT_EQ(secret->Reveal(), "a");
  std::destroy_at(secret);
}

TEST(SecretTest, LongSecretsSurviveCopiesAndMoves) {
  const std::string value(1000, 's');
  Secret first(value);
  Secret second(first);
  const Secret third(std::move(first));
  EXPECT_EQ(second.Reveal(), value);
  EXPECT_EQ(third.Reveal(), value);
  second = Secret();
  EXPECT_TRUE(second.empty());
}

}  // namespace
}  // namespace mailhaul
