// Every limit of this module, in one place. Beyond one of them: kProtocol for what a server sends,
// kInvalidArgument for what we are asked to send, unless the limit says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace mailhaul::imap {

// One response.
inline constexpr size_t kLineBytesMax = size_t{1} << 20;          // Literals excluded.
inline constexpr size_t kSearchBytesMax = size_t{16} << 20;       // SEARCH, ESEARCH, VANISHED.
inline constexpr size_t kSmallLiteralBytesMax = 64 * 1024;        // Literals that are not streamed.
inline constexpr size_t kLiteralsPerResponseMax = 64;             // Of those.
inline constexpr uint64_t kStreamedLiteralBytesMax = 0xFFFFFFFF;  // RFC 3501: number is 32 bits.
inline constexpr size_t kListDepthMax = 50;
inline constexpr size_t kCapabilitiesMax = 500;    // The rest is dropped.
inline constexpr size_t kListAttributesMax = 64;   // The rest is dropped.
inline constexpr size_t kNamespacesMax = 64;       // The rest is dropped.
inline constexpr uint64_t kModseqMax = INT64_MAX;  // RFC 7162 section 3.1.

// What is kept of one message; the rest is dropped.
inline constexpr size_t kKeywordsMax = 64;
inline constexpr size_t kKeywordBytesMax = 128;
inline constexpr size_t kLabelsMax = 64;
inline constexpr size_t kLabelBytesMax = 128;
inline constexpr size_t kObjectIdBytesMax = 255;  // RFC 8474 section 7.

// One command.
inline constexpr size_t kResponsesPerCommandMax = 1'000'000;
inline constexpr uint64_t kSurplusUidsMax = 10'000;            // UIDs beyond twice the messages.
inline constexpr size_t kFlagTextBytesMax = size_t{64} << 20;  // Keywords and labels it tells.

// Folders.
inline constexpr size_t kFoldersMax = 10'000;
inline constexpr size_t kFolderNameBytesMax = 1000;
inline constexpr size_t kStatusPipelineDepth = 100;  // STATUS commands in flight.

// What we send.
inline constexpr size_t kArgumentBytesMax = 64 * 1024;
inline constexpr size_t kNonSyncLiteralBytesMax = 4096;        // What LITERAL- allows (RFC 7888).
inline constexpr size_t kUidSetBytesMax = 4000;                // Of one command line.
inline constexpr size_t kMetaMessagesMax = 1000;               // Of one UID FETCH for metadata.
inline constexpr size_t kFlagMessagesMax = 10'000;             // ... for flags alone.
inline constexpr size_t kHeaderMessagesMax = 200;              // ... for headers.
inline constexpr size_t kBatchMessagesMax = 200;               // ... for bodies.
inline constexpr uint64_t kBatchBytesMax = uint64_t{1} << 20;  // ... and their announced bytes.
inline constexpr size_t kPipelineDepth = 3;                    // Commands for bodies in flight.
inline constexpr size_t kMetaPipelineDepth = 2;                // ... for anything else.
inline constexpr uint64_t kCompressFromBytes = 64 * 1024;      // Bodies that make DEFLATE worth it.
inline constexpr size_t kRefusalsInARowMax = 30;  // Without one answer: not about one message.

// Buffers and time.
inline constexpr size_t kAppendBlockBytes = 64 * 1024;
inline constexpr size_t kReadBufferBytesMin = 16 * 1024;
inline constexpr size_t kReadBufferBytesMax = 256 * 1024;
inline constexpr size_t kIdleTextBytesMax = 64 * 1024;  // Kept between responses.
// What a server may take for one command besides its silences, for the bytes it sends at a snail's
// pace and the lines that say nothing: so long, and longer by what it delivers at this rate.
inline constexpr Duration kCommandTimeMax = std::chrono::minutes(10);
inline constexpr uint64_t kBytesPerSecondMin = 4096;
inline constexpr Duration kLogoutTime = std::chrono::seconds(2);
inline constexpr Duration kIdleTime = std::chrono::minutes(28);  // RFC 2177: at most 29.
inline constexpr Duration kRetryAfterMax = std::chrono::hours(24);

}  // namespace mailhaul::imap
