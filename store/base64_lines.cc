#include "store/base64_lines.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "store/base64_vector.h"

namespace mailhaul::store {
namespace {

constexpr uint32_t kNoQuad = UINT32_MAX;  // Whatever is joined to it.
constexpr size_t kQuadDigits = 4;
constexpr size_t kQuadBytes = 3;
constexpr int kDigitBits = 6;
constexpr uint32_t kPairMask = 0xFFF;
constexpr int kBitsPerByte = 8;
constexpr char kPadding = '=';

// What a character is at each place of a quad: bits of 24, or kNoQuad.
using PlacedDigits = std::array<std::array<uint32_t, 256>, kQuadDigits>;
constexpr PlacedDigits MakePlacedDigits() {
  PlacedDigits digits{};
  for (size_t place = 0; place < kQuadDigits; ++place) {
    digits[place].fill(kNoQuad);
    for (size_t i = 0; i < kAlphabet.size(); ++i) {
      digits[place][static_cast<unsigned char>(kAlphabet[i])] =
          static_cast<uint32_t>(i << (kDigitBits * (kQuadDigits - 1 - place)));
    }
  }
  return digits;
}

// Two characters for each 12 bits.
constexpr std::array<std::array<char, 2>, kPairMask + 1> MakePairs() {
  std::array<std::array<char, 2>, kPairMask + 1> pairs{};
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {kAlphabet[i >> kDigitBits], kAlphabet[i % kAlphabet.size()]};
  }
  return pairs;
}

constexpr PlacedDigits kPlacedDigits = MakePlacedDigits();
constexpr std::array<std::array<char, 2>, kPairMask + 1> kPairs = MakePairs();

bool IsDigit(char c) { return kPlacedDigits[0][static_cast<unsigned char>(c)] != kNoQuad; }
uint32_t ByteOf(char c) { return static_cast<unsigned char>(c); }

// The first place from `at` on that holds no digit.
size_t EndOfDigits(std::string_view bytes, size_t at) {
  while (at < bytes.size() && IsDigit(bytes[at])) {
    ++at;
  }
  return at;
}

// The beginning of the next kStretchMin digits or more, at or behind `at`, where digits do not go
// on from before; else the end. Looks at a few places of what has shorter words only.
size_t FindStretch(std::string_view bytes, size_t at) {
  at = SkipNoStretch(bytes.data(), bytes.size(), at);
  while (bytes.size() - at >= kStretchMin) {
    size_t begin = at + kStretchMin;
    while (begin > at && IsDigit(bytes[begin - 1])) {
      --begin;
    }
    if (begin == at) {
      return at;
    }
    at = begin;
  }
  return bytes.size();
}

size_t LineEndBytes(std::string_view bytes, size_t at) {
  const std::string_view rest = bytes.substr(at);
  return rest.starts_with("\r\n") ? 2 : rest.starts_with('\n') ? 1 : 0;
}

// What is at the place `I` of a quad, in the quad's 24 bits.
template <size_t I>
uint32_t Placed(const char* quad) {
  return kPlacedDigits[I][static_cast<unsigned char>(quad[I])];
}

// Decodes the whole quads that `text` begins with, and says how many characters they are.
size_t DecodeQuads(std::string_view text, char* out) {
  size_t at = DecodeVectors(text.data(), text.size(), out);
  out += at / kQuadDigits * kQuadBytes;
  for (; at + kQuadDigits <= text.size(); at += kQuadDigits, out += kQuadBytes) {
    const char* from = text.data() + at;
    const uint32_t quad = Placed<0>(from) | Placed<1>(from) | Placed<2>(from) | Placed<3>(from);
    if (quad == kNoQuad) {
      break;
    }
    out[0] = static_cast<char>(quad >> (2 * kBitsPerByte));
    out[1] = static_cast<char>(quad >> kBitsPerByte);
    out[2] = static_cast<char>(quad);
  }
  return at;
}

// The last digits of a run and their padding; 0: no encoder writes what is there. Else bytes.
size_t DecodePadded(std::string_view text, char* out) {
  if (text.size() < kQuadDigits || text[3] != kPadding) {
    return 0;
  }
  const size_t bytes = text[2] == kPadding ? 1 : 2;
  const std::array<char, kQuadDigits> quad{text[0], text[1], bytes == 1 ? kAlphabet[0] : text[2],
                                           kAlphabet[0]};
  std::array<char, kQuadBytes> decoded{};
  if (DecodeQuads({quad.data(), quad.size()}, decoded.data()) == 0 || decoded[bytes] != '\0') {
    return 0;  // Not digits, or bits that are not used are not zero.
  }
  std::copy_n(decoded.begin(), bytes, out);
  return bytes;
}

// A run as it lies in bytes.
struct FoundRun {
  size_t line = 0;      // Characters of a line,
  size_t line_end = 0;  // and of the end of one; 0: there is one line.
  size_t digits = 0;    // Characters, padding included, line ends not.
  size_t decoded = 0;   // Bytes.
  size_t end = 0;
};

// Decodes the longest run that begins at `begin`, where there are digits, to `out`, which has room
// for three bytes of each four behind it.
FoundRun DecodeRun(std::string_view bytes, size_t begin, char* out) {
  FoundRun run;
  size_t line_max = EndOfDigits(bytes, begin) - begin;
  for (size_t at = begin;;) {
    const size_t whole = DecodeQuads(bytes.substr(at, line_max), out + run.decoded);
    if (run.digits != 0 && whole == run.line && at + whole < bytes.size() &&
        IsDigit(bytes[at + whole])) {
      return run;  // Of longer lines: another run, perhaps.
    }
    const size_t whole_bytes = whole / kQuadDigits * kQuadBytes;
    const size_t padded = DecodePadded(bytes.substr(at + whole), out + run.decoded + whole_bytes);
    const size_t length = whole + (padded != 0 ? kQuadDigits : 0);
    if (length == 0) {
      return run;
    }
    if (run.digits == 0) {
      run.line = length;
      line_max = length;
    } else {
      run.line_end = at - run.end;
    }
    run.digits += length;
    run.decoded += whole_bytes + padded;
    run.end = at + length;
    const size_t line_end = LineEndBytes(bytes, run.end);
    if (length != run.line || padded != 0 || line_end == 0 ||
        (run.line_end != 0 && line_end != run.line_end)) {
      return run;
    }
    at = run.end + line_end;
    const size_t lines = DecodeLines(bytes.data() + at, bytes.size() - at, run.line, line_end == 2,
                                     out + run.decoded);
    if (lines != 0) {
      run.line_end = line_end;
      run.digits += lines * run.line;
      run.decoded += lines * run.line / kQuadDigits * kQuadBytes;
      at += lines * (run.line + line_end);
      run.end = at - line_end;
    }
  }
}

uint64_t DigitsOf(uint64_t decoded) {
  return (decoded + kQuadBytes - 1) / kQuadBytes * kQuadDigits;
}

// Of so many characters, at most.
size_t RoomForDecoded(size_t characters) { return (characters / kQuadDigits + 1) * kQuadBytes; }

std::string RestOf(std::string_view bytes, const std::vector<Base64Run>& runs) {
  uint64_t encoded = 0;
  for (const Base64Run& run : runs) {
    encoded += EncodedBytes(run);
  }
  std::string rest;
  rest.reserve(bytes.size() - encoded);
  for (const Base64Run& run : runs) {
    rest.append(bytes.substr(0, run.before));
    bytes.remove_prefix(run.before + EncodedBytes(run));
  }
  return rest.append(bytes);
}

char* PutQuad(uint32_t quad, char* to) {
  std::memcpy(to, kPairs[quad >> (2 * kDigitBits)].data(), 2);
  std::memcpy(to + 2, kPairs[quad & kPairMask].data(), 2);
  return to + kQuadDigits;
}

char* EncodeLine(std::string_view bytes, char* to) {
  size_t at = EncodeVectors(bytes.data(), bytes.size(), to);
  to += at / kQuadBytes * kQuadDigits;
  for (; at + kQuadBytes <= bytes.size(); at += kQuadBytes) {
    to = PutQuad(ByteOf(bytes[at]) << (2 * kBitsPerByte) | ByteOf(bytes[at + 1]) << kBitsPerByte |
                     ByteOf(bytes[at + 2]),
                 to);
  }
  if (const size_t left = bytes.size() - at; left != 0) {
    const uint32_t second = left == 2 ? ByteOf(bytes[at + 1]) << kBitsPerByte : 0;
    to = PutQuad(ByteOf(bytes[at]) << (2 * kBitsPerByte) | second, to);
    std::fill(to - (kQuadBytes - left), to, kPadding);
  }
  return to;
}

char* EncodeRun(const Base64Run& run, std::string_view decoded, char* to) {
  const size_t line_bytes = run.line / kQuadDigits * kQuadBytes;
  while (true) {
    to = EncodeLine(decoded.substr(0, line_bytes), to);
    if (decoded.size() <= line_bytes) {
      return to;
    }
    decoded.remove_prefix(line_bytes);
    if (run.crlf) {
      *to++ = '\r';
    }
    *to++ = '\n';
  }
}

}  // namespace

