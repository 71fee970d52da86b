// The invariants, checked against what the servers hold: nothing lost, nothing doubled, whole, ids
// for ever, window before backfill.
#include <set>
#include <utility>

#include "store/mail_store.h"
#include "tests/simulation/world.h"

namespace mailhaul::simulation {
namespace {

struct Stored {
  store::StoredMessage message;
  std::string raw;
};

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

std::vector<Stored> ReadAll(const store::MailStore& mail, TenantId tenant, MailboxId mailbox) {
  std::vector<Stored> all;
  store::MessageQuery query;
  query.tenant = tenant;
  query.mailbox = mailbox;
  query.limit = 50;
  for (bool more = true; more;) {
    const store::MessagePage page = mail.ListMessages(query).value();
    for (const store::StoredMessage& message : page.items) {
      all.push_back({.message = message, .raw = ReadRaw(mail, message)});
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
  for (const Account& account : accounts_) {
    CheckMailbox(account, complete);
  }
}

// What a new process finds.
void World::CheckMailbox(const Account& account, bool complete) {
  store::BlobStoreOptions options;
  options.directory = "/data/blobs";
  const std::unique_ptr<store::BlobStore> blobs = store::BlobStore::Open(files_, options).value();
  const std::unique_ptr<store::MailStore> mail =
      store::MailStore::Open(records_, *blobs, clock_).value();
  const std::optional<TenantId> tenant = mail->FindTenant(account.tenant);
  const std::optional<MailboxId> mailbox =
      tenant.has_value() ? mail->FindMailbox(*tenant, account.mailbox) : std::nullopt;
  if (!mailbox.has_value()) {
    if (complete) {
      Violate(account.user + " was never onboarded");
    }
    return;
  }
  std::map<store::FolderId, store::FolderRecord> folders;
  for (const store::FolderRecord& folder : mail->ListFolders(*mailbox).value()) {
    folders.emplace(folder.id, folder);
  }
  const std::vector<Stored> stored = ReadAll(*mail, *tenant, *mailbox);
  std::map<std::string, std::map<std::string, uint32_t>> copies;  // Folder -> raw -> count.
  std::map<std::string, std::map<std::pair<uint32_t, Uid>, const Stored*>> by_uid;
  bool any_old = false;
  for (const Stored& each : stored) {
    const std::string& folder = folders.at(each.message.folder).name;
    ++copies[folder][each.raw];
    if (!by_uid[folder].emplace(std::pair(each.message.uid_validity, each.message.uid), &each)
             .second) {
      Violate(account.user + "/" + folder + ": one UID is shown twice");
    }
    any_old = any_old || each.message.internal_date < clock_.WallNow() - std::chrono::hours(24 * 35);
  }
  if (mail->GetMailbox(*mailbox).value().messages != stored.size()) {
    Violate(account.user + ": the message counter is wrong");
  }
  for (const auto& [folder, raws] : copies) {
    const FolderHistory& history = history_[account.user + "/" + folder];
    for (const auto& [raw, count] : raws) {
      const auto added = history.added.find(raw);
      if (added == history.added.end()) {
        Violate(account.user + "/" + folder + ": stored bytes that the server never had: " +
                raw.substr(0, 60));
      } else if (count > added->second) {
        Violate(account.user + "/" + folder + ": a message is shown " + std::to_string(count) +
                " times, the server had it " + std::to_string(added->second) + " times");
      }
    }
  }
  for (const Stored& each : stored) {
    const std::string& folder = folders.at(each.message.folder).name;
    if (history_[account.user + "/" + folder].added[each.raw] != 1) {
      continue;  // Copies cannot be told apart.
    }
    const auto [known, first] = ids_.emplace(account.user + "/" + folder + "/" + each.raw,
                                             FormatId(each.message.id.value));
    if (!first && known->second != FormatId(each.message.id.value)) {
      Violate(account.user + "/" + folder + ": the id of a message changed");
    }
  }
  const test_support::ScriptedAccount& source = servers_[account.host].accounts.at(account.user);
  for (const auto& [name, folder] : source.folders) {
    for (const test_support::ScriptedMessage& message : folder.messages()) {
      const bool young = message.internal_date > clock_.WallNow() - std::chrono::hours(24 * 25);
      const auto it = by_uid[name].find({folder.uid_validity, message.uid});
      const bool must_be_there = complete || (any_old && young && !mutated_);
      if (it == by_uid[name].end()) {
        if (must_be_there) {
          Violate(account.user + "/" + name + " UID " + std::to_string(message.uid) +
                  (complete ? " is missing" : " of the window is missing, older mail is there"));
        }
      } else if (it->second->raw != *message.raw) {
        Violate(account.user + "/" + name + " UID " + std::to_string(message.uid) +
                " came back with other bytes: " + it->second->raw.substr(0, 60));
      }
    }
  }
}

}  // namespace mailhaul::simulation
