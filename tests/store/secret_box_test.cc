#include "store/secret_box.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "store/memory_key_value_store.h"
#include "store/sealed_secrets.h"

namespace mailhaul::store {
namespace {

SecretBox BoxOf(char fill) {
  return SecretBox::FromKey(Secret(std::string(kMasterKeyBytes, fill))).value();
}

class SecretBoxTest : public ::testing::Test {
 protected:
  std::map<std::string, std::string> All(const SecretBox& box) {
    std::map<std::string, std::string> found;
    EXPECT_TRUE(
        ReadSecrets(records_, box, "", [&found](std::string_view name, Result<Secret> secret) {
          found.emplace(name, secret.ok() ? std::string(secret->Reveal())
                                          : std::string(ToString(secret.status().code())));
        }).ok());
    return found;
  }

  SeededRandom random_{1};
  MemoryKeyValueStore records_;
  const SecretBox box_ = BoxOf('k');
};

TEST_F(SecretBoxTest, GivesBackWhatWasSealedAndShowsNothingOfIt) {
  for (const std::string& secret : {std::string(), std::string("token"), std::string(5000, 'x')}) {
    const std::string sealed = box_.Seal("name", secret, random_);
    EXPECT_TRUE(secret.empty() || sealed.find(secret) == std::string::npos);
    EXPECT_EQ(box_.Open("name", sealed).value().Reveal(), secret);
    EXPECT_NE(box_.Seal("name", secret, random_), sealed) << "each time with another nonce";
  }
}

TEST_F(SecretBoxTest, RefusesAnyChangeAnotherNameAndAnotherKey) {
  const std::string sealed = box_.Seal("name", "secret", random_);
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string changed = sealed;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(box_.Open("name", changed).ok()) << i;
  }
  for (size_t length = 0; length < sealed.size(); ++length) {
    EXPECT_FALSE(box_.Open("name", sealed.substr(0, length)).ok()) << length;
  }
  EXPECT_EQ(box_.Open("other", sealed).status().code(), Code::kCorrupt);
  EXPECT_EQ(BoxOf('l').Open("name", sealed).status().code(), Code::kNotFound);
  EXPECT_FALSE(SecretBox::FromKey(Secret("short")).ok());
}

TEST_F(SecretBoxTest, IsKeptUnderItsNameAndReplaced) {
  ASSERT_TRUE(SaveSecret(records_, box_, "a", "one", random_).ok());
  ASSERT_TRUE(SaveSecret(records_, box_, "b", "two", random_).ok());
  ASSERT_TRUE(SaveSecret(records_, box_, "a", "three", random_).ok());
  EXPECT_EQ(All(box_), (std::map<std::string, std::string>{{"a", "three"}, {"b", "two"}}));
  EXPECT_EQ(All(BoxOf('l')),
            (std::map<std::string, std::string>{{"a", "not_found"}, {"b", "not_found"}}));
}

TEST_F(SecretBoxTest, IsSealedAnewForANewKeyAlsoAfterAnInterruption) {
  const SecretBox next = BoxOf('n');
  ASSERT_TRUE(SaveSecret(records_, box_, "a", "one", random_).ok());
  ASSERT_TRUE(SaveSecret(records_, next, "b", "two", random_).ok());
  EXPECT_EQ(SealAnew(records_, box_, next, random_).value(), 1U);
  EXPECT_EQ(SealAnew(records_, box_, next, random_).value(), 0U);
  EXPECT_EQ(All(next), (std::map<std::string, std::string>{{"a", "one"}, {"b", "two"}}));
}

TEST_F(SecretBoxTest, ManyLongOnesAreSealedAnewInSeveralBatches) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(
        SaveSecret(records_, box_, std::to_string(i), std::string(16 << 10, 's'), random_).ok());
  }
  EXPECT_EQ(SealAnew(records_, box_, BoxOf('n'), random_).value(), 100U);
}

TEST_F(SecretBoxTest, NothingChangesWhenOneCannotBeOpened) {
  ASSERT_TRUE(SaveSecret(records_, box_, "a", "one", random_).ok());
  ASSERT_TRUE(SaveSecret(records_, BoxOf('z'), "b", "two", random_).ok());
  EXPECT_FALSE(SealAnew(records_, box_, BoxOf('n'), random_).ok());
  EXPECT_EQ(All(box_).at("a"), "one");
}

}  // namespace
}  // namespace mailhaul::store
