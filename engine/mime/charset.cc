#include "engine/mime/charset.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/text.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kCharsetBytesMax = 40;
constexpr size_t kHandlesMax = 8;  // Per thread. A mailbox rarely holds more charsets.
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Families that mail uses. iconv knows hundreds more, written for terminals and mainframes, which
// no sender needs and some of which had holes.
constexpr std::array<std::string_view, 24> kFamilies = {
    "utf-",   "utf7", "utf8", "utf16",   "iso-8859-",   "iso8859",     "windows-", "cp",
    "koi8-",  "gb",   "big5", "euc-",    "iso-2022-jp", "iso-2022-kr", "shift",    "sjis",
    "x-sjis", "ks_c", "mac",  "tis-620", "viscii",      "ibm8",        "ms_kanji", "hz-gb"};

struct Alias {
  std::string_view name;
  const char* iconv_name;
};
// Names whose label promises less than the bytes hold (as browsers read them).
constexpr std::array<Alias, 16> kAliases = {{{"iso-8859-1", "CP1252"},
                                             {"iso8859-1", "CP1252"},
                                             {"iso_8859-1", "CP1252"},
                                             {"latin1", "CP1252"},
                                             {"ansi", "CP1252"},
                                             {"gb2312", "GB18030"},
                                             {"gbk", "GB18030"},
                                             {"shift_jis", "CP932"},
                                             {"shift-jis", "CP932"},
                                             {"sjis", "CP932"},
                                             {"x-sjis", "CP932"},
                                             {"ks_c_5601-1987", "CP949"},
                                             {"euc-kr", "CP949"},
                                             {"big5", "BIG5-HKSCS"},
                                             {"iso-8859-9", "CP1254"},
                                             {"tis-620", "CP874"}}};

// The name to give iconv, empty for a charset that mail does not use.
std::string IconvName(std::string_view charset) {
  if (charset.empty() || charset.size() > kCharsetBytesMax) {
    return {};
  }
  const std::string lower = AsciiLowered(charset);
  if (lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.:") != std::string::npos) {
    return {};
  }
  for (const Alias& alias : kAliases) {
    if (lower == alias.name) {
      return alias.iconv_name;
    }
  }
  for (const std::string_view family : kFamilies) {
    if (lower.starts_with(family)) {
      const char* name = g_mime_charset_iconv_name(lower.c_str());
      return name == nullptr ? std::string() : std::string(name);
    }
  }
  return {};
}

class Converter final {
 public:
  explicit Converter(std::string name)
      : name_(std::move(name)), handle_(iconv_open("UTF-8", name_.c_str())) {}
  ~Converter() {
    if (valid()) {
      iconv_close(handle_);
    }
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  const std::string& name() const { return name_; }
  bool valid() const { return handle_ != kNone; }

  std::string Convert(std::string_view bytes, bool is_cut) {
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    std::string text;
    std::string input(bytes);  // iconv asks for mutable bytes.
    char* in = input.data();
    size_t in_left = input.size();
    std::array<char, 4096> buffer{};
    while (in_left > 0) {
      char* out = buffer.data();
      size_t out_left = buffer.size();
      const size_t result = iconv(handle_, &in, &in_left, &out, &out_left);
      const int error = errno;
      text.append(buffer.data(), buffer.size() - out_left);
      if (result != kFailed) {
        break;
      }
      if (error == EINVAL && is_cut) {
        break;
      }
      if (error != E2BIG) {
        text += kReplacement;
        ++in;
        --in_left;
      }
    }
    return text;
  }

 private:
  static constexpr size_t kFailed = static_cast<size_t>(-1);
  static inline const iconv_t kNone =
      reinterpret_cast<iconv_t>(-1);  // NOLINT(performance-no-int-to-ptr)
  const std::string name_;
  const iconv_t handle_;
};

// Opening a handle may load a shared object: each thread keeps the last few, most recent first.
Converter* FindConverter(const std::string& name) {
  thread_local std::array<std::unique_ptr<Converter>, kHandlesMax> handles;
  size_t i = 0;
  while (i < kHandlesMax && handles[i] != nullptr && handles[i]->name() != name) {
    ++i;
  }
  if (i == kHandlesMax || handles[i] == nullptr) {
    auto opened = std::make_unique<Converter>(name);
    if (!opened->valid()) {
      return nullptr;
    }
    i = std::min(i, kHandlesMax - 1);
    handles[i] = std::move(opened);
  }
  std::rotate(handles.begin(), handles.begin() + static_cast<ptrdiff_t>(i),
              handles.begin() + static_cast<ptrdiff_t>(i) + 1);
  return handles[0].get();
}

std::string Guess(std::string_view bytes) {
  if (IsValidUtf8(bytes)) {
    return std::string(bytes);
  }
  Converter* converter = FindConverter("CP1252");
  return converter == nullptr ? ToValidUtf8(bytes) : converter->Convert(bytes, false);
}

// The start of `bytes` without an incomplete UTF-8 sequence at its end.
std::string_view WithoutCutSequence(std::string_view bytes) {
  size_t back = 1;
  while (back <= 3 && back <= bytes.size()) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if (byte >= 0xC0) {
      const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
      return length > back ? bytes.substr(0, bytes.size() - back) : bytes;
    }
    if (byte < 0x80) {
      break;
    }
    ++back;
  }
  return bytes;
}

std::string Convert(std::string_view bytes, std::string_view charset, bool is_cut) {
  const std::string name = IconvName(charset);
  if (EqualsIgnoreCase(name, "utf-8") || EqualsIgnoreCase(name, "utf8")) {
    const std::string_view whole = is_cut ? WithoutCutSequence(bytes) : bytes;
    return IsValidUtf8(whole) ? std::string(whole) : ToValidUtf8(whole);
  }
  Converter* converter = name.empty() ? nullptr : FindConverter(name);
  if (converter == nullptr) {
    return Guess(is_cut ? WithoutCutSequence(bytes) : bytes);
  }
  std::string text = converter->Convert(bytes, is_cut);
  return IsValidUtf8(text) ? text : ToValidUtf8(text);
}

}  // namespace

std::string ToUtf8(std::string_view bytes, std::string_view charset, bool is_cut) {
  std::string text = Convert(bytes, charset, is_cut);
  if (text.find('\0') == std::string::npos) {
    return text;
  }
  std::string without_nul;
  for (const char c : text) {
    c == '\0' ? without_nul += kReplacement : without_nul += c;
  }
  return without_nul;
}

std::string HeaderToUtf8(std::string_view bytes, std::string_view hint) {
  if (bytes.find("\x1B$") != std::string_view::npos) {
    return ToUtf8(bytes, "iso-2022-jp", false);
  }
  return ToUtf8(bytes, IsValidUtf8(bytes) ? std::string_view() : hint, false);
}

}  // namespace mailhaul::mime
