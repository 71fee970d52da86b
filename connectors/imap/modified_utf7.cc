#include "connectors/imap/modified_utf7.h"

#include <cstdint>

#include "base/text.h"

namespace mailhaul::imap {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool IsPrintableAscii(uint32_t code) { return code >= 0x20 && code <= 0x7E; }

bool IsControl(uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

char Byte(uint32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); }

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(Byte(code));
  } else if (code < 0x800) {
    *out += {Byte(0xC0 | (code >> 6)), Byte(0x80 | (code & 0x3F))};
  } else if (code < 0x10000) {
    *out +=
        {Byte(0xE0 | (code >> 12)), Byte(0x80 | ((code >> 6) & 0x3F)), Byte(0x80 | (code & 0x3F))};
  } else {
    *out += {Byte(0xF0 | (code >> 18)), Byte(0x80 | ((code >> 12) & 0x3F)),
             Byte(0x80 | ((code >> 6) & 0x3F)), Byte(0x80 | (code & 0x3F))};
  }
}

// Takes one code point from the front of valid UTF-8.
uint32_t TakeCodePoint(std::string_view* text) {
  const auto byte = [text](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>((*text)[i]));
  };
  const uint32_t first = byte(0);
  const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  uint32_t code = length == 1 ? first : first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    code = (code << 6) | (byte(i) & 0x3F);
  }
  text->remove_prefix(length);
  return code;
}

// UTF-16 units to UTF-8, one at a time; refuses what an encoder would not have put into base64.
class Utf16Decoder final {
 public:
  explicit Utf16Decoder(std::string* out) : out_(out) {}

  bool Add(uint32_t unit) {
    if (high_ != 0) {
      if (unit < 0xDC00 || unit > 0xDFFF) {
        return false;
      }
      AppendUtf8(0x10000 + ((high_ - 0xD800) << 10) + (unit - 0xDC00), out_);
      high_ = 0;
      return true;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      high_ = unit;
      return true;
    }
    if ((unit >= 0xDC00 && unit <= 0xDFFF) || IsPrintableAscii(unit) || IsControl(unit)) {
      return false;
    }
    AppendUtf8(unit, out_);
    return true;
  }
  bool complete() const { return high_ == 0; }

 private:
  std::string* out_;
  uint32_t high_ = 0;
};

bool DecodeBase64(std::string_view base64, std::string* out) {
  Utf16Decoder decoder(out);
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : base64) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) {
      return false;
    }
    bits = ((bits << 6) | static_cast<uint32_t>(value)) & 0x3FFFFF;
    count += 6;
    if (count >= 16) {
      count -= 16;
      if (!decoder.Add((bits >> count) & 0xFFFF)) {
        return false;
      }
    }
  }
  // Only the padding of the last unit may be left, and it is zero.
  return decoder.complete() && count < 6 && (bits & ((1U << count) - 1)) == 0;
}

void EncodeUnit(uint32_t unit, uint32_t* bits, unsigned* count, std::string* out) {
  *bits = (*bits << 16) | unit;
  *count += 16;
  while (*count >= 6) {
    *count -= 6;
    out->push_back(kAlphabet[(*bits >> *count) & 0x3F]);
  }
  *bits &= (1U << *count) - 1;
}

// The longest run of what must be encoded, from the front of `*text`.
void EncodeRun(std::string_view* text, std::string* out) {
  uint32_t bits = 0;
  unsigned count = 0;
  out->push_back('&');
  while (!text->empty() && !IsPrintableAscii(static_cast<unsigned char>(text->front()))) {
    const uint32_t code = TakeCodePoint(text);
    if (code >= 0x10000) {
      EncodeUnit(0xD800 + ((code - 0x10000) >> 10), &bits, &count, out);
      EncodeUnit(0xDC00 + ((code - 0x10000) & 0x3FF), &bits, &count, out);
    } else {
      EncodeUnit(code, &bits, &count, out);
    }
  }
  if (count > 0) {
    out->push_back(kAlphabet[(bits << (6 - count)) & 0x3F]);
  }
  out->push_back('-');
}

}  // namespace

std::optional<std::string> DecodeModifiedUtf7(std::string_view wire) {
  std::string utf8;
  bool after_shift = false;
  while (!wire.empty()) {
    const char c = wire.front();
    if (!IsPrintableAscii(static_cast<unsigned char>(c))) {
      return std::nullopt;
    }
    if (c != '&') {
      utf8.push_back(c);
      wire.remove_prefix(1);
      after_shift = false;
      continue;
    }
    const size_t end = wire.find('-');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    if (end == 1) {
      utf8.push_back('&');
      after_shift = false;
    } else if (after_shift || !DecodeBase64(wire.substr(1, end - 1), &utf8)) {
      return std::nullopt;
    } else {
      after_shift = true;
    }
    wire.remove_prefix(end + 1);
  }
  return utf8;
}

std::optional<std::string> EncodeModifiedUtf7(std::string_view utf8) {
  if (!IsValidUtf8(utf8)) {
    return std::nullopt;
  }
  std::string wire;
  while (!utf8.empty()) {
    const char c = utf8.front();
    if (c == '&') {
      wire += "&-";
      utf8.remove_prefix(1);
    } else if (IsPrintableAscii(static_cast<unsigned char>(c))) {
      wire.push_back(c);
      utf8.remove_prefix(1);
    } else {
      EncodeRun(&utf8, &wire);
    }
  }
  return wire;
}

}  // namespace mailhaul::imap
