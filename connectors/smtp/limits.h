// Every limit and time-out of an SMTP conversation, by name.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace mailhaul::smtp {

// What a server may say.
inline constexpr size_t kReplyLineBytesMax =
    size_t{8} * 1024;  // RFC 5321 wants 512; servers exceed it.
inline constexpr size_t kReplyLinesMax = 200;
inline constexpr size_t kReplyBytesMax = size_t{128} * 1024;  // All lines of one reply.

// What we may say (RFC 5321 section 4.5.3.1, RFC 3461, RFC 4954).
inline constexpr size_t kLocalPartBytesMax = 64;
inline constexpr size_t kDomainBytesMax = 255;
inline constexpr size_t kMailboxBytesMax = 254;            // A path of 256 bytes with its brackets.
inline constexpr size_t kEnvelopeIdBytesMax = 100;         // Encoded.
inline constexpr size_t kOriginalRecipientBytesMax = 500;  // Encoded.
inline constexpr size_t kCommandLineBytesMax = 512;        // AUTH with an initial response.
inline constexpr size_t kMessageLineBytesMax = 998;        // Without CRLF (RFC 5322).
inline constexpr size_t kRecipientsMax = 1000;             // Of one Send().
inline constexpr size_t kPipelineBytesMax = 4096;          // In flight: fits any socket's buffers.
inline constexpr size_t kDataBlockBytes = size_t{16} * 1024;
inline constexpr size_t kChunkBytes = size_t{64} * 1024;  // Of one BDAT.
inline constexpr size_t kChunksInFlightMax = 2;

// How long a server may take for a step, as Postfix's client allows it.
inline constexpr Duration kReplyTimeout = std::chrono::minutes(5);
inline constexpr Duration kDataBlockTimeout = std::chrono::minutes(3);
inline constexpr Duration kEndOfDataTimeout = std::chrono::minutes(10);
inline constexpr Duration kQuitTimeout = std::chrono::seconds(5);

}  // namespace mailhaul::smtp
