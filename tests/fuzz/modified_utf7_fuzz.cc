// Modified UTF-7 on arbitrary bytes: what decodes must encode to the same bytes again, so that no
// two names on the wire share a decoded one.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "connectors/imap/modified_utf7.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(data, data + size);
  const std::optional<std::string> decoded = mailhaul::imap::DecodeModifiedUtf7(input);
  if (decoded) {
    MH_CHECK(mailhaul::IsValidUtf8(*decoded));
    MH_CHECK(mailhaul::imap::EncodeModifiedUtf7(*decoded) == input);
  }
  const std::optional<std::string> encoded = mailhaul::imap::EncodeModifiedUtf7(input);
  MH_CHECK(encoded.has_value() == mailhaul::IsValidUtf8(input));
  if (encoded) {
    const std::optional<std::string> again = mailhaul::imap::DecodeModifiedUtf7(*encoded);
    MH_CHECK(!again || *again == input);  // Control characters encode, but are not taken back.
  }
  return 0;
}
