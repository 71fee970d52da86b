#include "engine/mime/encoded_words.h"

#include <glib.h>

#include <optional>

#include "base/text.h"

namespace mailhaul::mime {
namespace {

struct Word {
  std::string_view charset;  // With its language (RFC 2231, 5), if it has one.
  std::string_view payload;
  size_t bytes;  // Of the whole word and what parts it from the one before.
};

// The base64 encoded word that `text` begins with.
std::optional<Word> Base64WordAt(std::string_view text) {
  if (text.substr(0, 2) != "=?") {
    return std::nullopt;
  }
  const size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end == 2 ||
      AsciiLowered(text.substr(charset_end, 3)) != "?b?") {
    return std::nullopt;
  }
  const size_t payload = charset_end + 3;
  const size_t end = text.find_first_of("? \t", payload);
  if (end == std::string_view::npos || text.substr(end, 2) != "?=") {
    return std::nullopt;
  }
  return Word{text.substr(2, charset_end - 2), text.substr(payload, end - payload), end + 2};
}

std::string_view WithoutLanguage(std::string_view charset) {
  return charset.substr(0, charset.find('*'));
}

void AppendOctets(std::string_view payload, std::string& octets) {
  std::string padded(payload);
  padded.append((4 - payload.size() % 4) % 4, '=');
  gsize count = 0;
  guchar* const decoded = g_base64_decode(padded.c_str(), &count);
  octets.append(reinterpret_cast<const char*>(decoded), count);
  g_free(decoded);
}

// The words that stand at `at`, as one; `at` moves behind them.
std::string TakeRun(std::string_view text, const Word& first, size_t& at) {
  const std::string_view charset = WithoutLanguage(first.charset);
  std::string octets;
  std::optional<Word> word = first;
  while (word.has_value() && EqualsIgnoreCase(WithoutLanguage(word->charset), charset)) {
    AppendOctets(word->payload, octets);
    at += word->bytes;
    const size_t next = text.find_first_not_of(" \t", at);
    word = next == std::string_view::npos ? std::nullopt : Base64WordAt(text.substr(next));
    if (word.has_value()) {
      word->bytes += next - at;
    }
  }
  gchar* const encoded =
      g_base64_encode(reinterpret_cast<const guchar*>(octets.data()), octets.size());
  std::string joined = "=?" + std::string(first.charset) + "?B?" + encoded + "?=";
  g_free(encoded);
  return joined;
}

}  // namespace

std::string JoinBase64Words(std::string_view text) {
  std::string joined;
  joined.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    const size_t next = text.find("=?", at);
    joined += text.substr(at, next - at);
    at = next;
    if (next == std::string_view::npos) {
      break;
    }
    if (const std::optional<Word> word = Base64WordAt(text.substr(at)); word.has_value()) {
      joined += TakeRun(text, *word, at);
    } else {
      joined += text.substr(at, 2);
      at += 2;
    }
  }
  return joined;
}

}  // namespace mailhaul::mime
