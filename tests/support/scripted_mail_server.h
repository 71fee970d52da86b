// A mail server's contents and behaviour, shared by its connections: accounts, folders, messages,
// the faults it shows and what it counts. The protocols over it: scripted_imap_server.h.
//
// Single-threaded: used on one loop, and by tests between its runs. Contents may change while
// connections are open.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uid_set.h"
#include "connectors/connector.h"

namespace mailhaul::test_support {

struct ScriptedMessage {
  Uid uid = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  WallTime internal_date{};
  std::shared_ptr<const std::string> raw;  // Shared, so that many messages may be one string.
  uint64_t modseq = 0;                     // Of its last change.
  std::vector<std::string> labels;         // X-GM-LABELS, on the wire as they are.
  std::string thread;                      // X-GM-THRID and THREADID.
};

class ScriptedFolder final {
 public:
  uint32_t uid_validity = 1;
  Uid uid_next = 1;
  std::vector<std::string> attributes;  // "\\Sent", "\\Noselect", ...
  uint64_t modseq = 1;                  // HIGHESTMODSEQ; every change below counts it up.
  struct Vanished {
    uint64_t modseq = 0;
    Uid uid = 0;
  };
  std::vector<Vanished> vanished;  // What was expunged, and when.

  // With the next UID, which it returns.
  Uid Add(std::string raw, WallTime internal_date, uint8_t flags = 0);
  Uid AddShared(std::shared_ptr<const std::string> raw, WallTime internal_date, uint8_t flags = 0);
  // With this UID, which must be above all others.
  void AddWithUid(Uid uid, std::string raw, WallTime internal_date);
  bool Expunge(Uid uid);
  // As another client would.
  bool SetFlags(Uid uid, uint8_t flags, std::vector<std::string> keywords = {});
  // As they stand on the wire.
  bool SetLabels(Uid uid, std::vector<std::string> labels);
  // A new UIDVALIDITY: all messages get new UIDs from 1, in their order.
  void Renumber(uint32_t new_uid_validity);
  ScriptedMessage* Find(Uid uid);

  const std::vector<ScriptedMessage>& messages() const { return messages_; }  // By UID.

 private:
  std::vector<ScriptedMessage> messages_;
};

struct ScriptedAccount {
  std::string password;
  std::map<std::string, ScriptedFolder> folders;  // By the name on the wire; INBOX is one.
};

// What the server does wrong. All off by default.
struct ScriptedFaults {
  Duration delay_per_command{0};  // On the loop's clock.
  std::string greeting;           // Instead of the usual one: "* BYE Too many connections".
  bool silent = false;            // Accepts, and never says a word.
  bool hang_up = false;           // Closes before the greeting.
  std::string refuse_login;       // "NO [LIMIT] ...": what follows the tag.
  size_t cut_after_bytes = std::numeric_limits<size_t>::max();  // Sent by one connection.
  std::set<std::string> refuse_folders;  // Listed, but opening them is answered by `refusal`.
  std::set<Uid> refuse_uids;             // A UID FETCH that names one ends in NO before it.
  std::set<Uid> refuse_bodies;           // The same, of bodies only.
  std::string refusal = "NO [SERVERBUG] Internal error occurred";
  std::set<Uid> nil_uids;      // BODY[] NIL.
  std::set<Uid> quoted_uids;   // BODY[] as a quoted string.
  std::set<Uid> missing_uids;  // Listed, but without a body: as if just expunged.
  int64_t size_lie = 0;        // Added to RFC822.SIZE.
  bool uid_after_body = false;
  bool no_uid = false;         // FETCH responses of bodies do not say their UID at all.
  bool reverse_order = false;  // Bodies from the last to the first.
  bool double_bodies = false;
  bool unsolicited = false;  // Flags, EXISTS, RECENT and a body nobody asked for in between.
  bool plaintext_after_starttls = false;
  std::string bye_while_idle;  // Said as soon as a client idles.
  std::string after_compress;  // Sent in plain text after the OK to COMPRESS.
  size_t append_cut = std::numeric_limits<size_t>::max();  // APPEND: hang up after storing so many.
  std::string search;                          // Untagged, whatever UID SEARCH asks for.
  std::string no_status_item;                  // STATUS does not tell this one: "UIDNEXT".
  bool lose_modseqs = false;                   // HIGHESTMODSEQ 1, whatever was told before.
  bool vanish_everything = false;              // VANISHED (EARLIER) names every UID there is.
  std::map<std::string, std::string> answers;  // Command verb to what follows the tag.
};

struct ScriptedOptions {
  // Without "IMAP4rev1", which is always there.
  std::vector<std::string> capabilities = {"SASL-IR",     "LITERAL+", "ID",           "AUTH=PLAIN",
                                           "SPECIAL-USE", "ESEARCH",  "LIST-EXTENDED"};
  bool capability_in_greeting = true;
  bool capability_after_login = true;
  char delimiter = '/';
  std::string namespaces = "((\"\" \"/\")) NIL NIL";  // The answer to NAMESPACE.
  bool Has(std::string_view capability) const;
};

struct ScriptedCounters {
  uint64_t connections = 0;
  uint64_t connections_open = 0;
  uint64_t connections_open_max = 0;
  uint64_t logins = 0;
  uint64_t logins_refused = 0;
  uint64_t body_bytes_sent = 0;
  std::map<std::string, uint64_t> commands;  // By verb: "UID FETCH", "EXAMINE", ...
  std::vector<std::string> lines;            // Commands as received; LOGIN's arguments left out.
  bool keep_lines = true;                    // Off for long simulations.
  // By "account/folder" and UID: how often its body was sent.
  std::map<std::pair<std::string, Uid>, uint64_t> bodies_sent;

  uint64_t bodies() const;
  // Commands that could change something on the server: must be empty.
  std::vector<std::string> WritingCommands() const;
};

// What a server sees of its clients, told as it happens. `client` is where the connection comes
// from (peer_name() of the server's end), `user` who has logged in on it, "" while nobody has.
class ScriptedObserver {
 public:
  virtual ~ScriptedObserver() = default;
  virtual void OnConnected(const std::string& client) = 0;
  // Credentials have arrived, whatever comes of them; before any delay.
  virtual void OnLoginTried(const std::string& client) = 0;
  virtual void OnLoggedIn(const std::string& client, const std::string& user) = 0;
  // Octets of whole messages that were asked for.
  virtual void OnBodies(const std::string& client, uint64_t bytes) = 0;
  // The server has noticed the end, and counts the connection no longer.
  virtual void OnLeft(const std::string& client, const std::string& user) = 0;
};

class ScriptedMailServer final {
 public:
  ScriptedAccount& AddAccount(const std::string& user, const std::string& password);
  ScriptedAccount* Find(const std::string& user);
  // Tells connections that idle what has happened in their folders. On the loop.
  void Announce();

  ScriptedFolder& Folder(const std::string& user, const std::string& folder = "INBOX");

  ScriptedOptions options;
  ScriptedFaults faults;
  ScriptedCounters counters;
  ScriptedObserver* observer = nullptr;  // Of IMAP connections.
  std::map<std::string, ScriptedAccount> accounts;
  std::map<const void*, std::function<void()>> idlers;  // By connection.
};

}  // namespace mailhaul::test_support
