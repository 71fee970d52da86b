// One line of the log for each answer, if `http.access_log` asks for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailhaul::http {

struct Access {
  std::string_view request_id{};
  std::string_view peer{};
  std::string_view tenant{};  // "": of none, or unknown.
  std::string_view token{};   // Its SHA-256, or "".
  std::string_view method{};
  std::string_view target{};
  unsigned status = 0;
  uint64_t bytes = 0;                // Of the body.
  std::chrono::microseconds time{};  // From the head to the answer.
};

// Names the token by the first 8 digits of its hash, which the configuration has. The query is left
// out: it quotes addresses and words of mail.
std::string AccessLine(const Access& access);

}  // namespace mailhaul::http
