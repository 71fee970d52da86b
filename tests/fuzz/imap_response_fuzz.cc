// The IMAP response parser on arbitrary bytes: must not crash, must not depend on how the bytes
// are cut, must keep its limits.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "connectors/imap/folder_names.h"
#include "connectors/imap/labels.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/response_parser.h"
#include "tests/imap/parser_trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mailhaul::imap::ParserTrace;
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
  const mailhaul::imap::Response& response = whole.parser().response();
  MH_CHECK(response.fetch.keywords.size() <= mailhaul::imap::kKeywordsMax);
  MH_CHECK(!response.fetch.labels || response.fetch.labels->size() <= mailhaul::imap::kLabelsMax);
  for (const std::string& label :
       mailhaul::imap::ReadLabels(response.fetch.labels.value_or(std::vector<std::string>()))
           .names) {
    MH_CHECK(mailhaul::IsValidUtf8(label));
  }
  MH_CHECK(response.fetch.thread_id.size() <= mailhaul::imap::kObjectIdBytesMax);
  MH_CHECK(response.namespaces.size() <= mailhaul::imap::kNamespacesMax);
  mailhaul::imap::FolderCollector folders;
  if (folders.Add(response.list).ok()) {
    static_cast<void>(std::move(folders).Finish(response.namespaces));
  }
  return 0;
}
