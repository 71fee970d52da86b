// Message bytes as they go over the wire: every line end becomes CRLF, whatever it was, and only
// then lines that begin with a dot get a second one.
//
// In this order no input can hold an end of data that any server would see: no bare CR and no bare
// LF leaves the encoder, so "<LF>.<LF>", "<CR>.<CR>" and all their mixtures come out as lines "..".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailhaul::smtp {

// Stands behind the last line of what DATA announced: completes CRLF.CRLF.
inline constexpr std::string_view kEndOfDataLine = ".\r\n";

enum class DotStuffing : uint8_t {
  kYes,  // For DATA.
  kNo,   // For BDAT, whose chunks are counted.
};

class DataEncoder final {
 public:
  explicit DataEncoder(DotStuffing stuffing) : stuffing_(stuffing) {}

  // Input in pieces of any size; appends at most three times its size to `*out`.
  void Append(std::string_view input, std::string* out);
  // Ends the last line, if it is open.
  void Finish(std::string* out);

 private:
  const DotStuffing stuffing_;
  bool at_line_start_ = true;
  bool after_cr_ = false;
};

// What of a message decides how it can be sent. All figures after line ends became CRLF, before
// dots are doubled.
struct MessageFacts {
  uint64_t wire_bytes = 0;        // As SIZE counts them (RFC 1870).
  uint64_t line_bytes_max = 0;    // Without CRLF.
  bool eight_bit = false;         // Any byte above 127.
  bool eight_bit_header = false;  // One before the first empty line: needs SMTPUTF8.
  bool has_nul = false;           // Cannot be sent without BINARYMIME.
  friend bool operator==(const MessageFacts&, const MessageFacts&) = default;
};

// Finds the facts, from input in pieces of any size.
class MessageScanner final {
 public:
  void Append(std::string_view input);
  MessageFacts Finish();

 private:
  void EndLine();

  MessageFacts facts_;
  uint64_t line_bytes_ = 0;
  bool in_header_ = true;
  bool after_cr_ = false;
};

}  // namespace mailhaul::smtp
