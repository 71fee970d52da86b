// Values that try to break out of an address: line ends, controls, brackets, quotes, Unicode.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailhaul::smtp {

// All of them must be refused wherever an address goes.
inline std::vector<std::string> InjectionValues() {
  const std::vector<std::string> breakers = {
      "\r\n",
      "\n",
      "\r",
      "\r\n\r\n",
      "\n\r",
      std::string(1, '\0'),
      "\x01",
      "\x08",
      "\t",
      "\x0B",
      "\x0C",
      "\x1B[2J",
      "\x7F",
      ">",
      "<",
      ">\r\n",
      "> SIZE=1",
      "\xC2\x85",
      "\xC2\x80",
      "\xC2\x9F",
      "\xE2\x80\xA8",
      "\xE2\x80\xA9",
      "\xE2\x80\xAE",
      "\xE2\x80\x8B",
      "\xEF\xBB\xBF",
      "\xC0\x8A",
      "\xE0\x80\x8A",
      "\xFF",
      "\xED\xA0\x80",
      " ",
      ",",
      ";",
      ":",
      "(",
      "\\",
      "\"",
  };
  const std::string second = "RCPT TO:<evil@evil.example>";
  std::vector<std::string> values;
  for (const std::string& breaker : breakers) {
    values.push_back("alice" + breaker + second + "@example.com");
    values.push_back("alice@example.com" + breaker + second);
    values.push_back(breaker + "alice@example.com");
    values.push_back("alice@example" + breaker + ".com");
    values.push_back("alice@example.com>" + breaker);
    // Inside quotes some of these are legal; with the bracket none is.
    values.push_back("\"alice" + breaker + ">" + second + "\"@example.com");
    values.push_back("alice@[192.0.2.1" + breaker + "]");
  }
  values.insert(values.end(),
                {"<alice@example.com>", "alice@example.com>", "\"a\\\r\"@example.com",
                 "\"a\\\n\"@example.com", "\"a\\\"@example.com", "\"a\"\"@example.com", "<>",
                 "postmaster", "@a,@b:alice@example.com", "alice@"});
  return values;
}

}  // namespace mailhaul::smtp