SplitBytes SplitBase64(std::string_view bytes, RawBuffer room) {
  SplitBytes split;
  split.room = std::move(room);
  size_t taken = 0;
  size_t decoded = 0;
  for (size_t at = 0; (at = FindStretch(bytes, at)) < bytes.size();) {
    // The first stretch asks for the most.
    const size_t needed = decoded + RoomForDecoded(bytes.size() - at);
    if (needed > split.room.size()) {
      MH_CHECK(decoded == 0);
      split.room = RawBuffer(needed);
    }
    const FoundRun run = DecodeRun(bytes, at, split.room.span().data() + decoded);
    if (run.digits >= kRunDigitsMin) {
      split.runs.push_back({.before = static_cast<uint32_t>(at - taken),
                            .decoded = static_cast<uint32_t>(run.decoded),
                            .line = static_cast<uint32_t>(run.line),
                            .crlf = run.line_end == 2});
      decoded += run.decoded;
      taken = run.end;
    }
    at = run.end;
  }
  split.decoded = split.room.view().substr(0, decoded);
  if (!split.runs.empty()) {
    split.rest = RestOf(bytes, split.runs);
  }
  return split;
}

bool IsPossibleRun(const Base64Run& run) {
  const uint64_t digits = DigitsOf(run.decoded);
  return digits >= kRunDigitsMin && run.line != 0 && run.line % kQuadDigits == 0 &&
         run.line <= digits && !(run.line == digits && run.crlf);
}

uint64_t EncodedBytes(const Base64Run& run) {
  const uint64_t digits = DigitsOf(run.decoded);
  return digits + (digits - 1) / run.line * (run.crlf ? 2 : 1);
}

void JoinBase64(const std::vector<Base64Run>& runs, std::string_view rest, std::string_view decoded,
                std::span<char> out) {
  uint64_t before = 0;
  uint64_t decoded_bytes = 0;
  uint64_t encoded_bytes = 0;
  for (const Base64Run& run : runs) {
    MH_CHECK(IsPossibleRun(run));
    before += run.before;
    decoded_bytes += run.decoded;
    encoded_bytes += EncodedBytes(run);
  }
  MH_CHECK(before <= rest.size() && decoded_bytes == decoded.size() &&
           rest.size() + encoded_bytes == out.size());
  char* to = out.data();
  for (const Base64Run& run : runs) {
    to += rest.copy(to, run.before);
    rest.remove_prefix(run.before);
    to = EncodeRun(run, decoded.substr(0, run.decoded), to);
    decoded.remove_prefix(run.decoded);
  }
  rest.copy(to, rest.size());
}

}  // namespace mailhaul::store
