#include "connectors/imap/command_encoder.h"

#include <algorithm>
#include <utility>

namespace mailhaul::imap {

CommandEncoder::CommandEncoder(std::string tag, LiteralSupport literals)
    : tag_(std::move(tag)), literals_(literals), parts_(1, tag_) {}

CommandEncoder& CommandEncoder::Raw(std::string_view text) {
  parts_.back().push_back(' ');
  parts_.back() += text;
  return *this;
}

CommandEncoder& CommandEncoder::String(std::string_view text) {
  constexpr std::string_view kForbidden("\r\n\0", 3);
  if (text.find_first_of(kForbidden) != std::string_view::npos) {
    failure_ =
        Status(Code::kInvalidArgument, "an argument of an IMAP command contains a line end or NUL");
    return *this;
  }
  if (text.size() > kArgumentBytesMax) {
    failure_ = Status(Code::kInvalidArgument, "an argument of an IMAP command is too long");
    return *this;
  }
  parts_.back().push_back(' ');
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7F'; });
  if (!printable) {
    Literal(text);
    return *this;
  }
  parts_.back().push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      parts_.back().push_back('\\');
    }
    parts_.back().push_back(c);
  }
  parts_.back().push_back('"');
  return *this;
}

void CommandEncoder::Literal(std::string_view text) {
  const bool waits = literals_ == LiteralSupport::kSynchronizing ||
                     (literals_ == LiteralSupport::kMinus && text.size() > kNonSyncLiteralBytesMax);
  parts_.back() += "{" + std::to_string(text.size()) + (waits ? "}\r\n" : "+}\r\n");
  if (waits) {
    parts_.emplace_back();
  }
  parts_.back() += text;
}

Result<EncodedCommand> CommandEncoder::Finish() && {
  if (!failure_.ok()) {
    return failure_;
  }
  parts_.back() += "\r\n";
  EncodedCommand command;
  command.tag = std::move(tag_);
  command.parts = std::move(parts_);
  return command;
}

EncodedCommand PlainCommand(std::string tag, std::string_view text) {
  EncodedCommand command;
  command.parts.push_back(tag + " " + std::string(text) + "\r\n");
  command.tag = std::move(tag);
  return command;
}

}  // namespace mailhaul::imap
