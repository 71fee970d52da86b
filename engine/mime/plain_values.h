// The commonest header values, read without GMime, whose objects cost microseconds each.
//
// Only forms that leave no room for interpretation are answered, and then exactly as GMime answers
// them: printable ASCII by the letter of RFC 5322 and RFC 2045, without comments (but behind a
// date), escapes, encoded words, groups or RFC 2231. Of anything else the caller asks GMime. Raw
// values as in gmime_values.h. Private to gmime_values.cc.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/mime/gmime_values.h"

namespace mailhaul::mime {

// Never of an empty value: the answer is the same in a digest and outside.
std::optional<ContentType> PlainContentType(std::string_view raw);

std::optional<ContentDisposition> PlainContentDisposition(std::string_view raw);

// All of them or, with false, none, also when there would be more than kAddressesMax.
bool AppendPlainMailboxes(std::string_view raw, std::vector<Mailbox>& mailboxes);

std::optional<WallTime> PlainDate(std::string_view raw);

}  // namespace mailhaul::mime
