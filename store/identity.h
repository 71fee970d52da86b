// What tells a message from others without its body: the key of re-linking.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mailhaul::store {

// The first 16 bytes of SHA-256 over the header and the message's size in decimal. Equal for all
// copies of a message, wherever the source moves them.
using MessageIdentity = std::array<unsigned char, 16>;

// `header`: all bytes of the header as the source gives them, with the empty line that ends it.
// `size`: of the whole message in bytes. Any thread.
MessageIdentity ComputeIdentity(std::string_view header, uint64_t size);

}  // namespace mailhaul::store
