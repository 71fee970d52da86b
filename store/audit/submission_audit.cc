#include "store/audit/submission_audit.h"

#include <utility>
#include <vector>

#include "store/audit/paging.h"
#include "store/mail_store_cache.h"
#include "store/outbox_rows.h"
#include "store/sent_placement.h"

namespace mailhaul::store {
namespace {

constexpr size_t kIdKeyBytes = kKeyPrefixBytes + 1 + sizeof(uint64_t);

// Null: a row of the list.
Result<std::optional<Submission>> ReadSubmissionRow(const Row& row) {
  if (row.key.size() < kIdKeyBytes) {
    return Status(Code::kCorrupt, "not the key of a submission");
  }
  const SubmissionId id{ReadMessageId(row.key).value};
  if (row.key != SubmissionKey(id)) {
    return std::optional<Submission>();
  }
  MH_ASSIGN_OR_RETURN(Submission submission, DecodeSubmission(id, row.value));
  return std::optional(std::move(submission));
}

std::vector<Row> RowsOf(const Submission& submission) {
  std::vector<Row> rows;
  rows.push_back({.key = ListKeyOf(submission), .value = ListValue(submission)});
  if (const std::optional<SubmissionStep> step = NextStep(submission)) {
    rows.push_back({.key = DueKey(submission.mailbox.shard(), step->at, submission.id),
                    .value = DueValue(submission.mailbox, step->kind)});
  }
  if (submission.key) {
    Row row{.key = IdempotencyKey(submission.mailbox, *submission.key), .value = {}};
    AppendU64(row.value, submission.id.value);
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<uint64_t> CountRows(KeyValueStore& records, const std::string& prefix) {
  uint64_t count = 0;
  MH_RETURN_IF_ERROR(PageThrough(records, prefix, [&count](const Row& /*row*/) {
    ++count;
    return Status::Ok();
  }));
  return count;
}

}  // namespace

Status VisitSubmissions(KeyValueStore& records, ShardId shard,
                        const std::function<void(const Submission&)>& visit) {
  return PageThrough(records, ShardPrefix(Keyspace::kSubmission, shard), [&](const Row& row) {
    const Result<std::optional<Submission>> read = ReadSubmissionRow(row);
    if (read.ok() && read->has_value()) {
      visit(**read);
    }
    return Status::Ok();
  });
}

Result<uint64_t> AuditSubmissions(KeyValueStore& records, ShardId shard, AuditReport& report) {
  uint64_t submissions = 0;
  uint64_t keys = 0;
  uint64_t due = 0;
  const std::string prefix = ShardPrefix(Keyspace::kSubmission, shard);
  MH_RETURN_IF_ERROR(PageThrough(records, prefix, [&](const Row& row) -> Status {
    ++report.rows;
    const Result<std::optional<Submission>> read = ReadSubmissionRow(row);
    if (!read.ok()) {
      report.Add(NameRow(row.key), read.status().message());
      return {};
    }
    if (!read->has_value()) {
      return {};
    }
    ++submissions;
    keys += (*read)->key ? 1 : 0;
    due += NextStep(**read) ? 1 : 0;
    for (const Row& wanted : RowsOf(**read)) {
      MH_ASSIGN_OR_RETURN(const std::optional<std::string> stored, GetRow(records, wanted.key));
      if (stored != wanted.value) {
        report.Add(NameRow(wanted.key),
                   "missing or not what submission " + FormatId((*read)->id.value) + " wants");
      }
    }
    return {};
  }));
  MH_ASSIGN_OR_RETURN(const uint64_t rows, CountRows(records, prefix));
  MH_ASSIGN_OR_RETURN(const uint64_t due_rows, CountRows(records, DuePrefix(shard)));
  if (rows != 2 * submissions) {
    report.Add("shard " + std::to_string(shard), "rows in the list of submissions lead nowhere");
  }
  if (due_rows != due) {
    report.Add("shard " + std::to_string(shard), "rows of due submissions lead nowhere");
  }
  return keys;
}

}  // namespace mailhaul::store
