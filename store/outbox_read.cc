#include <algorithm>
#include <utility>

#include "store/checked_body.h"
#include "store/key_layout.h"
#include "store/mail_store_impl.h"
#include "store/outbox.h"
#include "store/outbox_rows.h"

namespace mailhaul::store {
namespace {

constexpr size_t kPageMax = 1000;
constexpr size_t kRowsPerPageMax = 10'000;  // Looked at for one page.
constexpr size_t kRowBytes = sizeof(uint64_t) + 1;

// A row of the list of submissions.
struct Listed {
  DatePosition position;
  MailboxId mailbox;
  SubmissionState state = SubmissionState::kQueued;
};

bool ListedBefore(const Listed& a, const Listed& b) {
  return a.position.received != b.position.received ? a.position.received > b.position.received
                                                    : b.position.id < a.position.id;
}

bool Matches(const SubmissionQuery& query, const Listed& row) {
  return (!query.mailbox || row.mailbox == *query.mailbox) &&
         (!query.state || row.state == *query.state);
}

// The first rows of one shard behind the cursor.
Result<std::vector<Listed>> ReadRows(KeyValueStore& records, ShardId shard,
                                     const SubmissionQuery& query, size_t rows_max) {
  const std::string prefix = SubmissionDatePrefix(shard, query.tenant);
  std::string begin = prefix;
  if (query.cursor_date) {
    AppendDatePosition(begin, {.received = *query.cursor_date, .id = {query.cursor_id.value}});
    begin.push_back('\0');
  }
  std::vector<Listed> rows;
  Status damaged;
  const auto visit = [&](std::string_view key, std::string_view value) {
    if (value.size() != kRowBytes) {
      damaged = AtKey({Code::kCorrupt, "not a row of the list of submissions"}, std::string(key));
      return false;
    }
    rows.push_back({.position = ReadDatePosition(key),
                    .mailbox = {ReadU64(value, 0)},
                    .state = static_cast<SubmissionState>(value.back())});
    return true;
  };
  const ScanRequest request{
      .begin = begin, .end = PrefixEnd(prefix), .descending = false, .rows_max = rows_max};
  MH_ASSIGN_OR_RETURN([[maybe_unused]] const bool more, records.Scan(request, visit));
  MH_RETURN_IF_ERROR(damaged);
  return rows;
}

}  // namespace

Result<Submission> Outbox::Get(SubmissionId id) const {
  MH_ASSIGN_OR_RETURN(auto stored, ReadSubmission(impl_.records, id));
  return std::move(stored.second);
}

Result<std::optional<Submission>> Outbox::FindByKey(MailboxId mailbox, std::string_view key,
                                                    const Sha256& fingerprint) const {
  return FindSubmission(impl_.records, mailbox, HashOfIdempotencyKey(mailbox, key), fingerprint);
}

Result<std::unique_ptr<ByteSource>> Outbox::OpenRaw(const Submission& submission) const {
  MH_ASSIGN_OR_RETURN(
      const BlobLocation location,
      impl_.FindBody(submission.mailbox.shard(), submission.tenant, submission.sha256));
  return OpenChecked(impl_.blobs, location, submission.sha256);
}

Result<Outbox::DuePage> Outbox::ListDue(WallTime until, const std::optional<DueSubmission>& after,
                                        size_t limit) const {
  DuePage page;
  size_t rows = 0;
  for (const ShardId shard : impl_.table.Shards()) {
    if (after && shard < after->id.shard()) {
      continue;
    }
    const std::string prefix = DuePrefix(shard);
    std::string begin = prefix;
    if (after && shard == after->id.shard()) {
      begin = DueKey(shard, after->step.at, after->id) + '\0';
    }
    const auto visit = [&](std::string_view key, std::string_view value) {
      const DatePosition position = ReadDueKey(key);
      if (position.received > until) {
        page.next = page.next ? std::min(*page.next, position.received) : position.received;
        return false;
      }
      DueSubmission due{.id = {position.id.value}, .mailbox = {}, .step = {}};
      due.step.at = position.received;
      if (value.size() == kRowBytes) {
        due.mailbox = {ReadU64(value, 0)};
        due.step.kind = static_cast<SubmissionStep::Kind>(value.back());
        page.items.push_back(due);
      } else {
        page.damage = AtKey({Code::kCorrupt, "not a row of due submissions"}, std::string(key));
      }
      if (++rows == limit) {
        page.after = due;
      }
      return true;
    };
    const ScanRequest request{
        .begin = begin, .end = PrefixEnd(prefix), .descending = false, .rows_max = limit - rows};
    MH_ASSIGN_OR_RETURN([[maybe_unused]] const bool more, impl_.records.Scan(request, visit));
    if (page.after) {
      break;
    }
  }
  return page;
}

Result<SubmissionPage> Outbox::List(const SubmissionQuery& query) const {
  if (query.limit < 1 || query.limit > kPageMax) {
    return Status(Code::kInvalidArgument, "limit must be 1 to 1000");
  }
  std::vector<ShardId> shards = impl_.table.ShardsOf(query.tenant);
  if (query.mailbox) {
    if (impl_.table.TenantOf(*query.mailbox) != query.tenant) {
      return SubmissionPage();
    }
    shards.assign(1, query.mailbox->shard());
  }
  const bool filtered = query.mailbox || query.state;
  const size_t rows_max = filtered ? kRowsPerPageMax : query.limit + 1;
  std::vector<Listed> rows;
  for (const ShardId shard : shards) {
    MH_ASSIGN_OR_RETURN(const std::vector<Listed> found,
                        ReadRows(impl_.records, shard, query, rows_max));
    const auto middle = static_cast<std::ptrdiff_t>(rows.size());
    rows.insert(rows.end(), found.begin(), found.end());
    std::inplace_merge(rows.begin(), rows.begin() + middle, rows.end(), ListedBefore);
    rows.resize(std::min(rows.size(), rows_max));
  }
  SubmissionPage page;
  page.more = rows.size() == rows_max;
  for (const Listed& row : rows) {
    if (page.items.size() == query.limit) {
      page.more = true;
      break;
    }
    page.next_date = row.position.received;
    page.next_id = {row.position.id.value};
    if (!Matches(query, row)) {
      continue;
    }
    Result<Submission> submission = Get({row.position.id.value});
    if (submission.ok()) {
      page.items.push_back(std::move(submission).value());
    } else if (submission.status().code() != Code::kNotFound) {
      return submission.status();
    }
  }
  return page;
}

}  // namespace mailhaul::store
