#include "tests/support/scripted_fetch.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "connectors/imap/scanner.h"

namespace mailhaul::test_support {
namespace {

std::string FlagList(const ScriptedMessage& message) {
  constexpr std::array<std::pair<uint8_t, std::string_view>, 5> kNames = {{
      {kFlagSeen, "\\Seen"},
      {kFlagAnswered, "\\Answered"},
      {kFlagFlagged, "\\Flagged"},
      {kFlagDraft, "\\Draft"},
      {kFlagDeleted, "\\Deleted"},
  }};
  std::string list;
  for (const auto& [bit, name] : kNames) {
    if ((message.flags & bit) != 0) {
      list += (list.empty() ? "" : " ") + std::string(name);
    }
  }
  for (const std::string& keyword : message.keywords) {
    list += (list.empty() ? "" : " ") + keyword;
  }
  return "(" + list + ")";
}

// "... (CHANGEDSINCE 5)"; 0: not there.
uint64_t ChangedSince(std::string_view text) {
  constexpr std::string_view kModifier = "(CHANGEDSINCE ";
  const size_t at = text.find(kModifier);
  if (at == std::string_view::npos) {
    return 0;
  }
  imap::Scanner scanner(text.substr(at + kModifier.size()));
  return scanner.Number64();
}

std::vector<UidRange> ParseSet(imap::Scanner* scanner) {
  std::vector<UidRange> ranges;
  do {
    UidRange range;
    range.first = scanner->Number32();
    range.last = scanner->Skip(':') ? scanner->Number32() : range.first;
    ranges.push_back(range);
  } while (scanner->Skip(','));
  return ranges;
}

}  // namespace

std::string FlagNews(const ScriptedMessage& message, size_t sequence, bool tells_modseqs) {
  return "* " + std::to_string(sequence) + " FETCH (UID " + std::to_string(message.uid) +
         " FLAGS " + FlagList(message) +
         (tells_modseqs ? " MODSEQ (" + std::to_string(message.modseq) + ")" : "") + ")\r\n";
}

std::string FormatInternalDate(WallTime time) {
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%02u-%s-%04d %02d:%02d:%02d +0000",
                static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

FetchScript::FetchScript(ScriptedMailServer& server, const std::string& user,
                         const std::string& folder_name, const ScriptedFolder& folder,
                         std::string_view arguments, bool tells_modseqs)
    : server_(server), folder_key_(user + "/" + folder_name), tells_modseqs_(tells_modseqs) {
  imap::Scanner scanner(arguments);
  const std::vector<UidRange> ranges = ParseSet(&scanner);
  scanner.Expect(' ');
  const std::string_view items = scanner.rest().substr(0, scanner.rest().find(" (CHANGEDSINCE"));
  const uint64_t changed_since = ChangedSince(scanner.rest());
  tells_modseqs_ = tells_modseqs_ || changed_since > 0;
  const auto wants = [items](std::string_view item) {
    return items.find(item) != std::string_view::npos;
  };
  valid_ = !scanner.failed() && items.starts_with('(') && items.ends_with(')') && wants("UID");
  wants_flags_ = wants("FLAGS");
  wants_date_ = wants("INTERNALDATE");
  wants_size_ = wants("RFC822.SIZE");
  wants_body_ = wants("BODY.PEEK[]");
  wants_header_ = wants("BODY.PEEK[HEADER]");
  wants_gmail_ = wants("X-GM-LABELS");
  wants_thread_ = wants("THREADID");
  const std::vector<ScriptedMessage>& all = folder.messages();
  for (const UidRange range : ranges) {
    auto it = std::lower_bound(all.begin(), all.end(), range.first,
                               [](const ScriptedMessage& m, Uid uid) { return m.uid < uid; });
    for (; valid_ && it != all.end() && it->uid <= range.last; ++it) {
      if (it->modseq > changed_since) {
        messages_.emplace_back(static_cast<size_t>(it - all.begin()) + 1, *it);
      }
    }
  }
  if (server_.faults.reverse_order) {
    std::reverse(messages_.begin(), messages_.end());
  }
}

bool FetchScript::Next(std::string* out) {
  out->clear();
  if (next_ == messages_.size()) {
    return false;
  }
  const auto& [sequence, message] = messages_[next_];
  if (server_.faults.refuse_uids.count(message.uid) > 0 ||
      (wants_body_ && server_.faults.refuse_bodies.count(message.uid) > 0)) {
    outcome_ = server_.faults.refusal;
    next_ = messages_.size();
    return false;
  }
  ++next_;
  if (wants_body_ && server_.faults.missing_uids.count(message.uid) > 0) {
    return true;
  }
  if (server_.faults.unsolicited) {
    *out += Unsolicited(message, sequence);
  }
  *out += Answer(message, sequence);
  if (wants_body_ && server_.faults.double_bodies) {
    *out += Answer(message, sequence);
  }
  return true;
}

std::string FetchScript::Describe(const ScriptedMessage& message) const {
  std::string items;
  if (wants_flags_) {
    items += " FLAGS " + FlagList(message);
  }
  if (wants_date_) {
    items += " INTERNALDATE \"" + FormatInternalDate(message.internal_date) + "\"";
  }
  if (wants_size_) {
    const int64_t size = static_cast<int64_t>(message.raw->size()) + server_.faults.size_lie;
    items += " RFC822.SIZE " + std::to_string(std::max<int64_t>(size, 0));
  }
  if (wants_gmail_) {
    items += message.thread.empty() ? "" : " X-GM-THRID " + message.thread;
    items += " X-GM-LABELS (";
    for (const std::string& label : message.labels) {
      items += (items.ends_with('(') ? "" : " ") + label;
    }
    items += ")";
  }
  if (wants_thread_) {
    items += message.thread.empty() ? " THREADID NIL" : " THREADID (" + message.thread + ")";
  }
  if (tells_modseqs_) {
    items += " MODSEQ (" + std::to_string(message.modseq) + ")";
  }
  return items;
}

std::string FetchScript::Body(const ScriptedMessage& message) const {
  if (wants_header_) {
    const size_t end = message.raw->find("\r\n\r\n");
    const std::string header = message.raw->substr(0, end == std::string::npos ? end : end + 4);
    return " BODY[HEADER] {" + std::to_string(header.size()) + "}\r\n" + header;
  }
  if (server_.faults.nil_uids.count(message.uid) > 0) {
    return " BODY[] NIL";
  }
  if (server_.faults.quoted_uids.count(message.uid) > 0) {
    return " BODY[] \"" + *message.raw + "\"";
  }
  return " BODY[] {" + std::to_string(message.raw->size()) + "}\r\n" + *message.raw;
}

std::string FetchScript::Answer(const ScriptedMessage& message, size_t sequence) {
  const std::string uid = " UID " + std::to_string(message.uid);
  std::string items = Describe(message);
  if (wants_body_ || wants_header_) {
    const std::string body = Body(message);
    const bool late = server_.faults.uid_after_body;
    items = (late || server_.faults.no_uid ? "" : uid) + items + body;
    items += late && !server_.faults.no_uid ? uid : "";
    if (wants_body_) {
      ++server_.counters.bodies_sent[{folder_key_, message.uid}];
      server_.counters.body_bytes_sent += message.raw->size();
    }
  } else {
    items = uid + items;
  }
  return "* " + std::to_string(sequence) + " FETCH (" + items.substr(1) + ")\r\n";
}

std::string FetchScript::Unsolicited(const ScriptedMessage& message, size_t sequence) const {
  const std::string number = std::to_string(sequence);
  return "* " + number + " FETCH (FLAGS (\\Seen))\r\n* " + number + " FETCH (UID " +
         std::to_string(message.uid) + " FLAGS (\\Seen) MODSEQ (12))\r\n* 99 EXISTS\r\n" +
         "* 1 RECENT\r\n* OK [HIGHESTMODSEQ 715194045007] still here\r\n* 98 EXPUNGE\r\n" +
         "* 97 FETCH (UID 4000000000 BODY[] {5}\r\nhello)\r\n* X-NEW (a (b \"c\")) d\r\n";
}

}  // namespace mailhaul::test_support
