// The readers without GMime against GMime: whenever they answer, the answers are equal. Values of
// common forms made from a seed, and what one, two or three wrong bytes make of them.
#include "engine/mime/plain_values.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "tests/mime/mime_test_support.h"
#include "tests/support/sanitized.h"

namespace mailhaul::mime {
namespace {

constexpr int kRounds = 10'000;
constexpr int kRoundsLong = 1'000'000;
constexpr char kHostileBytes[] =
    "\"\\();:,<>@[]?=*%'.-+_/&~{ \t\r\n\0\x1b\x7f\x80\xc3\xbc\xff 09azAZnTx";
constexpr std::string_view kHostile(kHostileBytes, sizeof(kHostileBytes) - 1);

// What a reader made of a value, in one line; "none" when it has left it to GMime.
std::string TypeText(const ContentType& type) {
  return type.type + "/" + type.subtype + "|" + type.boundary + "|" + type.charset + "|" +
         type.name + "|" + (type.is_flowed ? "flowed" : "") + (type.deletes_spaces ? "delsp" : "");
}

std::string MailboxesText(const std::vector<Mailbox>& mailboxes) {
  std::string text;
  for (const Mailbox& mailbox : mailboxes) {
    text += "[" + mailbox.name + "|" + mailbox.email + "]";
  }
  return text;
}

std::string DateText(const std::optional<WallTime>& date) {
  return date.has_value() ? std::to_string(date->time_since_epoch().count()) : "none";
}

struct Answers {
  std::string plain;
  std::string gmime;  // Not asked for where `plain` is "none".
};

Answers OfType(std::string_view raw) {
  const std::optional<ContentType> plain = PlainContentType(raw);
  if (!plain.has_value()) {
    return {"none", {}};
  }
  const std::string gmime = TypeText(ParseContentTypeWithGMime(raw, false));
  EXPECT_EQ(TypeText(ParseContentTypeWithGMime(raw, true)), gmime);
  return {TypeText(*plain), gmime};
}

Answers OfDisposition(std::string_view raw) {
  const std::optional<ContentDisposition> plain = PlainContentDisposition(raw);
  if (!plain.has_value()) {
    return {"none", {}};
  }
  const ContentDisposition gmime = ParseContentDispositionWithGMime(raw, "iso-8859-5");
  return {plain->kind + "|" + plain->filename, gmime.kind + "|" + gmime.filename};
}

Answers OfMailboxes(std::string_view raw) {
  std::vector<Mailbox> plain(1);
  if (!AppendPlainMailboxes(raw, plain)) {
    EXPECT_EQ(plain.size(), 1U);
    return {"none", {}};
  }
  std::vector<Mailbox> gmime(1);
  AppendMailboxesWithGMime(raw, "iso-8859-5", gmime);
  return {MailboxesText(plain), MailboxesText(gmime)};
}

Answers OfDate(std::string_view raw) {
  const std::optional<WallTime> plain = PlainDate(raw);
  return plain.has_value() ? Answers{DateText(plain), DateText(ParseDateWithGMime(raw))}
                           : Answers{"none", {}};
}

using Reader = Answers (*)(std::string_view);
using Texts = std::initializer_list<std::string_view>;

std::string OneOf(Random& random, Texts texts) {
  return std::string(texts.begin()[random.Below(texts.size())]);
}

std::string Word(Random& random, std::string_view alphabet, uint64_t length_max) {
  std::string word;
  for (uint64_t left = 1 + random.Below(length_max); left > 0; --left) {
    word += alphabet[random.Below(alphabet.size())];
  }
  return word;
}

std::string Space(Random& random) {
  return OneOf(random, {" ", " ", " ", "", "  ", "\t", "\r\n ", "\r\n\t", "\n ", " \r\n  "});
}

std::string Quoted(Random& random) {
  return "\"" + (random.Chance(1, 16) ? "=?utf-8?q?=41?=" : std::string()) +
         Word(random, "abcXYZ019 .,:;<>@()[]=?_-+'*%/!#$&^`{|}~", random.Chance(1, 50) ? 400 : 24) +
         "\"";
}

// Of what RFC 2045 allows without quotes.
std::string Token(Random& random) { return Word(random, "abXY019-+._*%'!#$&^`{|}~", 12); }

std::string Parameters(Random& random) {
  std::string text;
  for (uint64_t left = random.Below(4); left > 0; --left) {
    text += Space(random) + ";" + Space(random) +
            OneOf(random, {"boundary", "charset", "name", "filename", "format", "delsp", "Name",
                           "FILENAME", "size", "type", "x-a_b", "micalg"}) +
            "=";
    const uint64_t form = random.Below(4);
    text += form < 2    ? Quoted(random)
            : form == 2 ? Token(random)
                        : OneOf(random, {"utf-8", "UTF-8", "flowed", "yes", "a.pdf", "\"flowed\"",
                                         "us-ascii", "=_x", "\"=_01.02\"", "iso-8859-1"});
  }
  return text + OneOf(random, {"", "", "", ";", "; ", " ", "\r\n"});
}

std::string MakeType(Random& random) {
  return Space(random) +
         OneOf(random,
               {"text/plain", "TEXT/html", "multipart/mixed", "application/pdf", "image/x-y",
                "application/vnd.ms-excel", "multipart/signed", "message/rfc822"}) +
         (random.Chance(1, 4) ? Token(random) : "") + Parameters(random);
}

std::string MakeDisposition(Random& random) {
  return Space(random) + OneOf(random, {"attachment", "inline", "Attachment", "x-a", "form-data"}) +
         Parameters(random);
}

std::string Address(Random& random) {
  const std::string local = random.Chance(1, 4)
                                ? Word(random, "ab01Z.-_+'&!#", random.Chance(1, 50) ? 400 : 8)
                                : OneOf(random, {"anna", "a.b", "anna.berg+x", "no-reply", "1"});
  return local + "@" +
         (random.Chance(1, 4) ? Word(random, "abn01Z.-_", random.Chance(1, 50) ? 400 : 8)
                              : OneOf(random, {"example.org", "mail17.example.org", "x", "1.2.3.4",
                                               "EX.Com", "xn--bcher-kva.example"}));
}

std::string MakeMailboxes(Random& random) {
  std::string text = Space(random);
  for (uint64_t left = random.Chance(3, 4) ? 1 : 1 + random.Below(4); left > 0; --left) {
    const uint64_t form = random.Below(4);
    if (form == 0) {
      text += Address(random);
    } else {
      text += form == 1   ? Quoted(random)
              : form == 2 ? OneOf(random, {"Anna Berg", "Anna", "anna berg jr", "O'Neil & Co", "",
                                           "A - B", "#1 Shop!", "'Anna Berg'", "a_b 7", "A  B"})
                          : Word(random, "ab XY0-_+'&!#.", 16);
      text += Space(random) + "<" + Address(random) + ">";
    }
    text += left > 1 ? OneOf(random, {",", ", ", " , ", ",\r\n ", ",,"}) : "";
  }
  return text + OneOf(random, {"", "", "", ",", " ", "\r\n"});
}

std::string TwoDigits(uint64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string MakeDate(Random& random) {
  constexpr std::string_view kMonths("JanFebMarAprMayJunJulAugSepOctNovDecdecJAN");
  const std::string day = std::to_string(random.Below(32));
  return Space(random) +
         OneOf(random, {"Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat,  ", "", "Xyz, ",
                        "Tue ", "Sun,", "Wednesday, "}) +
         (random.Chance(1, 2) && day.size() == 1 ? "0" : "") + day + " " +
         std::string(kMonths.substr(3 * random.Below(14), 3)) + Space(random) +
         std::to_string(1965 + random.Below(random.Chance(1, 8) ? 9000 : 90)) + Space(random) +
         TwoDigits(random.Below(25)) + ":" + TwoDigits(random.Below(61)) + ":" +
         TwoDigits(random.Below(61)) + Space(random) +
         (random.Chance(1, 4) ? OneOf(random, {"GMT", "UTC", "UT", "Z", "EST", "-0000", "+2400"})
                              : OneOf(random, {"+", "-"}) + TwoDigits(random.Below(17)) +
                                    OneOf(random, {"00", "00", "30", "45", "59", "60"})) +
         OneOf(random, {"", "", "", " (UTC)", " (CEST)", " (EST)", " (GMT+01:00)", " (-0500)",
                        "(UTC)", " EST", " (Central European Time)", " (Z)"});
}

void Change(Random& random, std::string& value) {
  const size_t at = random.Below(value.size() + 1);
  const char c = kHostile[random.Below(kHostile.size())];
  const uint64_t how = random.Below(3);
  if (how == 0 || at == value.size()) {
    value.insert(at, 1, c);
  } else if (how == 1) {
    value[at] = c;
  } else {
    value.erase(at, 1);
  }
}

::testing::AssertionResult Agrees(Reader reader, std::string_view raw) {
  const Answers answers = reader(raw);
  if (answers.plain == "none" || answers.plain == answers.gmime) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << EscapeForLog(raw, 1000) << "\nplain: " << answers.plain << "\nGMime: " << answers.gmime;
}

void CheckMade(Reader reader, const std::function<std::string(Random&)>& make) {
  Initialize();
  const bool is_long = std::getenv("MAILHAUL_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  const int rounds = is_long ? kRoundsLong : kRounds / test_support::kRoundsShare;
  SeededRandom random(1);
  int answered = 0;
  for (int i = 0; i < rounds; ++i) {
    std::string value = make(random);
    answered += reader(value).plain == "none" ? 0 : 1;
    ASSERT_TRUE(Agrees(reader, value));
    for (uint64_t changes = 1 + random.Below(3); changes > 0; --changes) {
      Change(random, value);
      ASSERT_TRUE(Agrees(reader, value));
    }
  }
  EXPECT_GT(answered, rounds / 10);  // Else the test tells nothing.
}

// Every change of a single byte.
void CheckAround(Reader reader, Texts values) {
  Initialize();
  for (const std::string_view value : values) {
    EXPECT_NE(reader(value).plain, "none") << value;
    for (size_t at = 0; at <= value.size(); ++at) {
      const std::string before(value.substr(0, at));
      const std::string_view rest = value.substr(std::min(at + 1, value.size()));
      ASSERT_TRUE(Agrees(reader, before + std::string(rest)));
      for (const char c : kHostile) {
        ASSERT_TRUE(Agrees(reader, before + c + std::string(value.substr(at))));
        ASSERT_TRUE(Agrees(reader, before + c + std::string(rest)));
      }
    }
  }
}

void CheckLeftToGMime(Reader reader, Texts values) {
  for (const std::string_view value : values) {
    EXPECT_EQ(reader(value).plain, "none") << value;
  }
}

TEST(PlainValues, TypesAreThoseGMimeReads) {
  CheckMade(OfType, MakeType);
  CheckAround(OfType, {" multipart/mixed;\r\n boundary=\"=_0123456789abcdef01234567\"",
                       "application/pdf; name=\"invoice-1234.pdf\"", "text/plain; charset=utf-8;",
                       "Text/Plain; charset=UTF-8; format=flowed; delsp=yes"});
}

TEST(PlainValues, DispositionsAreThoseGMimeReads) {
  CheckMade(OfDisposition, MakeDisposition);
  CheckAround(OfDisposition, {"attachment; filename=\"invoice-1234.pdf\"", "inline",
                              "ATTACHMENT;\r\n\tfilename=a.pdf; size=17"});
}

TEST(PlainValues, MailboxesAreThoseGMimeReads) {
  CheckMade(OfMailboxes, MakeMailboxes);
  CheckAround(OfMailboxes, {"Anna Berg <anna@mail17.example.org>", " anna@example.org",
                            "\"Berg, Anna\" <anna.berg@example.org>", "<a@b>",
                            "a@b.example,\r\n B <b@c.example>, \"C\" <c@d>"});
}

TEST(PlainValues, DatesAreThoseGMimeReads) {
  CheckMade(OfDate, MakeDate);
  CheckAround(OfDate, {"Sun, 29 Nov 2026 10:17:37 +0000", "Mon, 1 Feb 1971 00:00:00 -0000",
                       "29 Feb 2024 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 +1400 (CEST)"});
}

TEST(PlainValues, LeaveToGMimeWhatIsNotPlain) {
  CheckLeftToGMime(OfType, {"", "text", "text/plain; name*=utf-8''a", "text/plain; name*0=a",
                            "text/plain; name=\"=?utf-8?q?a?=\"", "text/plain; name=a; NAME=b",
                            R"(text/plain; name="a\"b")", "text/plain (a)", "text/plain; name=\"\"",
                            "text/plain; name=a b", "text/plain; name=\"\xC3\xBC\""});
  CheckLeftToGMime(OfDisposition, {"", "\"attachment\"", "attachment; filename=\" a\""});
  CheckLeftToGMime(OfMailboxes, {"", "Anna", "a@b (Anna)", "g: a@b;", "<@c:a@b>", "a@[1.2.3.4]",
                                 "=?utf-8?q?a?= <a@b>", "Anna a@b", "a@b,",
                                 "a@xn--bcher-kva.example", R"("a\"b" <a@b>)"});
  CheckLeftToGMime(OfDate, {"", "Sun, 29 Nov 2026", "Sun, 29 Nov 26 10:17:37 +0000",
                            "Sun, 29 Nov 2026 10:17:60 +0000", "Sun, 29 Nov 2026 10:17:37 EST",
                            "30 Feb 2024 10:17:37 +0000", "29 Nov 2026 10:17:37 +1500"});
}

TEST(PlainValues, HoldTheSameLimits) {
  std::vector<Mailbox> mailboxes(kAddressesMax - 1);
  EXPECT_FALSE(AppendPlainMailboxes("a@x.example, b@x.example", mailboxes));
  EXPECT_EQ(mailboxes.size(), kAddressesMax - 1);
  EXPECT_TRUE(AppendPlainMailboxes("a@x.example", mailboxes));
  const std::string at_most(kFilenameBytesMax, 'n');
  EXPECT_EQ(PlainContentType("a/b; name=" + at_most)->name, at_most);
  EXPECT_FALSE(PlainContentType("a/b; name=n" + at_most).has_value());
  EXPECT_FALSE(PlainContentType("a/b;" + Repeat(" ", 100'000) + "name=n").has_value());
}

}  // namespace
}  // namespace mailhaul::mime
