#include "engine/pipeline/content_mapper.h"

#include <gtest/gtest.h>

#include "engine/mime/message_parser.h"
#include "engine/mime/structure.h"

namespace mailhaul::pipeline {
namespace {

class ContentMapperTest : public testing::Test {
 protected:
  ContentMapperTest() { mime::Initialize(); }

  static ParsedContent Parse(const std::string& raw) {
    return ParseContent(MemoryByteSource(raw), /*thread_fallback=*/7);
  }
  static store::MessageContent Decode(const ParsedContent& parsed) {
    return store::DecodeContent(parsed.record).value();
  }
};

TEST_F(ContentMapperTest, KeepsWhatTheParserFound) {
  const ParsedContent parsed = Parse(
      "From: Ada <ada@example.org>\r\nTo: b@example.org, c@example.org\r\nSubject: Plans\r\n"
      "Message-ID: <1@example.org>\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\n\r\nHello "
      "there.\r\n");
  const store::MessageContent content = Decode(parsed);
  ASSERT_EQ(content.from.size(), 1U);
  EXPECT_EQ(content.from[0].name, "Ada");
  EXPECT_EQ(content.from[0].email, "ada@example.org");
  EXPECT_EQ(content.to.size(), 2U);
  EXPECT_EQ(content.subject, "Plans");
  EXPECT_EQ(content.message_id, "1@example.org");
  EXPECT_EQ(content.preview, "Hello there.");
  EXPECT_FALSE(content.has_attachment);
  EXPECT_FALSE(parsed.quarantined);
}

// As a large message is, whose bytes then lie in the store.
TEST_F(ContentMapperTest, IsTheSameForAMessageThatWasScannedWhileItArrived) {
  std::string raw =
      "From: Ada <ada@example.org>\r\nSubject: Plans\r\nMessage-ID: <1@example.org>\r\n"
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello there.\r\n";
  for (const std::string encoding : {"base64", "quoted-printable", "8bit"}) {
    raw += "--b\r\nContent-Type: application/pdf; name=" + encoding +
           ".pdf\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: " + encoding +
           "\r\n\r\n";
    for (int line = 0; line < 100; ++line) {
      raw += "QUJDREVGRw=3D\r\n";
    }
  }
  raw += "--b--\r\n";
  const std::string whole = Parse(raw).record;
  EXPECT_EQ(Decode(Parse(raw)).attachments.size(), 3U);
  for (const size_t piece : {size_t{1}, size_t{100}, size_t{4096}}) {
    mime::StructureScanner scanner;
    for (size_t at = 0; at < raw.size(); at += piece) {
      scanner.Feed(std::string_view(raw).substr(at, piece));
    }
    EXPECT_GT(scanner.held_bytes(), 200U);
    const ParsedContent parsed =
        ParseContent(MemoryByteSource(raw), scanner.Finish(raw.size()), /*thread_fallback=*/7);
    EXPECT_EQ(parsed.record, whole) << piece;
  }
}

TEST_F(ContentMapperTest, RepliesShareTheThreadOfTheFirstMessage) {
  const uint64_t first = Parse("Message-ID: <root@x>\r\n\r\n").thread;
  const uint64_t reply =
      Parse("Message-ID: <2@x>\r\nIn-Reply-To: <root@x>\r\nReferences: <root@x>\r\n\r\n").thread;
  const uint64_t deeper =
      Parse("Message-ID: <3@x>\r\nIn-Reply-To: <2@x>\r\nReferences: <root@x> <2@x>\r\n\r\n").thread;
  const uint64_t without_references =
      Parse("Message-ID: <4@x>\r\nIn-Reply-To: <root@x>\r\n\r\n").thread;
  const uint64_t other = Parse("Message-ID: <5@x>\r\n\r\n").thread;
  EXPECT_EQ(reply, first);
  EXPECT_EQ(deeper, first);
  EXPECT_EQ(without_references, first);
  EXPECT_NE(other, first);
}

TEST_F(ContentMapperTest, AThreadFollowsFromTheMessageItselfWhateverComesFirst) {
  // Replies to messages that have not come yet, or never will.
  const uint64_t grandchild =
      Parse("Message-ID: <3@x>\r\nIn-Reply-To: <2@x>\r\nReferences: <1@x> <2@x>\r\n\r\n").thread;
  const uint64_t child = Parse("Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\n").thread;
  EXPECT_EQ(grandchild, child);
  EXPECT_EQ(Parse("Message-ID: <1@x>\r\n\r\n").thread, child);
  // Threads never merge: one that names a later message only begins there, and subjects say
  // nothing.
  const uint64_t late = Parse("Message-ID: <4@x>\r\nIn-Reply-To: <2@x>\r\n\r\n").thread;
  EXPECT_NE(late, child);
  EXPECT_EQ(Parse("Message-ID: <5@x>\r\nIn-Reply-To: <2@x>\r\n\r\n").thread, late);
  EXPECT_NE(Parse("Message-ID: <6@x>\r\nSubject: Re: a\r\n\r\n").thread,
            Parse("Message-ID: <7@x>\r\nSubject: a\r\n\r\n").thread);
}

TEST_F(ContentMapperTest, AMessageWithoutIdentifiersIsAThreadOfItsOwn) {
  EXPECT_EQ(Parse("Subject: x\r\n\r\n").thread, 7U);
}

TEST_F(ContentMapperTest, AnInlineImageIsNotAnAttachment) {
  const std::string head =
      "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:a\">\r\n"
      "--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n";
  const std::string tail = "\r\niVBORw0KGgo=\r\n--b--\r\n";
  EXPECT_FALSE(Decode(Parse(head + "Content-Disposition: inline\r\nContent-ID: <a>\r\n" + tail))
                   .has_attachment);
  EXPECT_TRUE(Decode(Parse(head + "Content-Disposition: attachment; filename=a.png\r\n" + tail))
                  .has_attachment);
}

TEST_F(ContentMapperTest, WhatIsOverALimitIsKeptWithTheReason) {
  std::string raw = "Subject: deep\r\n";
  for (int i = 0; i < 200; ++i) {
    const std::string mark = "b" + std::to_string(i);
    raw += "Content-Type: multipart/mixed; boundary=" + mark + "\r\n\r\n--" + mark + "\r\n";
  }
  const ParsedContent parsed = Parse(raw + "\r\n\r\nend\r\n");
  EXPECT_TRUE(parsed.quarantined);
  EXPECT_NE(Decode(parsed).unparsed_reason, "");
}

}  // namespace
}  // namespace mailhaul::pipeline
