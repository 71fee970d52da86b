#include "engine/http/content_coding.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/http/entity_tag.h"
#include "tests/http/gunzip.h"

namespace mailhaul::http {
namespace {

TEST(PrefersGzipTest, WhenItIsNamedOrAnythingIsWanted) {
  for (const char* field : {"gzip", "GZIP", "x-gzip", "gzip;q=0.001", "deflate, gzip;q=1.0", "*",
                            "gzip ; q=0.5", "br;q=1, *;q=0.1", "identity;q=0.5, gzip;q=0.5",
                            "gzip;Q=1.000", "identity;q=0, gzip", ", ,gzip,"}) {
    EXPECT_TRUE(PrefersGzip(field)) << field;
  }
}

TEST(PrefersGzipTest, NotOtherwise) {
  for (const char* field :
       {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *;q=1", "gzipped",
        "identity, gzip;q=0.9", "identity;q=0.6, *;q=0.5", "gzip;q=2", "gzip;q=x", "gzip;q=0.0001",
        "gzip;q=1.0000", "gzip;level=9", "gzip;q=", "gzip;q=.5", "gzip;q=0,5"}) {
    EXPECT_FALSE(PrefersGzip(field)) << field;
  }
}

TEST(ApplyGzipTest, CodesWhatGetsSmaller) {
  std::string body = "{\"items\":[";
  for (size_t i = 0; i < 5000; ++i) {
    body += "{\"id\":" + std::to_string(i) + "},";
  }
  Response response = JsonResponse(body);
  response.headers.push_back({.name = "ETag", .value = EntityTag("1")});
  ApplyGzip(&response);
  EXPECT_LT(response.body.size(), body.size() / 2);
  EXPECT_EQ(Gunzip(response.body), body);
  ASSERT_EQ(response.headers.size(), 2U);
  EXPECT_EQ(response.headers[0].value, "\"1-gzip\"");
  EXPECT_EQ(response.headers[1].name, "Content-Encoding");
}

TEST(ApplyGzipTest, LeavesWhatDoesNot) {
  SeededRandom random(1);
  std::string body(4096, '\0');
  for (char& c : body) {
    c = static_cast<char>(random.Below(256));
  }
  Response response = JsonResponse(body);
  ApplyGzip(&response);
  EXPECT_TRUE(response.body == body);
  EXPECT_TRUE(response.headers.empty());
}

TEST(IsCodeableTest, OnlyTextThatIsWhole) {
  EXPECT_TRUE(IsCodeable(JsonResponse("{}")));
  EXPECT_TRUE(IsCodeable(Problem(404, "not_found", "x")));
  Response part = JsonResponse("{}");
  part.in_ranges = true;
  EXPECT_FALSE(IsCodeable(part));
  Response stream = JsonResponse("{}");
  stream.until_close = true;
  EXPECT_FALSE(IsCodeable(stream));
  Response image = JsonResponse("{}");
  image.content_type = "image/png";
  EXPECT_FALSE(IsCodeable(image));
  EXPECT_FALSE(IsCodeable(Response{}));
}

}  // namespace
}  // namespace mailhaul::http
