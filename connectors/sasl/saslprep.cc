#include "connectors/sasl/saslprep.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace mailhaul::sasl {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Assigned in Unicode 3.2, starters, equal to their NFKC form, written from left to right, neither
// mapped nor prohibited by RFC 4013. None of them combines with another of them.
constexpr Range kUnchanged[] = {
    {0x20, 0x7E},     {0xA1, 0xA7},     {0xA9, 0xA9},     {0xAB, 0xAC},     {0xAE, 0xAE},
    {0xB0, 0xB1},     {0xB6, 0xB7},     {0xBB, 0xBB},     {0xBF, 0x131},    {0x134, 0x13E},
    {0x141, 0x148},   {0x14A, 0x17E},   {0x386, 0x386},   {0x388, 0x38A},   {0x38C, 0x38C},
    {0x38E, 0x3A1},   {0x3A3, 0x3CE},   {0x400, 0x481},   {0x48A, 0x4CE},   {0x4D0, 0x4F5},
    {0x4F8, 0x4F9},   {0x500, 0x50F},   {0x1EA0, 0x1EF9}, {0x20AC, 0x20AC}, {0x3041, 0x3096},
    {0x30A1, 0x30FA}, {0x4E00, 0x9FA5}, {0xAC00, 0xD7A3},
};

bool IsUnchanged(uint32_t code_point) {
  return std::any_of(std::begin(kUnchanged), std::end(kUnchanged), [&](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

// Of well-formed UTF-8.
uint32_t TakeCodePoint(std::string_view* text) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>((*text)[i]));
  };
  const uint32_t first = byte(0);
  const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  uint32_t code_point = length == 1 ? first : first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  text->remove_prefix(length);
  return code_point;
}

}  // namespace

bool IsSaslPrepared(std::string_view text) {
  if (!IsValidUtf8(text)) {
    return false;
  }
  while (!text.empty()) {
    if (!IsUnchanged(TakeCodePoint(&text))) {
      return false;
    }
  }
  return true;
}

}  // namespace mailhaul::sasl
