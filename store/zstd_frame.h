// Frames of zstd (RFC 8878), with working memory that each thread keeps. Private to the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace mailhaul::store {

// Adds one frame. kResourceExhausted: no memory; then `out` is as it was.
Status AppendZstdFrame(std::string_view bytes, int level, std::string& out);
// Adds a frame that holds the bytes as they are. `bytes`: less than 4 GiB.
void AppendRawFrame(std::string_view bytes, std::string& out);
size_t ZstdFrameBound(size_t bytes);  // The most that a frame of so many bytes takes.
// As the frame says; UINT64_MAX or nearly, when it does not or is none.
uint64_t ZstdContentBytes(std::string_view frame);
// Of one frame, or of several one behind the other. Fills `out`, which has the size of what they
// hold. kCorrupt: it is not of that size.
Status ReadZstdFrame(std::string_view frame, std::span<char> out);

}  // namespace mailhaul::store
