// What an IMAP server says, decoded (RFC 9051 section 7, RFC 3501 section 7): plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/uid_set.h"
#include "connectors/connector.h"

namespace mailhaul::imap {

enum class ResponseKind : uint8_t {
  kNone,
  kTagged,        // tag, condition, code, text: the end of a command.
  kContinuation,  // "+ text".
  kCondition,     // Untagged OK, NO, BAD, PREAUTH or BYE: condition, code, text.
  kCapability,    // capabilities.
  kList,          // list.
  kFlags,         // The flags of the folder; not kept.
  kExists,        // number.
  kRecent,        // number.
  kExpunge,       // number.
  kSearch,        // uids: SEARCH, or the ALL of ESEARCH.
  kVanished,      // uids, earlier.
  kEnabled,       // capabilities: what ENABLE has switched on.
  kNamespace,     // namespaces.
  kStatus,        // status.
  kFetch,         // fetch.
  kOther,         // Anything else; checked for its limits, not kept.
};

enum class Condition : uint8_t { kNone, kOk, kNo, kBad, kPreauth, kBye };

// "[UIDVALIDITY 3857529045]". Names are upper case; empty when there is none.
struct ResponseCode {
  std::string name;
  std::string arguments;
};

struct ListEntry {
  std::vector<std::string> attributes;  // As sent: "\HasNoChildren".
  char delimiter = '\0';                // '\0' for NIL: a flat name space.
  std::string mailbox;                  // On the wire: modified UTF-7, or whatever was sent.
};

struct StatusEntry {
  std::string mailbox;
  std::optional<uint32_t> messages;
  std::optional<uint32_t> uid_next;
  std::optional<uint32_t> uid_validity;
  std::optional<uint32_t> unseen;
  uint64_t modseq = 0;  // HIGHESTMODSEQ; 0: not told, or NIL.
};

enum class NamespaceKind : uint8_t { kPersonal, kOtherUsers, kShared };

struct NamespaceEntry {
  NamespaceKind kind = NamespaceKind::kPersonal;
  std::string prefix;     // On the wire, with the delimiter at its end.
  char delimiter = '\0';  // '\0' for NIL.
};

// Which part of a message a response carries.
enum class BodySection : uint8_t { kWhole, kHeader };  // BODY[], BODY[HEADER].

enum class BodyState : uint8_t {
  kAbsent,    // Neither BODY[] nor BODY[HEADER] in this response.
  kNil,       // NIL: the server has the message but not its text.
  kInline,    // A quoted string: inline_body.
  kStreamed,  // A literal; its bytes passed by (see ResponseParser::Event::kBody).
};

struct FetchEntry {
  uint32_t sequence = 0;
  Uid uid = 0;                   // 0: the response does not say.
  std::optional<uint8_t> flags;  // kFlag... bits.
  std::vector<std::string> keywords;
  std::optional<WallTime> internal_date;  // Absent too when it is no date.
  std::optional<uint64_t> size;
  uint64_t modseq = 0;                             // 0: not told.
  std::optional<std::vector<std::string>> labels;  // X-GM-LABELS as on the wire.
  std::string email_id;                            // EMAILID or X-GM-MSGID.
  std::string thread_id;                           // THREADID or X-GM-THRID.
  BodyState body = BodyState::kAbsent;
  BodySection section = BodySection::kWhole;  // Of body.
  std::string inline_body;

  void Clear();  // Keeps the memory of strings.
};

struct Response {
  ResponseKind kind = ResponseKind::kNone;
  Condition condition = Condition::kNone;
  std::string tag;
  ResponseCode code;
  std::string text;
  std::vector<std::string> capabilities;  // Upper case.
  uint32_t number = 0;
  UidSet uids;
  bool earlier = false;  // VANISHED (EARLIER): history, not news.
  ListEntry list;
  std::vector<NamespaceEntry> namespaces;
  StatusEntry status;
  FetchEntry fetch;

  // Back to kNone; keeps the memory of strings for the next response.
  void Clear();
};

}  // namespace mailhaul::imap
