// A server's reply (RFC 5321 section 4.2), with its enhanced status code (RFC 3463, RFC 2034).
#pragma once

#include <cstdint>
#include <string>

namespace mailhaul::smtp {

// "5.7.8". Absent: all zero.
struct EnhancedCode {
  uint16_t kind = 0;  // 2, 4 or 5, always the first digit of the reply code.
  uint16_t subject = 0;
  uint16_t detail = 0;

  bool present() const { return kind != 0; }
  std::string ToString() const;  // "" when absent.
  friend bool operator==(const EnhancedCode&, const EnhancedCode&) = default;
};

struct Reply {
  uint16_t code = 0;  // 200 to 599; 0: the server has not answered.
  EnhancedCode enhanced;
  // Lines joined by '\n', without reply and enhanced codes. From the server: escape before use.
  std::string text;

  bool positive() const { return code >= 200 && code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
  std::string ToString() const;  // "550 5.1.1 no such user", escaped, for messages.
  friend bool operator==(const Reply&, const Reply&) = default;
};

}  // namespace mailhaul::smtp
