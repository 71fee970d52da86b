// Builds the bytes of one IMAP command (RFC 9051 section 6). No socket.
//
// Text from outside goes through String() only, which quotes it or makes it a literal and refuses
// CR, LF and NUL: nobody's folder name or password becomes a second command.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/imap/limits.h"

namespace mailhaul::imap {

enum class LiteralSupport : uint8_t {
  kSynchronizing,  // Wait for "+" before each literal.
  kMinus,          // LITERAL-: up to 4,096 bytes without waiting.
  kPlus,           // LITERAL+.
};

// Written one part at a time; before every part but the first, the server must have sent "+".
struct EncodedCommand {
  std::string tag;
  std::vector<std::string> parts;
};

// "A1", "A2", ...
class TagSequence final {
 public:
  std::string Next() { return "A" + std::to_string(++last_); }

 private:
  uint64_t last_ = 0;
};

class CommandEncoder final {
 public:
  CommandEncoder(std::string tag, LiteralSupport literals);

  // A space and `text`, which is ours and correct as it stands.
  CommandEncoder& Raw(std::string_view text);
  // A space and any text: quoted if it is printable ASCII, else a literal.
  CommandEncoder& String(std::string_view text);

  // kInvalidArgument, without the text, if a String() was refused.
  Result<EncodedCommand> Finish() &&;

 private:
  void Literal(std::string_view text);

  std::string tag_;
  LiteralSupport literals_;
  std::vector<std::string> parts_;
  Status failure_;
};

// A command that holds nothing from outside: one part.
EncodedCommand PlainCommand(std::string tag, std::string_view text);

}  // namespace mailhaul::imap
