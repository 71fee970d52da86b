// The other end of gzip.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul::http {

// Fails the test when `bytes` are not one whole gzip stream.
std::string Gunzip(std::string_view bytes);

}  // namespace mailhaul::http
