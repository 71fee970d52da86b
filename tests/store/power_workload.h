// Random work on a PowerStore, and what it was promised: models of its mailboxes, kept outside the
// store. Equal seeds give equal work.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/store/power_outbox.h"
#include "tests/store/power_store.h"
#include "tests/store/store_model.h"

namespace mailhaul::store {

class PowerWorkload final {
 public:
  PowerWorkload(PowerStore& store, uint64_t seed) : store_(store), random_(seed) {}

  // After the store was opened: everything acknowledged is there, whole and once, and of the step
  // that failed no more than it would have done. Then that step again, to its end.
  Status Resume();
  // One operation, or several mailboxes' at once. Not ok: it failed, and Resume() ends it.
  Status Step();
  // The step that failed again, without having opened the store anew.
  Status Repeat();
  // All is exactly as promised.
  void ExpectAll();
  uint64_t steps() const { return steps_; }

 private:
  struct Folder {
    FolderId id = 0;
    uint32_t uid_validity = 1;
    Uid uid_next = 1;
  };
  struct Account {
    std::string tenant_name;
    std::string name;
    TenantId tenant;
    MailboxId mailbox;
    std::vector<Folder> folders;
    PowerOutbox outbox;
    StoreModel model;       // Acknowledged.
    StoreModel after;       // Once the current step is through.
    bool open = false;      // The current step is under way here.
    bool removing = false;  // And it is the removal of the mailbox, which may have another id then.
  };
  using Call = std::function<Status()>;

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  Account& AnyAccount() { return accounts_[Below(accounts_.size())]; }
  Folder& AnyFolder(Account& account) { return account.folders[Below(account.folders.size())]; }

  Status Onboard();
  Status OnboardOne(Account& account);
  Status Begin(Account& account, Call call);
  void Acknowledge(Account& account);

  Status AppendSome();
  Status SyncSome();
  Status RelinkSome(Account& account, Folder& folder);
  Status MarkSomeGone();
  Status RemoveSome();
  Status AssignSome();
  Status RemoveAccount();
  Status ReclaimSome();
  Status ChangeOne();
  Status DeleteOne();
  Status SubmitSome();
  Status TrimSome();

  struct Delivery {  // Of one mailbox, in one Append().
    size_t account = 0;
    Folder folder;
    std::vector<StoreModel::Arrival> arrivals;
    StoreModel::Mode mode;
    bool streams = false;
  };
  ModelMessage Arrive(Folder& folder);
  Delivery MakeDelivery(size_t account);
  Status Deliver(const std::vector<Delivery>& deliveries);
  Status Fill(const Delivery& delivery, IngestBatch& batch);
  Status Stream(IngestMessage& message, bool sized);

  std::vector<StoredMessage> List(const Account& account);
  // Notes the ids of new messages, and compares all.
  void ExpectExactly(Account& account, bool with_bodies);
  void ExpectBetween(const Account& account);
  void ExpectLedgers(const Account& account);
  void ExpectEqual(const StoredMessage& stored, const ModelMessage& message, bool with_body);

  PowerStore& store_;
  SeededRandom random_;
  std::vector<Account> accounts_;
  Call pending_;  // Null: no step is under way.
  uint64_t steps_ = 0;
  WallTime now_{};  // Of trimming.
};

}  // namespace mailhaul::store
