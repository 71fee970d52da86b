// Lines of base64 decoded 64 digits at a time, where the processor has AVX-512 VBMI: twice as fast.
// Private to base64_vector.cc.
#pragma once

#include <cstddef>

namespace mailhaul::store {

bool HasAvx512Vbmi();
// As DecodeLines() of base64_vector.h, of lines of any length; only where HasAvx512Vbmi().
size_t DecodeLinesAvx512(const char* text, size_t size, size_t line, bool crlf, char* out);

}  // namespace mailhaul::store
