#include "store/segment.h"

#include <charconv>
#include <cstdio>

#include "base/text.h"
#include "store/aligned_buffer.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr std::string_view kFileMagic = "MHSEG001";
constexpr std::string_view kBodyMagic = "MHBO";
constexpr std::string_view kCompressedMagic = "MHBZ";
constexpr std::string_view kCheckedBodyMagic = "MHKO";
constexpr std::string_view kCheckedCompressedMagic = "MHKZ";
constexpr std::string_view kFramedMagic = "MHBF";
constexpr std::string_view kStreamedMagic = "MHBS";
constexpr std::string_view kTrailerMagic = "MHBT";
constexpr std::string_view kSuffix = ".seg";
constexpr size_t kNumberDigits = 8;
constexpr size_t kMagicBytes = 4;
constexpr size_t kSizeOffset = 8;
constexpr size_t kCheckOffset = kBodyHeaderBytes - sizeof(uint64_t);
static_assert(kCheckOffset == kSizeOffset + sizeof(uint64_t) + kHashBytesOfChecked);

std::string Header(std::string_view magic, uint64_t size, const Sha256& sha256,
                   uint32_t compressed = 0) {
  std::string out;
  out.reserve(kBodyHeaderBytes);
  out.append(magic);
  AppendU32(out, compressed);
  AppendU64(out, size);
  out.append(sha256.begin(), sha256.end());
  return out;
}

std::string CheckedHeader(std::string_view magic, uint64_t size, const Sha256& sha256,
                          uint64_t check, uint32_t compressed = 0) {
  std::string out = Header(magic, size, sha256, compressed);
  out.resize(kCheckOffset);
  AppendU64(out, check);
  return out;
}

}  // namespace

std::string SegmentName(uint32_t segment) {
  std::string number;
  AppendU32(number, segment);
  return HexEncode(number) + std::string(kSuffix);
}

uint32_t ParseSegmentName(std::string_view name) {
  if (name.size() != kNumberDigits + kSuffix.size() || name.substr(kNumberDigits) != kSuffix) {
    return 0;
  }
  constexpr int kHex = 16;
  uint32_t segment = 0;
  const char* end = name.data() + kNumberDigits;
  const auto parsed = std::from_chars(name.data(), end, segment, kHex);
  return parsed.ec == std::errc() && parsed.ptr == end ? segment : 0;
}

std::string SegmentFileHeader(uint32_t segment) {
  std::string out(kFileMagic);
  AppendU32(out, segment);
  out.resize(kBlockBytes, '\0');
  return out;
}

std::string BodyHeader(uint64_t size, const Sha256& sha256, std::optional<uint64_t> check) {
  return check ? CheckedHeader(kCheckedBodyMagic, size, sha256, *check)
               : Header(kBodyMagic, size, sha256);
}

std::string CompressedBodyHeader(uint32_t compressed, uint64_t size, const Sha256& sha256,
                                 std::optional<uint64_t> check) {
  return check ? CheckedHeader(kCheckedCompressedMagic, size, sha256, *check, compressed)
               : Header(kCompressedMagic, size, sha256, compressed);
}

std::string FramedBodyHeader(uint32_t compressed, uint64_t size, const Sha256& sha256) {
  return Header(kFramedMagic, size, sha256, compressed);
}

std::string StreamedBodyHeader(uint64_t size) { return Header(kStreamedMagic, size, Sha256{}); }

std::string StreamedBodyTrailer(uint64_t size, const Sha256& sha256) {
  return Header(kTrailerMagic, size, sha256);
}

Result<ParsedBodyHeader> ParseBodyHeader(std::string_view header) {
  if (header.size() != kBodyHeaderBytes) {
    return Status(Code::kCorrupt, "body header is cut short");
  }
  const std::string_view magic = header.substr(0, kMagicBytes);
  ParsedBodyHeader parsed;
  parsed.size = ReadU64(header, kSizeOffset);
  parsed.framed = magic == kFramedMagic;
  const bool checked = magic == kCheckedBodyMagic || magic == kCheckedCompressedMagic;
  if (magic == kCompressedMagic || magic == kCheckedCompressedMagic || parsed.framed) {
    parsed.compressed = ReadU32(header, kMagicBytes);
  } else if (magic != kBodyMagic && magic != kStreamedMagic && !checked) {
    return Status(Code::kCorrupt, "no body header");
  }
  if (checked) {
    parsed.check = ReadU64(header, kCheckOffset);
  }
  return parsed;
}

}  // namespace mailhaul::store
