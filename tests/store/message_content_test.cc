#include "store/message_content.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace mailhaul::store {
namespace {

MessageContent Sample() {
  MessageContent content;
  content.message_id = "a@b";
  content.in_reply_to = "c@d";
  content.references = {"r1@x", "r2@x"};
  content.date = WallTime(std::chrono::milliseconds(-5));
  content.from = {{.name = "J\xC3\xB6rg", .email = "j@x.example"}};
  content.to = {{.name = "", .email = "t1@x"}, {.name = "T", .email = ""}};
  content.cc = {{.name = "C", .email = "c@x"}};
  content.bcc = {{.name = "B", .email = "b@x"}};
  content.reply_to = {{.name = "R", .email = "r@x"}};
  content.subject = "Hello";
  content.preview = "first words";
  content.attachments = {{.filename = "a.png",
                          .content_type = "image/png",
                          .content_id = "cid",
                          .size = uint64_t{1} << 40}};
  content.has_attachment = true;
  content.unparsed_reason = "too deep";
  return content;
}

void ExpectEqual(const MessageContent& a, const MessageContent& b) {
  EXPECT_EQ(a.message_id, b.message_id);
  EXPECT_EQ(a.in_reply_to, b.in_reply_to);
  EXPECT_EQ(a.references, b.references);
  EXPECT_EQ(a.date, b.date);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.to, b.to);
  EXPECT_EQ(a.cc, b.cc);
  EXPECT_EQ(a.bcc, b.bcc);
  EXPECT_EQ(a.reply_to, b.reply_to);
  EXPECT_EQ(a.subject, b.subject);
  EXPECT_EQ(a.preview, b.preview);
  EXPECT_EQ(a.attachments, b.attachments);
  EXPECT_EQ(a.has_attachment, b.has_attachment);
  EXPECT_EQ(a.unparsed_reason, b.unparsed_reason);
}

TEST(MessageContent, EveryFieldComesBack) {
  const Result<MessageContent> decoded = DecodeContent(EncodeContent(Sample()));
  ASSERT_TRUE(decoded.ok());
  ExpectEqual(*decoded, Sample());
}

TEST(MessageContent, AnEmptyContentComesBack) {
  const Result<MessageContent> decoded = DecodeContent(EncodeContent({}));
  ASSERT_TRUE(decoded.ok());
  ExpectEqual(*decoded, {});
}

TEST(MessageContent, ARecordAtAnOddAddressIsRead) {
  const std::string shifted = "x" + EncodeContent(Sample());
  const Result<MessageContent> decoded = DecodeContent(std::string_view(shifted).substr(1));
  ASSERT_TRUE(decoded.ok());
  ExpectEqual(*decoded, Sample());
}

TEST(MessageContent, OverlongListsLoseTheirEnds) {
  MessageContent content = Sample();
  content.to.clear();
  for (int i = 0; i < 100000; ++i) {
    content.to.push_back({.name = "Name " + std::to_string(i), .email = "somebody@x.example"});
  }
  const std::string record = EncodeContent(content);
  EXPECT_LE(record.size(), kContentBytesMax);
  EXPECT_GE(record.size(), kContentBytesMax / 2);  // Not cut more than it must be.
  const Result<MessageContent> decoded = DecodeContent(record);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->to.front().name, "Name 0");
  EXPECT_EQ(decoded->cc, content.cc);
  EXPECT_EQ(decoded->subject, content.subject);
}

TEST(MessageContent, OverlongTextsAreCutBetweenCharactersAndTheRestStays) {
  MessageContent content = Sample();
  content.subject.clear();
  for (int i = 0; i < 100000; ++i) {
    content.subject += "\xE2\x82\xAC";
  }
  content.unparsed_reason.assign(1000000, 'r');
  content.message_id.assign(1000000, 'm');
  const std::string record = EncodeContent(content);
  EXPECT_LE(record.size(), kContentBytesMax);
  const Result<MessageContent> decoded = DecodeContent(record);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->subject.size(), kContentTextBytesMax / 3 * 3);
  EXPECT_EQ(decoded->from, content.from);
}

TEST(MessageContent, ManyShortEntriesOfEveryListFit) {
  MessageContent content;
  for (int i = 0; i < 20000; ++i) {
    content.references.emplace_back();
    content.from.emplace_back();
    content.to.emplace_back();
    content.cc.emplace_back();
    content.bcc.emplace_back();
    content.reply_to.emplace_back();
    content.attachments.emplace_back();
  }
  const std::string record = EncodeContent(content);
  EXPECT_LE(record.size(), kContentBytesMax);
  EXPECT_TRUE(DecodeContent(record).ok());
}

TEST(MessageContent, EveryPrefixOfARecordIsRefused) {
  const std::string record = EncodeContent(Sample());
  for (size_t size = 0; size < record.size(); ++size) {
    const Result<MessageContent> decoded = DecodeContent(record.substr(0, size));
    if (!decoded.ok()) {
      EXPECT_EQ(decoded.status().code(), Code::kCorrupt);
    } else {
      EXPECT_GE(size + sizeof(uint64_t), record.size());  // Only padding was missing.
    }
  }
}

TEST(MessageContent, FlippedBytesNeverReadOutsideTheRecord) {
  const std::string record = EncodeContent(Sample());
  SeededRandom random(3);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = record;
    for (uint64_t flips = 1 + random.Below(3); flips > 0; --flips) {
      damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
    }
    const Result<MessageContent> decoded = DecodeContent(damaged);
    refused += decoded.ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace mailhaul::store
