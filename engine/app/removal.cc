#include "engine/app/removal.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/search/index_file.h"

namespace mailhaul::app {
namespace {

std::string Describe(uint64_t messages, uint64_t bytes) {
  return std::to_string(messages) + (messages == 1 ? " message, " : " messages, ") +
         FormatByteSize(bytes);
}

Result<std::string> BeginTenantRemoval(store::MailStore& store, TenantId tenant,
                                       const std::string& name) {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  const std::vector<MailboxId> mailboxes = store.MailboxesOf(tenant);
  for (const MailboxId mailbox : mailboxes) {
    MH_ASSIGN_OR_RETURN(const store::MailboxRecord record, store.GetMailbox(mailbox));
    messages += record.messages;
    bytes += record.bytes;
  }
  MH_RETURN_IF_ERROR(store.RemoveTenant(tenant));
  return name + ": " + std::to_string(mailboxes.size()) +
         (mailboxes.size() == 1 ? " mailbox, " : " mailboxes, ") + Describe(messages, bytes);
}

}  // namespace

Result<RemovalTarget> ParseRemovalTarget(std::string_view text) {
  const size_t slash = text.find('/');
  RemovalTarget target{.tenant = std::string(text.substr(0, slash)), .mailbox = std::nullopt};
  if (slash != std::string_view::npos) {
    target.mailbox = std::string(text.substr(slash + 1));
  }
  if (target.tenant.empty() || (target.mailbox && target.mailbox->empty())) {
    return Status(Code::kInvalidArgument, "not TENANT or TENANT/ID: " + EscapeForLog(text));
  }
  return target;
}

Status CheckNotConfigured(const ConfiguredTenants& tenants, const RemovalTarget& target) {
  const std::shared_ptr<const config::TenantConfig> tenant = tenants.Find(target.tenant);
  if (tenant == nullptr) {
    return Status::Ok();
  }
  if (!target.mailbox) {
    return {Code::kInvalidArgument, "tenant " + EscapeForLog(target.tenant) +
                                        " is still configured: take its file out of `tenants` "
                                        "first, or its mail would be collected anew"};
  }
  const auto found = std::find_if(
      tenant->mailboxes.begin(), tenant->mailboxes.end(),
      [&target](const config::MailboxConfig& each) { return each.id == *target.mailbox; });
  if (found == tenant->mailboxes.end()) {
    return Status::Ok();
  }
  if (found->added) {
    return {Code::kInvalidArgument, "mailbox " + EscapeForLog(target.ToString()) +
                                        " was added over HTTP and is in use: remove it there, with "
                                        "DELETE /v1/mailboxes/" +
                                        EscapeForLog(*target.mailbox) +
                                        ", or stop the server first"};
  }
  return {Code::kInvalidArgument, "mailbox " + EscapeForLog(target.ToString()) +
                                      " is still configured: take it out of its tenant's file "
                                      "first, or its mail would be collected anew"};
}

std::function<void(TenantId, const std::vector<ShardId>&)> DeleteTextBelow(std::string data_dir) {
  return [directory = std::move(data_dir) + "/text/"](TenantId tenant,
                                                      const std::vector<ShardId>& shards) {
    for (const ShardId shard : shards) {
      const std::string path = directory + search::FileNameOf({.shard = shard, .tenant = tenant});
      for (const char* suffix : {"", "-wal", "-shm"}) {
        std::error_code error;
        std::filesystem::remove(path + suffix, error);
        if (error) {
          LogWarning("delete " + EscapeForLog(path + suffix) + " yourself: " + error.message());
        }
      }
    }
  };
}

Result<std::string> BeginRemoval(const RemovalContext& context, const RemovalTarget& target) {
  MH_RETURN_IF_ERROR(CheckNotConfigured(context.tenants, target));
  const std::string name = EscapeForLog(target.ToString());
  if (context.is_in_use && context.is_in_use(target)) {
    return Status(Code::kBusy, name +
                                   " was configured until just now, and a connection of it is "
                                   "still to end: try again in a moment");
  }
  store::MailStore& store = context.store;
  const std::optional<TenantId> tenant = store.FindTenant(target.tenant);
  const std::optional<MailboxId> mailbox =
      tenant && target.mailbox ? store.FindMailbox(*tenant, *target.mailbox) : std::nullopt;
  if (!tenant || (target.mailbox && !mailbox)) {
    return Status(Code::kNotFound,
                  (target.mailbox ? "no mailbox " : "no tenant ") + name + " is stored");
  }
  std::string what;
  if (mailbox) {
    MH_ASSIGN_OR_RETURN(const store::MailboxRecord record, store.GetMailbox(*mailbox));
    MH_RETURN_IF_ERROR(store.RemoveMailbox(*mailbox));
    what = name + ": " + Describe(record.messages, record.bytes);
  } else {
    MH_ASSIGN_OR_RETURN(what, BeginTenantRemoval(store, *tenant, name));
  }
  if (context.tenants.Find(target.tenant) == nullptr) {
    context.delete_text(*tenant, store.ShardsOf(*tenant));
  }
  if (context.removed) {
    context.removed();
  }
  return what;
}

std::optional<std::string> AnswerRemoval(const RemovalContext& context,
                                         pipeline::Committer& committer,
                                         std::string_view question) {
  if (!question.starts_with(kRemoveQuestion)) {
    return std::nullopt;
  }
  Result<RemovalTarget> target = ParseRemovalTarget(question.substr(kRemoveQuestion.size()));
  if (!target.ok()) {
    return std::string(kNotRemovedAnswer) + target.status().message();
  }
  const auto result = std::make_shared<std::promise<Result<std::string>>>();
  std::future<Result<std::string>> told = result->get_future();
  committer.Run([&context, result, moved = std::move(target).value()] {
    Result<std::string> begun = BeginRemoval(context, moved);
    if (begun.ok()) {
      LogInfo("removing " + *begun);
    }
    result->set_value(std::move(begun));
  });
  const Result<std::string> begun = told.get();
  if (begun.ok()) {
    return std::string(kRemovedAnswer) + *begun;
  }
  const bool is_absent = begun.status().code() == Code::kNotFound;
  return std::string(is_absent ? kNotStoredAnswer : kNotRemovedAnswer) + begun.status().message();
}

}  // namespace mailhaul::app
