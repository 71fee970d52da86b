// POST, PUT and DELETE of /v1/mailboxes: mailboxes that a tenant connects while the server runs.
//
// One is added in this order: read, find its server, log in, store (one sealed row), put in force
// as a reload would. Whatever fails before it is stored leaves nothing; what ends between the last
// two is put in force by the next start. One is removed in this order: mark its row, take it out of
// force, which ends its connections, then remove its data and the row in one batch.
//
// Main loop only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/random.h"
#include "connectors/net/task.h"
#include "engine/app/added_mailboxes.h"
#include "engine/app/allowances.h"
#include "engine/app/collector.h"
#include "engine/app/configured_tenants.h"
#include "engine/app/reloader.h"
#include "engine/config/added_mailbox.h"
#include "engine/http/mailbox_admin.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

// Additions under way: of one tenant, and of all.
inline constexpr size_t kAddingOfTenantMax = 16;
inline constexpr size_t kAddingMax = 256;
// How long a removal waits for the mailbox's connections to end before it answers that it is not
// done; it goes on after that by itself.
inline constexpr Duration kRemovalAnswerMax = std::chrono::seconds(30);

// Logins of a tenant that may fail: so many at once, and one more for each such time; and the same
// of one account, by refused credentials, for whoever guesses a password.
inline constexpr size_t kFailedLoginsMax = 30;
inline constexpr Duration kFailedLoginEvery = std::chrono::seconds(2);
inline constexpr size_t kRefusedLoginsMax = 5;
inline constexpr Duration kRefusedLoginEvery = std::chrono::minutes(2);

class StoredMailboxAdmin final : public http::MailboxAdmin {
 public:
  struct Parts {  // All outlive it, and `records` the committer's last operation.
    const config::Config& config;
    store::KeyValueStore& records;
    const store::SecretBox* secrets = nullptr;  // Null: no master key, and nothing can be added.
    Collector& collector;
    ConfiguredTenants& configured;
    Reloader& reloader;
    pipeline::Context& context;
    net::Loop& loop;
    Random& random;                 // The committer's thread alone uses it.
    std::function<void()> removed;  // Something is to be deleted. May be null.
  };
  StoredMailboxAdmin(Parts parts, AddedMailboxes added, Reloader::Discover discover);

  net::Task<http::MailboxOutcome> Add(http::MailboxRequest request) override;
  net::Task<http::MailboxOutcome> Remove(std::string tenant, std::string name) override;

  const AddedMailboxes& added() const { return added_; }
  // A tenant that is not configured may have been removed from the store, or a mailbox of it: what
  // was added does not come back with the tenant.
  void ForgetRemoved();
  // `on_done` when nothing of it runs any more.
  void Stop(std::function<void()> on_done);

 private:
  using Name = std::pair<std::string, std::string>;  // Tenant and id.
  class Turn;                                        // Of one name: one thing at a time.

  // What stands in the way of it, or that it is there already.
  std::optional<http::MailboxOutcome> Refuse(const http::MailboxRequest& request,
                                             const config::MailboxConfig& mailbox) const;
  std::optional<http::MailboxOutcome> RefuseForNow(const std::string& tenant,
                                                   const config::MailboxConfig& mailbox) const;
  net::Task<http::MailboxOutcome> AddRead(http::MailboxRequest request,
                                          config::MailboxConfig mailbox);
  net::Task<Status> FindServers(std::string tenant, config::MailboxConfig* mailbox);
  // Takes a login's turn; what it comes to is told by NoteLogin().
  std::optional<http::MailboxOutcome> RefuseLogin(const std::string& tenant,
                                                  const config::MailboxConfig& mailbox);
  void NoteLogin(const std::string& tenant, const config::MailboxConfig& mailbox,
                 const Status& status);
  net::Task<LoginTestResult> LogIn(std::string tenant, const config::MailboxConfig* mailbox);
  // Stores it and puts it in force.
  net::Task<Status> Keep(const http::MailboxRequest* request, const config::MailboxConfig* mailbox,
                         Secret refresh_token);
  net::Task<Status> PutInForce(std::string tenant);
  net::Task<Status> Tell(std::string tenant, std::string id);
  net::Task<http::MailboxOutcome> RemoveKnown(Name key);  // It is busy.
  // Tells `ended` how it went.
  net::Task<void> EndRemoval(Name name, std::shared_ptr<std::optional<Status>> ended);
  const config::MailboxConfig* FindAdded(const Name& name) const;  // As stored; or null.
  bool IsConfigured(const Name& name) const;                       // In a file.
  net::Task<Status> OnCommitter(std::function<Status()> work);
  void CheckStopped();

  const Parts parts_;
  const Reloader::Discover discover_;
  AddedMailboxes added_;
  std::map<Name, std::string> busy_;  // What is being added or removed, with its address.
  // What is marked, or may be, and not removed yet, be it that it failed: only DELETE goes on with
  // it, for an addition would go on with the mail of what was there before.
  std::set<Name> removing_;
  Allowances failed_logins_{kFailedLoginsMax, kFailedLoginEvery};     // By tenant.
  Allowances refused_logins_{kRefusedLoginsMax, kRefusedLoginEvery};  // By tenant and account.
  net::TaskGroup tasks_;
  size_t calls_ = 0;  // Under way.
  bool stopping_ = false;
  std::function<void()> on_stopped_;
};

}  // namespace mailhaul::app
