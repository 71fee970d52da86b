#include "engine/mime/gmime_values.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/check.h"
#include "base/text.h"
#include "engine/mime/charset.h"
#include "engine/mime/encoded_words.h"
#include "engine/mime/plain_values.h"
#include "engine/mime/recent_values.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kStructuredBytesMax = 16 * 1024;    // Content-Type, Content-Disposition.
constexpr size_t kUnstructuredBytesMax = 16 * 1024;  // Enough for the longest subject, encoded.
constexpr size_t kDateBytesMax = 256;
// GMime gets an address list in pieces, so that its error recovery costs at most their square.
constexpr size_t kAddressPieceBytesMax = 8 * 1024;
constexpr int kGroupsPerPieceMax = 16;  // Groups that never end nest, at a cost.
constexpr int kAddressPiecesMax = 1'000;
constexpr size_t kNameBytesMax = 1000;
constexpr int kGroupDepthMax = 4;
constexpr size_t kRecentTypes = 64;
constexpr size_t kRecentAddresses = 256;

struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename T>
using GObjectPtr = std::unique_ptr<T, Unref>;
struct Free {
  void operator()(gpointer memory) const { g_free(memory); }
};
using GString8 = std::unique_ptr<char, Free>;

GMimeParserOptions* MakeOptions() {
  GMimeParserOptions* options = g_mime_parser_options_new();
  g_mime_parser_options_set_address_compliance_mode(options, GMIME_RFC_COMPLIANCE_LOOSE);
  g_mime_parser_options_set_parameter_compliance_mode(options, GMIME_RFC_COMPLIANCE_LOOSE);
  g_mime_parser_options_set_rfc2047_compliance_mode(options, GMIME_RFC_COMPLIANCE_LOOSE);
  g_mime_parser_options_set_allow_addresses_without_domain(options, TRUE);
  std::array<const char*, 3> charsets = {"utf-8", "windows-1252", nullptr};
  g_mime_parser_options_set_fallback_charsets(options, charsets.data());
  return options;
}

// Never freed: read by every thread until the process ends.
GMimeParserOptions* options = nullptr;

void IgnoreLog(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && IsSpace(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

// A prefix of the raw value unfolded and in UTF-8, as GMime wants it.
std::string Prepare(std::string_view raw, size_t bytes_max, std::string_view hint) {
  std::string text = HeaderToUtf8(Trimmed(raw.substr(0, bytes_max)), hint);
  size_t kept = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool folds = (text[i] == '\r' || text[i] == '\n') && i + 1 < text.size() &&
                       (text[i + 1] == ' ' || text[i + 1] == '\t' || text[i + 1] == '\n');
    if (!folds) {
      text[kept++] = IsControl(text[i]) ? ' ' : text[i];
    }
  }
  text.resize(kept);
  return JoinBase64Words(text);
}

// What GMime gives back, made fit for one line.
std::string Clean(const char* text, size_t bytes_max) {
  if (text == nullptr) {
    return {};
  }
  const std::string_view given(text);
  std::string clean = IsValidUtf8(given) ? std::string(given) : ToValidUtf8(given);
  std::replace_if(clean.begin(), clean.end(), IsControl, ' ');
  return std::string(Utf8Prefix(Trimmed(clean), bytes_max));
}

bool IsTokenChar(char c) {
  return c > ' ' && c < 0x7F &&
         std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// RFC 2045, 5.1: "type/subtype" stands at the start. Where it does not, GMime would guess.
bool StartsWithMediaType(std::string_view text) {
  const auto slash = std::find_if_not(text.begin(), text.end(), IsTokenChar);
  return slash != text.begin() && slash != text.end() && *slash == '/' && slash + 1 != text.end() &&
         IsTokenChar(slash[1]);
}

std::string LowerToken(const char* text, size_t bytes_max) {
  std::string token = AsciiLowered(Clean(text, bytes_max));
  return std::all_of(token.begin(), token.end(), IsTokenChar) ? token : std::string();
}

// The end of the piece of `text` to parse first: behind a comma between two addresses when there
// is one among the first kAddressPieceBytesMax bytes and kGroupsPerPieceMax groups.
size_t AddressPieceEnd(std::string_view text) {
  const size_t limit = std::min(text.size(), kAddressPieceBytesMax);
  size_t comma_end = 0;
  bool quoted = false;
  int comments = 0;
  int groups = 0;
  size_t i = 0;
  for (; i < limit && groups < kGroupsPerPieceMax; ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"' && comments == 0) {
      quoted = !quoted;
    } else if (!quoted && c == '(') {
      ++comments;
    } else if (!quoted && c == ')' && comments > 0) {
      --comments;
    } else if (!quoted && comments == 0 && c == ',') {
      comma_end = i + 1;
    } else if (!quoted && comments == 0 && c == ':') {
      ++groups;
    }
  }
  if (i >= text.size()) {
    return text.size();
  }
  return comma_end > 0 ? comma_end : i;
}

void AppendList(InternetAddressList* list, int depth, std::vector<Mailbox>& mailboxes) {
  const int count = internet_address_list_length(list);
  for (int i = 0; i < count && mailboxes.size() < kAddressesMax; ++i) {
    InternetAddress* address = internet_address_list_get_address(list, i);
    if (INTERNET_ADDRESS_IS_GROUP(address)) {
      if (depth < kGroupDepthMax) {
        AppendList(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)), depth + 1,
                   mailboxes);
      }
      continue;
    }
    Mailbox mailbox;
    mailbox.name = Clean(internet_address_get_name(address), kNameBytesMax);
    mailbox.email =
        Clean(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)), kEmailBytesMax);
    if (!mailbox.email.empty() || !mailbox.name.empty()) {
      mailboxes.push_back(std::move(mailbox));
    }
  }
}

