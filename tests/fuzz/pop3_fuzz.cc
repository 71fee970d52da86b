// The POP3 response parser and what reads its lines, on arbitrary bytes: must not crash, must not
// depend on how the bytes are cut, must keep its limits.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "connectors/pop3/arrival_date.h"
#include "connectors/pop3/capabilities.h"
#include "connectors/pop3/listing.h"
#include "connectors/pop3/login.h"
#include "connectors/pop3/pop3_session.h"
#include "tests/pop3/parser_trace.h"

namespace {

using mailhaul::pop3::Body;
using mailhaul::pop3::ParserTrace;

void ReadLines(std::string_view text) {
  mailhaul::pop3::Capabilities capabilities;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    mailhaul::pop3::SizeLine size;
    MH_CHECK(!mailhaul::pop3::ParseSizeLine(line, &size) || size.number > 0);
    mailhaul::pop3::UniqueIdLine id;
    if (mailhaul::pop3::ParseUniqueIdLine(line, &id)) {
      MH_CHECK(id.number > 0 && id.unique_id.size() <= mailhaul::pop3::kUniqueIdBytesMax);
    }
    capabilities.AddLine(line);
    static_cast<void>(mailhaul::pop3::FindTimestamp(line));
  }
  MH_CHECK(capabilities.sasl().size() <= mailhaul::pop3::kCapabilitiesMax);
  MH_CHECK(capabilities.login_delay() >= std::chrono::seconds(0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  // The first byte says what kind of answers are expected, the second how the bytes are cut.
  std::vector<Body> expected;
  for (int choice = data[0]; choice > 0; choice /= 3) {
    expected.push_back(static_cast<Body>(choice % 3));
  }
  const std::string input(data + 2, data + size);
  const std::string_view text(input);
  ParserTrace whole(expected);
  whole.Feed(text);
  const size_t piece = 1 + data[1] % 13;
  ParserTrace pieces(expected);
  for (size_t at = 0; at < text.size(); at += piece) {
    pieces.Feed(text.substr(at, piece));
  }
  MH_CHECK(whole.text() == pieces.text());
  MH_CHECK(whole.data().size() <= text.size());
  ReadLines(text);
  static_cast<void>(mailhaul::pop3::ArrivalDate(text));
  return 0;
}
