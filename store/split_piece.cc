#include "store/split_piece.h"

#include <optional>

namespace mailhaul::store {
namespace {

constexpr std::string_view kMagic = "MHB6";
constexpr int kGroupBits = 7;
constexpr int kGroupsMax = 5;  // Of 32 bits.
constexpr unsigned char kMoreFollow = 0x80;
constexpr unsigned char kGroupMask = 0x7F;
constexpr uint32_t kCrlf = 1;
constexpr uint32_t kLineUnit = 4;

// Seven bits a byte, the lowest first; all but the last byte have the highest bit set.
void AppendNumber(uint64_t value, std::string& out) {
  for (; value > kGroupMask; value >>= kGroupBits) {
    out.push_back(static_cast<char>((value & kGroupMask) | kMoreFollow));
  }
  out.push_back(static_cast<char>(value));
}

// Numbers of 32 bits; the first error sticks.
class NumberReader final {
 public:
  explicit NumberReader(std::string_view bytes) : bytes_(bytes) {}

  uint32_t Next() {
    uint64_t value = 0;
    for (int group = 0; group < kGroupsMax && !bytes_.empty(); ++group) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & kGroupMask) << (group * kGroupBits);
      if ((byte & kMoreFollow) == 0) {
        ok_ = ok_ && value <= UINT32_MAX && (byte != 0 || group == 0);
        return ok_ ? static_cast<uint32_t>(value) : 0;
      }
    }
    ok_ = false;
    return 0;
  }
  bool ok() const { return ok_; }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

Status Damaged() { return {Code::kCorrupt, "a compressed body is damaged"}; }

Base64Run ReadRun(NumberReader& numbers) {
  Base64Run run;
  run.before = numbers.Next();
  run.decoded = numbers.Next();
  const uint32_t line = numbers.Next();
  run.crlf = (line & kCrlf) != 0;
  // A length that is too large is not possible: it must not wrap into one that is.
  run.line = line / 2 <= UINT32_MAX / kLineUnit ? line / 2 * kLineUnit : 0;
  return run;
}

}  // namespace

bool IsSplitPiece(std::string_view piece) { return piece.starts_with(kMagic); }

void AppendSplitHeader(const std::vector<Base64Run>& runs, uint64_t rest_frame, std::string& out) {
  out += kMagic;
  AppendNumber(runs.size(), out);
  for (const Base64Run& run : runs) {
    AppendNumber(run.before, out);
    AppendNumber(run.decoded, out);
    AppendNumber(uint64_t{run.line / kLineUnit} * 2 + (run.crlf ? kCrlf : 0), out);
  }
  AppendNumber(rest_frame, out);
}

Result<SplitPiece> ParseSplitPiece(std::string_view piece, uint64_t size) {
  if (!IsSplitPiece(piece)) {
    return Damaged();
  }
  NumberReader numbers(piece.substr(kMagic.size()));
  SplitPiece split;
  const uint32_t count = numbers.Next();
  if (count == 0 || count > size / kRunDigitsMin) {
    return Damaged();
  }
  split.runs.reserve(count);
  uint64_t before = 0;
  uint64_t left = size;  // What is not of the runs.
  for (uint32_t i = 0; i < count; ++i) {
    const Base64Run run = ReadRun(numbers);
    if (!numbers.ok() || !IsPossibleRun(run) || EncodedBytes(run) > left) {
      return Damaged();
    }
    left -= EncodedBytes(run);
    before += run.before;
    split.decoded_bytes += run.decoded;
    split.runs.push_back(run);
  }
  const uint32_t rest_frame = numbers.Next();
  if (!numbers.ok() || before > left || rest_frame > numbers.rest().size() ||
      (rest_frame == 0) != (left == 0)) {
    return Damaged();
  }
  split.rest_bytes = left;
  split.rest_frame = numbers.rest().substr(0, rest_frame);
  split.decoded_frame = numbers.rest().substr(rest_frame);
  return split;
}

}  // namespace mailhaul::store
