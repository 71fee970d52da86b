// The invariants, checked against what the servers hold: nothing lost, nothing doubled, whole, ids
// for ever, window before backfill.
#include <set>
#include <tuple>
#include <utility>

#include "store/mail_store.h"
#include "tests/simulation/world.h"

namespace mailhaul::simulation {
namespace {

constexpr auto kDay = std::chrono::hours(24);

std::string ReadRaw(const store::MailStore& mail, const store::StoredMessage& message) {
  const Result<std::unique_ptr<ByteSource>> source = mail.OpenRaw(message);
  if (!source.ok()) {
    return "unreadable: " + source.status().ToString();
  }
  std::string raw((*source)->size(), '\0');
  size_t done = 0;
  while (done < raw.size()) {
    const Result<size_t> got =
        (*source)->ReadAt(done, std::span(raw.data() + done, raw.size() - done));
    if (!got.ok() || *got == 0) {
      return "unreadable after " + std::to_string(done) + " bytes";
    }
    done += *got;
  }
  return raw;
}

std::vector<World::Stored> ReadAll(const store::MailStore& mail, TenantId tenant,
                                   MailboxId mailbox) {
  std::vector<World::Stored> all;
  store::MessageQuery query;
  query.tenant = tenant;
  query.mailbox = mailbox;
  query.limit = 50;
  for (bool more = true; more;) {
    const store::MessagePage page = mail.ListMessages(query).value();
    for (const store::StoredMessage& message : page.items) {
      all.push_back({.message = message, .folder = "", .raw = ReadRaw(mail, message)});
      query.cursor_date = message.internal_date;
      query.cursor_id = message.id;
    }
    more = page.more && !page.items.empty();
  }
  return all;
}

}  // namespace

void World::Check(bool complete) {
  if (!report_.violations.empty()) {
    return;
  }
  // What a new process finds.
  store::BlobStoreOptions options;
  options.directory = "/data/blobs";
  const std::unique_ptr<store::BlobStore> blobs = store::BlobStore::Open(files_, options).value();
  const std::unique_ptr<store::MailStore> mail =
      store::MailStore::Open(records_, *blobs, clock_).value();
  for (const Account& account : accounts_) {
    CheckMailbox(*mail, account, complete);
  }
  senders_.Check(*mail, complete);
}

void World::CheckMailbox(const store::MailStore& mail, const Account& account, bool complete) {
  const std::optional<TenantId> tenant = mail.FindTenant(account.tenant);
  const std::optional<MailboxId> mailbox =
      tenant.has_value() ? mail.FindMailbox(*tenant, account.mailbox) : std::nullopt;
  if (!mailbox.has_value()) {
    if (complete) {
      Violate(account.user + " was never onboarded");
    }
    return;
  }
  std::map<store::FolderId, std::string> folders;
  for (const store::FolderRecord& folder : mail.ListFolders(*mailbox).value()) {
    folders.emplace(folder.id, folder.name);
  }
  std::vector<Stored> stored = ReadAll(mail, *tenant, *mailbox);
  for (Stored& each : stored) {
    each.folder = folders.at(each.message.folder);
  }
  if (mail.GetMailbox(*mailbox).value().messages != stored.size()) {
    Violate(account.user + ": the message counter is wrong");
  }
  CheckNothingDoubled(account, stored);
  CheckIds(account, stored);
  CheckAgainstSource(account, stored, complete);
  if (complete) {
    CheckFollowed(account, stored);
  }
}

void World::CheckNothingDoubled(const Account& account, const std::vector<Stored>& stored) {
  std::map<std::pair<std::string, std::string>, uint32_t> copies;  // By folder and raw bytes.
  std::set<std::tuple<std::string, uint32_t, Uid>> uids;
  for (const Stored& each : stored) {
    ++copies[{each.folder, each.raw}];
    if (!each.message.local &&
        !uids.insert({each.folder, each.message.uid_validity, each.message.uid}).second) {
      Violate(account.user + "/" + each.folder + ": one UID is shown twice");
    }
  }
  for (const auto& [place, count] : copies) {
    const auto& [folder, raw] = place;
    const FolderHistory& history = history_[account.user + "/" + folder];
    const auto added = history.added.find(raw);
    if (added == history.added.end()) {
      Violate(account.user + "/" + folder +
              ": stored bytes that the server never had: " + raw.substr(0, 60));
    } else if (count > added->second) {
      Violate(account.user + "/" + folder + ": a message is shown " + std::to_string(count) +
              " times, the server had it " + std::to_string(added->second) + " times");
    }
  }
}

void World::CheckIds(const Account& account, const std::vector<Stored>& stored) {
  for (const Stored& each : stored) {
    if (originals_[account.user][each.raw] != 1 || moved_live_[account.user].contains(each.raw)) {
      continue;  // Copies cannot be told apart.
    }
    const std::string id = FormatId(each.message.id.value);
    const auto [known, first] = ids_.emplace(account.user + "/" + each.raw, id);
    if (!first && known->second != id) {
      Violate(account.user + "/" + each.folder + ": the id of a message changed");
    }
  }
}

// What is gone and what was flagged at the source shows, after a run without faults.
void World::CheckFollowed(const Account& account, const std::vector<Stored>& stored) {
  test_support::ScriptedMailServer& server = servers_[account.host];
  for (const Stored& each : stored) {
    const std::string place =
        account.user + "/" + each.folder + " UID " + std::to_string(each.message.uid);
    test_support::ScriptedFolder& folder = server.Folder(account.user, each.folder);
    const test_support::ScriptedMessage* const source =
        folder.uid_validity == each.message.uid_validity ? folder.Find(each.message.uid) : nullptr;
    if (each.message.gone) {
      if (account.mirror && !each.message.local) {
        Violate(place + " is gone from the source and still here");
      }
    } else if (source == nullptr) {
      Violate(place + " is shown as present and the source has no such message");
    } else if (server.options.Has("CONDSTORE") && source->flags != each.message.flags) {
      Violate(place + " has other flags than the source");
    }
  }
}

void World::CheckAgainstSource(const Account& account, const std::vector<Stored>& stored,
                               bool complete) {
  std::map<std::tuple<std::string, uint32_t, Uid>, const Stored*> by_uid;
  bool any_old = false;
  for (const Stored& each : stored) {
    by_uid[{each.folder, each.message.uid_validity, each.message.uid}] = &each;
    any_old = any_old || each.message.internal_date < clock_.WallNow() - kDay * 35;
  }
  const test_support::ScriptedAccount& source = servers_[account.host].accounts.at(account.user);
  for (const auto& [name, folder] : source.folders) {
    for (const test_support::ScriptedMessage& message : folder.messages()) {
      const std::string place = account.user + "/" + name + " UID " + std::to_string(message.uid);
      const auto it = by_uid.find({name, folder.uid_validity, message.uid});
      if (it != by_uid.end()) {
        if (it->second->raw != *message.raw) {
          Violate(place + " came back with other bytes: " + it->second->raw.substr(0, 60));
        }
        continue;
      }
      const bool young = message.internal_date > clock_.WallNow() - kDay * 25;
      if (complete) {
        Violate(place + " is missing");
      } else if (any_old && young && !mutated_) {
        Violate(place + " of the window is missing, older mail is there");
      }
    }
  }
}

}  // namespace mailhaul::simulation
