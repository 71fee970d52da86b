// Loops over message bytes that must run at memory speed, whatever the bytes are: bodies of 64 MiB
// come from anybody. Written so that the compiler turns them into vector code.
#pragma once

#include <cstddef>
#include <string_view>

namespace mailhaul::mime {

// The index after the first '\n' in `text` behind which a boundary line may stand: "--" follows, or
// the text ends before that is known. npos when there is none.
size_t FindDashLine(std::string_view text);

// How many bytes are neither white space, control characters nor '='.
size_t CountBase64Digits(std::string_view text);

}  // namespace mailhaul::mime
