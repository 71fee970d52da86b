#include "tests/support/scripted_mail_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace mailhaul::test_support {

Uid ScriptedFolder::Add(std::string raw, WallTime internal_date, uint8_t flags) {
  return AddShared(std::make_shared<const std::string>(std::move(raw)), internal_date, flags);
}

Uid ScriptedFolder::AddShared(std::shared_ptr<const std::string> raw, WallTime internal_date,
                              uint8_t flags) {
  ScriptedMessage message;
  message.uid = uid_next++;
  message.flags = flags;
  message.internal_date = internal_date;
  message.raw = std::move(raw);
  message.modseq = ++modseq;
  messages_.push_back(std::move(message));
  return messages_.back().uid;
}

void ScriptedFolder::AddWithUid(Uid uid, std::string raw, WallTime internal_date) {
  MH_CHECK(uid >= uid_next);
  uid_next = uid;
  Add(std::move(raw), internal_date);
}

ScriptedMessage* ScriptedFolder::Find(Uid uid) {
  const auto it = std::lower_bound(messages_.begin(), messages_.end(), uid,
                                   [](const ScriptedMessage& m, Uid u) { return m.uid < u; });
  return it != messages_.end() && it->uid == uid ? &*it : nullptr;
}

bool ScriptedFolder::Expunge(Uid uid) {
  if (std::erase_if(messages_, [uid](const ScriptedMessage& m) { return m.uid == uid; }) == 0) {
    return false;
  }
  vanished.push_back({++modseq, uid});
  return true;
}

bool ScriptedFolder::SetFlags(Uid uid, uint8_t flags, std::vector<std::string> keywords) {
  ScriptedMessage* const message = Find(uid);
  if (message == nullptr) {
    return false;
  }
  message->flags = flags;
  message->keywords = std::move(keywords);
  message->modseq = ++modseq;
  return true;
}

bool ScriptedFolder::SetLabels(Uid uid, std::vector<std::string> labels) {
  ScriptedMessage* message = Find(uid);
  if (message == nullptr) {
    return false;
  }
  message->labels = std::move(labels);
  message->modseq = ++modseq;
  return true;
}

void ScriptedFolder::Renumber(uint32_t new_uid_validity) {
  uid_validity = new_uid_validity;
  uid_next = 1;
  vanished.clear();
  for (ScriptedMessage& message : messages_) {
    message.uid = uid_next++;
  }
}

bool ScriptedOptions::Has(std::string_view capability) const {
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
}

uint64_t ScriptedCounters::bodies() const {
  uint64_t total = 0;
  for (const auto& [key, count] : bodies_sent) {
    total += count;
  }
  return total;
}

std::vector<std::string> ScriptedCounters::WritingCommands() const {
  constexpr std::array<std::string_view, 16> kReading = {
      "CAPABILITY", "ID",         "LOGIN", "AUTHENTICATE", "STARTTLS", "LIST",
      "EXAMINE",    "UID SEARCH", "NOOP",  "UID FETCH",    "LOGOUT",   "STATUS",
      "ENABLE",     "NAMESPACE",  "IDLE",  "COMPRESS"};
  std::vector<std::string> writing;
  for (const auto& [verb, count] : commands) {
    if (std::find(kReading.begin(), kReading.end(), verb) == kReading.end()) {
      writing.push_back(verb);
    }
  }
  return writing;
}

ScriptedAccount& ScriptedMailServer::AddAccount(const std::string& user,
                                                const std::string& password) {
  ScriptedAccount& account = accounts[user];
  account.password = password;
  account.folders["INBOX"];
  return account;
}

ScriptedAccount* ScriptedMailServer::Find(const std::string& user) {
  const auto it = accounts.find(user);
  return it == accounts.end() ? nullptr : &it->second;
}

void ScriptedMailServer::Announce() {
  for (const auto& [connection, tell] : idlers) {
    tell();
  }
}

ScriptedFolder& ScriptedMailServer::Folder(const std::string& user, const std::string& folder) {
  ScriptedAccount* const account = Find(user);
  MH_CHECK(account != nullptr);
  return account->folders[folder];
}

}  // namespace mailhaul::test_support
