// PATCH and DELETE of a message: what a user changes here only, never at the source.
//
// In three steps, each on its own thread: reading the request and finding the message (read pool),
// writing (the committer's thread), showing the result (read pool).
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "engine/http/gate.h"
#include "engine/http/message_filter.h"
#include "engine/http/reader.h"
#include "store/mail_store.h"

namespace mailhaul::http {

// The JSON of a PATCH, with the folder by its name.
struct ChangeBody {
  store::LocalPatch patch;  // Without the folder.
  std::optional<std::optional<std::string>> folder;
};
// 415, 400 "bad_json", 422 "unknown_field" or 422 "invalid_field".
Parsed<ChangeBody> ParseChangeBody(const Call& call);

struct LocalChange {
  MessageId id;
  bool deletes = false;
  store::LocalPatch patch;
  std::optional<std::string> if_match;
};

class LocalChanges final {
 public:
  LocalChanges(store::MailStore& store, const Reader& reader) : store_(store), reader_(reader) {}

  // Blocks on disk. 404, 422 "unknown_folder" and what ParseChangeBody() refuses.
  Parsed<LocalChange> Prepare(const Call& call) const;
  // On the committer's thread. The message as it is now; a response if it was refused (412, 404),
  // failed, or was deleted (204).
  Parsed<store::StoredMessage> Commit(const LocalChange& change);

 private:
  Parsed<store::LocalPatch> PatchFor(const Call& call, MailboxId mailbox) const;

  store::MailStore& store_;
  const Reader& reader_;
};

}  // namespace mailhaul::http
