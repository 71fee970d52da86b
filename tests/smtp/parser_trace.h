// What a ReplyParser makes of some bytes, as text: to compare one way of cutting them with another.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "connectors/smtp/extensions.h"
#include "connectors/smtp/reply_parser.h"

namespace mailhaul::smtp {

class ParserTrace final {
 public:
  void Feed(std::string_view input) {
    while (!ended_ && !input.empty()) {
      const Result<bool> complete = parser_.Next(&input);
      if (!complete.ok()) {
        text_ += complete.status().ToString() + "\n";
        ended_ = true;
      } else if (*complete) {
        const Reply& reply = parser_.reply();
        const Extensions extensions = ParseExtensions(reply);
        text_ += std::to_string(reply.code) + " " + reply.enhanced.ToString() + " " +
                 HexEncode(reply.text) + " " + std::to_string(extensions.auth_mechanisms.size()) +
                 " " + std::to_string(extensions.size_max.value_or(0)) + "\n";
      }
    }
  }
  const std::string& text() const { return text_; }

 private:
  ReplyParser parser_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace mailhaul::smtp
