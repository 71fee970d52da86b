#include "engine/http/head_scanner.h"

#include "engine/http/service.h"

namespace mailhaul::http {
namespace {

// The longest method and " HTTP/1.1" around a target of full length.
constexpr size_t kRequestLineBytesMax = kTargetBytesMax + 64;

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

}  // namespace

HeadScanner::Outcome HeadScanner::Scan(std::string_view input) {
  while (position_ < input.size()) {
    const char c = input[position_++];
    const Outcome outcome = Step(c);
    if (outcome != Outcome::kNeedMore) {
      return outcome;
    }
    if (position_ >= kHeaderBytesMax) {
      return Outcome::kTooLarge;
    }
  }
  return Outcome::kNeedMore;
}

HeadScanner::Outcome HeadScanner::Step(char c) {
  if (after_cr_) {
    after_cr_ = false;
    return c == '\n' ? EndLine() : Outcome::kBadByte;
  }
  if (c == '\r') {
    after_cr_ = true;
    return Outcome::kNeedMore;
  }
  const bool starts_folded = line_bytes_ == 0 && (c == ' ' || c == '\t');
  if (IsControl(c) || starts_folded) {
    return Outcome::kBadByte;
  }
  ++line_bytes_;
  if (lines_ == 0 && line_bytes_ > kRequestLineBytesMax) {
    return Outcome::kTargetTooLong;
  }
  return Outcome::kNeedMore;
}

HeadScanner::Outcome HeadScanner::EndLine() {
  if (line_bytes_ == 0) {
    return lines_ == 0 ? Outcome::kBadByte : Outcome::kComplete;
  }
  line_bytes_ = 0;
  ++lines_;
  return lines_ > kHeaderFieldsMax + 1 ? Outcome::kTooLarge : Outcome::kNeedMore;
}

}  // namespace mailhaul::http
