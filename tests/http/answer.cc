#include "tests/http/answer.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mailhaul::http {
namespace {

HttpAnswer ParseHead(std::string_view head) {
  HttpAnswer answer;
  EXPECT_TRUE(head.starts_with("HTTP/1.1 ")) << head;
  answer.status = static_cast<unsigned>(std::stoul(std::string(head.substr(9, 3))));
  size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const size_t end = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, end - at - 2);
    const size_t colon = line.find(": ");
    EXPECT_NE(colon, std::string_view::npos) << line;
    const auto [it, added] =
        answer.fields.emplace(AsciiLowered(line.substr(0, colon)), line.substr(colon + 2));
    EXPECT_TRUE(added) << "doubled field " << it->first;
    at = end;
  }
  return answer;
}

}  // namespace

std::string HttpAnswer::Code() const { return std::string(Json().at("code").as_string()); }

std::vector<HttpAnswer> ParseAnswers(std::string_view bytes, bool heads_only) {
  std::vector<HttpAnswer> answers;
  while (true) {
    const size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      EXPECT_TRUE(bytes.empty()) << bytes;
      return answers;
    }
    HttpAnswer answer = ParseHead(bytes.substr(0, end));
    bytes.remove_prefix(end + 4);
    const auto length = answer.fields.find("content-length");
    const size_t size =
        heads_only || length == answer.fields.end() ? 0 : std::stoul(length->second);
    answer.body = bytes.substr(0, size);
    answer.complete = answer.body.size() == size;
    bytes.remove_prefix(answer.body.size());
    answers.push_back(std::move(answer));
  }
}

}  // namespace mailhaul::http