std::string Parameter(GMimeContentType* type, const char* name, size_t bytes_max) {
  return Clean(g_mime_content_type_get_parameter(type, name), bytes_max);
}

}  // namespace

void Initialize() {
  static const bool done = [] {
    g_mime_init();
    for (const char* domain : {"gmime", "GLib", "GLib-GObject"}) {
      g_log_set_handler(
          domain,
          static_cast<GLogLevelFlags>(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING |
                                      G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG),
          IgnoreLog, nullptr);
    }
    options = MakeOptions();
    // GMime registers some types on first use, without a lock.
    std::vector<Mailbox> mailboxes;
    AppendMailboxesWithGMime("group: =?utf-8?q?a?= <a@example.com>;", {}, mailboxes);
    ParseContentTypeWithGMime("text/plain; name*=utf-8''a; charset=utf-8", false);
    ParseContentDispositionWithGMime("attachment; filename*=utf-8''a", {});
    ParseDateWithGMime("Thu, 1 Jan 1970 00:00:00 +0000");
    return true;
  }();
  MH_CHECK(done);
}

ContentType ParseContentType(std::string_view raw, bool in_digest) {
  thread_local RecentValues<ContentType, kRecentTypes> recent;
  // In a digest an absent value means something else, and each boundary is another one.
  const ContentType* const known = in_digest ? nullptr : recent.Find(raw);
  if (known != nullptr) {
    return *known;
  }
  std::optional<ContentType> plain = PlainContentType(raw);
  ContentType type =
      plain.has_value() ? *std::move(plain) : ParseContentTypeWithGMime(raw, in_digest);
  if (!in_digest && type.boundary.empty()) {
    recent.Keep(raw, type);
  }
  return type;
}

ContentType ParseContentTypeWithGMime(std::string_view raw, bool in_digest) {
  MH_CHECK(options != nullptr);
  ContentType type;
  const std::string text = Prepare(raw, kStructuredBytesMax, {});
  if (StartsWithMediaType(text)) {
    const GObjectPtr<GMimeContentType> parsed(g_mime_content_type_parse(options, text.c_str()));
    type.type = LowerToken(g_mime_content_type_get_media_type(parsed.get()), kTypeBytesMax);
    type.subtype = LowerToken(g_mime_content_type_get_media_subtype(parsed.get()), kTypeBytesMax);
    type.boundary = Parameter(parsed.get(), "boundary", kStructuredBytesMax);
    type.charset = Parameter(parsed.get(), "charset", kCharsetNameBytesMax);
    type.name = Parameter(parsed.get(), "name", kFilenameBytesMax);
    type.is_flowed = EqualsIgnoreCase(Parameter(parsed.get(), "format", kTypeBytesMax), "flowed");
    type.deletes_spaces = EqualsIgnoreCase(Parameter(parsed.get(), "delsp", kTypeBytesMax), "yes");
  }
  if (type.type.empty() || type.subtype.empty()) {
    type.type = in_digest && text.empty() ? "message" : "text";
    type.subtype = in_digest && text.empty() ? "rfc822" : "plain";
  }
  return type;
}

