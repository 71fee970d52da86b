// The SMTP reply parser and what reads its replies, on arbitrary bytes: must not crash, must not
// depend on how the bytes are cut, must keep its limits.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "connectors/smtp/limits.h"
#include "connectors/smtp/refusal.h"
#include "connectors/smtp/reply_parser.h"
#include "tests/smtp/parser_trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mailhaul::smtp;
  const std::string input(data, data + size);
  const std::string_view text(input);
  ParserTrace whole;
  whole.Feed(text);
  // The first byte chooses the length of the pieces.
  const size_t piece = size == 0 ? 1 : 1 + data[0] % 13;
  ParserTrace pieces;
  for (size_t at = 0; at < size; at += piece) {
    pieces.Feed(text.substr(at, piece));
  }
  MH_CHECK(whole.text() == pieces.text());

  ReplyParser parser;
  std::string_view rest(input);
  for (;;) {
    const mailhaul::Result<bool> complete = parser.Next(&rest);
    if (!complete.ok() || !*complete) {
      break;
    }
    const Reply& reply = parser.reply();
    MH_CHECK(reply.text.size() <= kReplyBytesMax + kReplyLinesMax);
    for (const Step step : {Step::kGreeting, Step::kLogin, Step::kMail, Step::kEndOfData}) {
      const Refusal refusal = ClassifyRefusal(reply, step, "it");
      MH_CHECK(!refusal.status.ok());
      MH_CHECK(refusal.status.retry_after() <= std::chrono::hours(24));
      MH_CHECK(!refusal.permanent || step >= Step::kMail);
    }
  }
  return 0;
}
