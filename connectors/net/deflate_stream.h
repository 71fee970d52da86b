// DEFLATE over any stream, in both directions: IMAP's COMPRESS=DEFLATE (RFC 4978).
#pragma once

#include <memory>
#include <string>

#include "connectors/net/stream.h"

namespace mailhaul::net {

// From here on `stream` carries raw DEFLATE. `received`: what was already read from it beyond the
// reply that switched compression on.
//
// Inflates no more than a Read() has room for, so that a bomb meets the reader's own limits; it is
// refused besides (deflate.h). Damaged data and bombs fail with kProtocol. The final block of
// DEFLATE ends the input, as the end of the stream below does, with or without one. Everything else
// passes through to the stream below. Holds 100 KiB.
std::unique_ptr<Stream> MakeDeflateStream(std::unique_ptr<Stream> stream, std::string received);

}  // namespace mailhaul::net
