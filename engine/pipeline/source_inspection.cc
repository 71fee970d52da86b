#include "engine/pipeline/source_inspection.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "engine/pipeline/await_on.h"
#include "engine/pipeline/folder_list.h"

namespace mailhaul::pipeline {
namespace {

using State = FolderInspection::State;
using Records = std::vector<store::FolderRecord>;

class Inspection final {
 public:
  Inspection(const store::MailStore& store, WorkPool& reads, const Clock& clock,
             SourceSession& session, InspectionOptions options)
      : store_(store),
        reads_(reads),
        clock_(clock),
        session_(session),
        options_(std::move(options)) {}

  net::Task<Result<MailboxInspection>> Run();

 private:
  net::Task<Result<Records>> ReadRecords();
  net::Task<Status> LookAt(const FolderInfo& folder, FolderInspection* found);
  net::Task<Status> Compare(const FolderInfo& folder, const store::FolderRecord& record,
                            FolderInspection* found);
  net::Task<Status> List(const OpenedFolder& opened, const store::FolderRecord& record,
                         SourceListing* listing);
  net::Task<Result<FolderPromise>> ReadPromise(const store::FolderRecord& record);
  void AddUnlisted(const std::vector<FolderInfo>& listed);
  void Add(FolderInspection found);

  const store::MailStore& store_;
  WorkPool& reads_;
  const Clock& clock_;
  SourceSession& session_;
  const InspectionOptions options_;
  std::map<std::string, store::FolderRecord> records_;  // By name.
  MailboxInspection result_;
};

// Nothing of it can be compared; all that it holds counts as `pending` or `unknown`.
void CountAll(uint64_t messages, State state, FolderInspection* found) {
  found->state = state;
  found->counts.listed = messages;
  (state == State::kNew ? found->counts.pending : found->counts.unknown) = messages;
}

net::Task<Result<Records>> Inspection::ReadRecords() {
  if (!options_.mailbox.has_value()) {
    co_return Records();
  }
  std::function<Result<Records>()> read = [this] { return store_.ListFolders(*options_.mailbox); };
  co_return co_await RunOn<Result<Records>>(reads_, std::move(read));
}

net::Task<Result<FolderPromise>> Inspection::ReadPromise(const store::FolderRecord& record) {
  using Promise = Result<FolderPromise>;
  const store::FolderRecord* const of = &record;
  std::function<Promise()> read = [this, of]() -> Promise {
    FolderPromise promise;
    promise.uid_next = of->uid_next;
    promise.window_complete = of->window_complete;
    promise.backfill_complete = of->backfill_complete;
    MH_ASSIGN_OR_RETURN(promise.ledger,
                        store_.ReadLedger(*options_.mailbox, of->id, of->uid_validity));
    MH_ASSIGN_OR_RETURN(promise.placed,
                        store_.ReadPlacedUids(*options_.mailbox, of->id, of->uid_validity));
    return promise;
  };
  co_return co_await RunOn<Promise>(reads_, std::move(read));
}

net::Task<Status> Inspection::List(const OpenedFolder& opened, const store::FolderRecord& record,
                                   SourceListing* listing) {
  // As MailboxVisit fetches what is late.
  listing->hides_messages = !session_.listing_is_complete() && record.backfill_complete;
  if (opened.messages == 0) {
    co_return Status::Ok();
  }
  CO_TRY(listing->uids, session_.ListUids(std::nullopt));
  if (record.window_complete && !record.backfill_complete && options_.window.has_value()) {
    const std::optional<WallTime> since = clock_.WallNow() - *options_.window;
    CO_TRY(listing->window, session_.ListUids(since));
  }
  co_return Status::Ok();
}

net::Task<Status> Inspection::Compare(const FolderInfo& folder, const store::FolderRecord& record,
                                      FolderInspection* found) {
  CO_TRY(const OpenedFolder opened, session_.OpenFolder(folder, nullptr));
  if (opened.uid_validity == 0) {
    co_return Status(Code::kServerRefused, "the server gives UIDVALIDITY 0, so UIDs mean nothing");
  }
  if (record.uid_validity == 0 || opened.uid_validity != record.uid_validity) {
    CountAll(opened.messages, record.uid_validity == 0 ? State::kNew : State::kRenumbered, found);
    co_return Status::Ok();
  }
  SourceListing listing;
  CO_RETURN_IF_ERROR(List(opened, record, &listing));
  CO_TRY(const FolderPromise promise, ReadPromise(record));
  const LedgerComparison compared = CompareLedger(promise, listing);
  found->counts = compared.counts;
  found->missing_uids = DescribeUids(compared.missing);
  co_return Status::Ok();
}

net::Task<Status> Inspection::LookAt(const FolderInfo& folder, FolderInspection* found) {
  found->name = folder.name;
  const auto known = records_.find(folder.name);
  const store::FolderRecord record =
      known == records_.end() ? store::FolderRecord() : known->second;
  const Status compared = co_await Compare(folder, record, found);
  if (compared.code() == Code::kServerRefused || compared.code() == Code::kNotFound) {
    CountAll(folder.status.has_value() ? folder.status->messages : 0, State::kFailed, found);
    found->problem = compared.message();
    co_return Status::Ok();
  }
  co_return compared;
}

void Inspection::Add(FolderInspection found) {
  ++result_.folders;
  result_.folders_failed += found.state == State::kFailed ? 1 : 0;
  result_.counts.Add(found.counts);
  result_.told.push_back(std::move(found));
}

// What was left out by the configuration since, and Gmail's labels, are not looked at.
void Inspection::AddUnlisted(const std::vector<FolderInfo>& listed) {
  for (const FolderInfo& folder : listed) {
    records_.erase(folder.name);
  }
  for (const auto& [name, record] : records_) {
    if (record.placed > 0) {
      FolderInspection found;
      found.name = name;
      found.state = State::kUnlisted;
      found.counts.stale = record.placed;
      Add(std::move(found));
    }
  }
}

net::Task<Result<MailboxInspection>> Inspection::Run() {
  CO_TRY(const std::vector<FolderInfo> listed, session_.ListFolders(/*with_status=*/false));
  CO_TRY(Records records, ReadRecords());
  for (store::FolderRecord& record : records) {
    std::string name = record.name;
    records_.emplace(std::move(name), std::move(record));
  }
  const std::vector<FolderInfo> folders =
      FoldersToRead(listed, session_.folders_are_labels(), options_.exclude);
  for (const FolderInfo& folder : folders) {
    FolderInspection found;
    CO_RETURN_IF_ERROR(LookAt(folder, &found));
    Add(std::move(found));
  }
  AddUnlisted(listed);
  std::stable_sort(result_.told.begin(), result_.told.end(),
                   [](const FolderInspection& a, const FolderInspection& b) {
                     return std::pair(a.IsRight(), a.IsEqual()) <
                            std::pair(b.IsRight(), b.IsEqual());
                   });
  if (result_.told.size() > kFoldersToldMax) {
    result_.told.resize(kFoldersToldMax);
  }
  co_return std::move(result_);
}

}  // namespace

std::string_view ToString(FolderInspection::State state) {
  switch (state) {
    case State::kCompared:
      return "compared";
    case State::kNew:
      return "new";
    case State::kRenumbered:
      return "renumbered";
    case State::kUnlisted:
      return "unlisted";
    case State::kFailed:
      return "failed";
  }
  return "";
}

net::Task<Result<MailboxInspection>> InspectSource(const store::MailStore& store, WorkPool& reads,
                                                   const Clock& clock, SourceSession& session,
                                                   InspectionOptions options) {
  Inspection inspection(store, reads, clock, session, std::move(options));
  co_return co_await inspection.Run();
}

}  // namespace mailhaul::pipeline
