// Our structure against GMime's own parser, for well-formed mail made from a seed: the same leaves
// of the same types and sizes.
#include <gmime/gmime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "engine/mime/structure.h"
#include "engine/mime/transfer_encoding.h"
#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

constexpr int kMessages = 400;

// xorshift64*: the same mail in every run and on every machine.
class Seeded final {
 public:
  explicit Seeded(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  uint32_t Below(uint32_t bound) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>((state_ * 0x2545F4914F6CDD1DULL) >> 33) % bound;
  }

 private:
  uint64_t state_;
};

std::string MakeBody(Seeded& seeded, bool is_base64) {
  constexpr std::string_view kWords[] = {"word",  "--", "-- ",     "a=3Db",
                                         "--b1x", "",   "From me", "=C3=BC"};
  std::string body;
  for (uint32_t lines = seeded.Below(40); lines > 0; --lines) {
    body += is_base64 ? std::string("QUJDREVGR0hJSktM") : std::string(kWords[seeded.Below(8)]);
    body += "\r\n";
  }
  return body;
}

std::string MakePart(Seeded& seeded, int depth, int& boundaries) {
  constexpr std::string_view kTypes[] = {"text/plain; charset=utf-8", "text/html", "image/png",
                                         "application/pdf; name*=utf-8''%C3%BC.pdf"};
  constexpr std::string_view kMultiparts[] = {"mixed", "alternative", "related"};
  if (depth == 0 || seeded.Below(3) == 0) {
    constexpr std::string_view kEncodings[] = {"7bit", "base64", "quoted-printable"};
    const uint32_t encoding = seeded.Below(3);
    return "Content-Type: " + std::string(kTypes[seeded.Below(4)]) +
           "\r\nContent-Transfer-Encoding: " + std::string(kEncodings[encoding]) + "\r\n\r\n" +
           MakeBody(seeded, encoding == 1);
  }
  const std::string boundary = "b" + std::to_string(++boundaries);
  std::string part = "Content-Type: multipart/" + std::string(kMultiparts[seeded.Below(3)]) +
                     ";\r\n\tboundary=\"" + boundary + "\"\r\n\r\n" +
                     (seeded.Below(2) == 0 ? "preamble\r\n" : "");
  for (uint32_t children = 1 + seeded.Below(4); children > 0; --children) {
    part += "--" + boundary + "\r\n" + MakePart(seeded, depth - 1, boundaries) + "\r\n";
  }
  return part + "--" + boundary + "--\r\n";
}

void AddLeaf(GMimeObject*, GMimeObject* object, gpointer leaves) {
  if (!GMIME_IS_PART(object)) {
    return;
  }
  GMimeContentType* type = g_mime_object_get_content_type(object);
  GMimeStream* memory = g_mime_stream_mem_new();
  GMimeDataWrapper* content = g_mime_part_get_content(reinterpret_cast<GMimePart*>(object));
  const gint64 size = content == nullptr ? 0 : g_mime_data_wrapper_write_to_stream(content, memory);
  g_object_unref(memory);
  static_cast<std::vector<std::string>*>(leaves)->push_back(
      std::string(g_mime_content_type_get_media_type(type)) + "/" +
      g_mime_content_type_get_media_subtype(type) + " " + std::to_string(size));
}

std::vector<std::string> LeavesByGMime(const std::string& mail) {
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(mail.data(), mail.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
  std::vector<std::string> leaves;
  if (message != nullptr) {
    g_mime_message_foreach(message, AddLeaf, &leaves);
    g_object_unref(message);
  }
  g_object_unref(parser);
  g_object_unref(stream);
  return leaves;
}

std::vector<std::string> LeavesByUs(const ByteSource& source) {
  std::vector<std::string> leaves;
  const Result<Structure> structure = ScanStructure(source);
  for (const Part& part : structure->parts()) {
    if (part.children == 0) {
      leaves.push_back(part.type.type + "/" + part.type.subtype + " " +
                       std::to_string(*DecodedSize(source, part)));
    }
  }
  return leaves;
}

TEST(Differential, LeavesAreThoseGMimeFinds) {
  Initialize();
  for (int seed = 1; seed <= kMessages; ++seed) {
    Seeded seeded(static_cast<uint64_t>(seed));
    int boundaries = 0;
    const std::string mail =
        "Subject: made\r\nMIME-Version: 1.0\r\n" + MakePart(seeded, 4, boundaries);
    const std::vector<std::string> expected = LeavesByGMime(mail);
    ASSERT_FALSE(expected.empty());
    ASSERT_EQ(LeavesByUs(MemoryByteSource(mail)), expected) << "seed " << seed << "\n" << mail;
    ASSERT_EQ(LeavesByUs(PiecewiseSource(mail)), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace mailhaul::mime
