#include "connectors/smtp/data_encoder.h"

#include <algorithm>

namespace mailhaul::smtp {
namespace {

size_t LineEnd(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && text[at] != '\n' && text[at] != '\r') {
    ++at;
  }
  return at;
}

}  // namespace

void DataEncoder::Append(std::string_view input, std::string* out) {
  while (!input.empty()) {
    const char first = input.front();
    if (first == '\n' && after_cr_) {
      after_cr_ = false;  // Its CR has ended the line already.
      input.remove_prefix(1);
      continue;
    }
    after_cr_ = false;
    if (at_line_start_ && first == '.' && stuffing_ == DotStuffing::kYes) {
      out->push_back('.');
    }
    const size_t end = LineEnd(input);
    out->append(input.substr(0, end));
    at_line_start_ = false;
    if (end == input.size()) {
      return;
    }
    out->append("\r\n");
    at_line_start_ = true;
    after_cr_ = input[end] == '\r';
    input.remove_prefix(end + 1);
  }
}

void DataEncoder::Finish(std::string* out) {
  if (!at_line_start_) {
    out->append("\r\n");
    at_line_start_ = true;
  }
  after_cr_ = false;
}

void MessageScanner::EndLine() {
  facts_.wire_bytes += line_bytes_ + 2;
  facts_.line_bytes_max = std::max(facts_.line_bytes_max, line_bytes_);
  in_header_ = in_header_ && line_bytes_ > 0;
  line_bytes_ = 0;
}

void MessageScanner::Append(std::string_view input) {
  for (const char c : input) {
    if (c == '\n' && after_cr_) {
      after_cr_ = false;
      continue;
    }
    after_cr_ = c == '\r';
    if (c == '\r' || c == '\n') {
      EndLine();
      continue;
    }
    ++line_bytes_;
    if (static_cast<unsigned char>(c) >= 0x80) {
      facts_.eight_bit = true;
      facts_.eight_bit_header = facts_.eight_bit_header || in_header_;
    }
    facts_.has_nul = facts_.has_nul || c == '\0';
  }
}

MessageFacts MessageScanner::Finish() {
  if (line_bytes_ > 0) {
    EndLine();
  }
  return facts_;
}

}  // namespace mailhaul::smtp
