// Answers of name servers, byte by byte (RFC 1035 section 4).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace mailhaul::net {

inline constexpr size_t kDnsHeaderBytes = 12;
inline constexpr int kTypeA = 1;
inline constexpr int kTypeMx = 15;
inline constexpr int kTypeSrv = 33;

inline std::string U16(size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xFF)};
}

// "a.example.com" as DNS writes it; "." is the root.
inline std::string WireName(std::string_view name) {
  std::string wire;
  while (!name.empty() && name != ".") {
    const std::string_view label = name.substr(0, name.find('.'));
    wire += static_cast<char>(label.size()) + std::string(label);
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return wire + '\0';
}

struct WireRecord {
  int type;
  std::string data;
};

inline WireRecord Mx(size_t preference, std::string_view host) {
  return {kTypeMx, U16(preference) + WireName(host)};
}

inline WireRecord Srv(size_t priority, size_t weight, size_t port, std::string_view host) {
  return {kTypeSrv, U16(priority) + U16(weight) + U16(port) + WireName(host)};
}

// `question`: a query up to the end of its question. Of `records`, those of `type`; without any
// records the name does not exist.
inline std::string AnswerTo(std::string_view question, int type,
                            const std::vector<WireRecord>& records) {
  std::string answer(question);
  size_t count = 0;
  for (const WireRecord& record : records) {
    if (record.type == type) {
      // The question's name, the type, class IN, 300 s.
      answer += "\xC0\x0C" + U16(static_cast<size_t>(type)) + std::string("\0\1\0\0\1\x2C", 6) +
                U16(record.data.size()) + record.data;
      ++count;
    }
  }
  answer[2] = '\x81';  // A response, recursion desired.
  answer[3] = records.empty() ? '\x83' : '\x80';
  answer[7] = static_cast<char>(count);
  std::fill(answer.begin() + 8, answer.begin() + kDnsHeaderBytes, '\0');
  return answer;
}

inline std::string Question(std::string_view name, int type) {
  return std::string("\0\1\1\0\0\1\0\0\0\0\0\0", kDnsHeaderBytes) + WireName(name) +
         U16(static_cast<size_t>(type)) + U16(1);
}

}  // namespace mailhaul::net