ContentDisposition ParseContentDisposition(std::string_view raw, std::string_view hint) {
  std::optional<ContentDisposition> plain = PlainContentDisposition(raw);
  return plain.has_value() ? *std::move(plain) : ParseContentDispositionWithGMime(raw, hint);
}

ContentDisposition ParseContentDispositionWithGMime(std::string_view raw, std::string_view hint) {
  MH_CHECK(options != nullptr);
  ContentDisposition disposition;
  const std::string text = Prepare(raw, kStructuredBytesMax, hint);
  if (text.empty()) {
    return disposition;
  }
  const GObjectPtr<GMimeContentDisposition> parsed(
      g_mime_content_disposition_parse(options, text.c_str()));
  if (parsed == nullptr) {
    return disposition;
  }
  disposition.kind =
      LowerToken(g_mime_content_disposition_get_disposition(parsed.get()), kTypeBytesMax);
  disposition.filename =
      Clean(g_mime_content_disposition_get_parameter(parsed.get(), "filename"), kFilenameBytesMax);
  return disposition;
}

std::string DecodeUnstructured(std::string_view raw, std::string_view hint) {
  MH_CHECK(options != nullptr);
  std::string text = Prepare(raw, kUnstructuredBytesMax, hint);
  if (text.find("=?") == std::string::npos) {
    return text;
  }
  const GString8 decoded(g_mime_utils_header_decode_text(options, text.c_str()));
  return Clean(decoded.get(), kUnstructuredBytesMax);
}

void AppendMailboxes(std::string_view raw, std::string_view hint, std::vector<Mailbox>& mailboxes) {
  thread_local RecentValues<Mailbox, kRecentAddresses> recent;
  const Mailbox* const known = recent.Find(raw);
  if (known != nullptr && mailboxes.size() < kAddressesMax) {
    mailboxes.push_back(*known);
    return;
  }
  const size_t before = mailboxes.size();
  if (!AppendPlainMailboxes(raw, mailboxes)) {
    AppendMailboxesWithGMime(raw, hint, mailboxes);
  }
  // One only, as a rule; and what is not UTF-8 is read by the hint.
  if (mailboxes.size() == before + 1 && mailboxes.size() < kAddressesMax && IsValidUtf8(raw)) {
    recent.Keep(raw, mailboxes.back());
  }
}

void AppendMailboxesWithGMime(std::string_view raw, std::string_view hint,
                              std::vector<Mailbox>& mailboxes) {
  MH_CHECK(options != nullptr);
  for (int piece = 0; piece < kAddressPiecesMax && !raw.empty(); ++piece) {
    if (mailboxes.size() >= kAddressesMax) {
      break;
    }
    const size_t end = AddressPieceEnd(raw);
    const std::string text = Prepare(raw.substr(0, end), kAddressPieceBytesMax, hint);
    raw.remove_prefix(end);
    const GObjectPtr<InternetAddressList> list(internet_address_list_parse(options, text.c_str()));
    if (list != nullptr) {
      AppendList(list.get(), 0, mailboxes);
    }
  }
}

std::optional<WallTime> ParseDate(std::string_view raw) {
  const std::optional<WallTime> plain = PlainDate(raw);
  return plain.has_value() ? plain : ParseDateWithGMime(raw);
}

std::optional<WallTime> ParseDateWithGMime(std::string_view raw) {
  const std::string text = Prepare(raw, kDateBytesMax, {});
  GDateTime* parsed = g_mime_utils_header_decode_date(text.c_str());
  if (parsed == nullptr) {
    return std::nullopt;
  }
  const WallTime time{std::chrono::seconds(g_date_time_to_unix(parsed))};
  g_date_time_unref(parsed);
  return time;
}

}  // namespace mailhaul::mime
