#include "store/message_scan.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "store/placements.h"

namespace mailhaul::store {
namespace {

constexpr size_t kScanRows = 1000;

// Of two positions the one that is listed first: newest, then greatest id.
bool ListedBefore(const DatePosition& a, const DatePosition& b) {
  return a.received != b.received ? a.received > b.received : b.id < a.id;
}

// One index of dates, and which rows of it a query wants: those whose values begin or end so.
struct DateScan {
  std::string prefix;
  std::string value_front;
  std::string value_back;
};

bool IsWanted(const DateScan& scan, std::string_view value) {
  return value.starts_with(scan.value_front) && value.ends_with(scan.value_back);
}

std::string BeginOf(const MessageQuery& query, const std::string& prefix) {
  std::string begin = prefix;
  if (query.before) {
    // The newest that is before it, and of those the greatest id.
    AppendDatePosition(
        begin, {.received = *query.before - std::chrono::milliseconds(1), .id = {UINT64_MAX}});
  }
  if (query.cursor_date) {
    std::string behind = prefix;
    AppendDatePosition(behind, {.received = *query.cursor_date, .id = query.cursor_id});
    behind.push_back('\0');
    begin = std::max(begin, behind);
  }
  return begin;
}

std::string EndOf(const MessageQuery& query, const std::string& prefix) {
  if (!query.after) {
    return PrefixEnd(prefix);
  }
  std::string last = prefix;
  AppendDatePosition(last, {.received = *query.after, .id = {0}});
  return last + '\0';
}

// Adds the first `count` positions of one index that the query asks for.
Status ScanDates(KeyValueStore& records, const MessageQuery& query, const DateScan& scan,
                 size_t count, FoundPositions* found) {
  std::vector<DatePosition> positions;
  ScanRequest request{.begin = BeginOf(query, scan.prefix),
                      .end = EndOf(query, scan.prefix),
                      .descending = false,
                      .rows_max = kScanRows};
  bool more = true;
  while (more && positions.size() < count && !found->stopped && request.begin < request.end) {
    std::string last;
    const auto visit = [&](std::string_view key, std::string_view value) {
      last.assign(key);
      if (IsWanted(scan, value)) {
        positions.push_back(ReadDatePosition(key));
      } else if (++found->skipped >= query.skip_max) {
        found->stopped = ReadDatePosition(key);
      }
      return positions.size() < count && !found->stopped;
    };
    MH_ASSIGN_OR_RETURN(more, records.Scan(request, visit));
    request.begin = last + '\0';
  }
  const auto middle = static_cast<std::ptrdiff_t>(found->positions.size());
  found->positions.insert(found->positions.end(), positions.begin(), positions.end());
  std::inplace_merge(found->positions.begin(), found->positions.begin() + middle,
                     found->positions.end(), ListedBefore);
  found->positions.resize(std::min(found->positions.size(), count));
  return Status::Ok();
}

// Of one mailbox: a single scan, so that what it passes over ends the page where it stopped.
DateScan ScanOf(const MessageQuery& query, MailboxId mailbox, bool indexed) {
  const std::string folder = query.folder ? FolderValue(*query.folder) : std::string();
  if (query.thread) {
    return {.prefix = ThreadPrefix(mailbox.shard(), query.tenant, *query.thread),
            .value_front = MailboxValue(mailbox),
            .value_back = folder};
  }
  if (query.tag) {
    return {.prefix = MailboxTagPrefix(query.tenant, mailbox, TagHashOf(*query.tag)),
            .value_front = folder,
            .value_back = ""};
  }
  if (query.folder && indexed) {
    return {.prefix = FolderDatePrefix(query.tenant, mailbox, *query.folder),
            .value_front = "",
            .value_back = ""};
  }
  return {
      .prefix = MailboxDatePrefix(query.tenant, mailbox), .value_front = folder, .value_back = ""};
}

std::string TenantPrefixOf(const MessageQuery& query, ShardId shard) {
  return query.thread ? ThreadPrefix(shard, query.tenant, *query.thread)
         : query.tag  ? TenantTagPrefix(shard, query.tenant, TagHashOf(*query.tag))
                      : TenantDatePrefix(shard, query.tenant);
}

}  // namespace

Result<FoundPositions> FindPositions(KeyValueStore& records, const MailboxTable& table,
                                     const MessageQuery& query, size_t count, bool indexed) {
  FoundPositions found;
  if (query.mailbox) {
    if (table.TenantOf(*query.mailbox) == query.tenant) {
      MH_RETURN_IF_ERROR(
          ScanDates(records, query, ScanOf(query, *query.mailbox, indexed), count, &found));
    }
    return found;
  }
  for (const ShardId shard : table.ShardsOf(query.tenant)) {
    if (!query.shard || *query.shard == shard) {
      const DateScan scan{
          .prefix = TenantPrefixOf(query, shard), .value_front = "", .value_back = ""};
      MH_RETURN_IF_ERROR(ScanDates(records, query, scan, count, &found));
    }
  }
  return found;
}

}  // namespace mailhaul::store
