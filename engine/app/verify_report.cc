#include "engine/app/verify_report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/text.h"

namespace mailhaul::app {
namespace {

namespace json = boost::json;

using pipeline::FolderInspection;
using pipeline::LedgerCounts;

struct CountName {
  uint64_t LedgerCounts::*count;
  const char* name;   // In JSON.
  const char* title;  // In the table, which leaves out what is 0 everywhere but for the first two.
};
constexpr CountName kCounts[] = {{&LedgerCounts::listed, "listed", "LISTED"},
                                 {&LedgerCounts::missing, "missing", "MISSING"},
                                 {&LedgerCounts::held, "held", "HELD"},
                                 {&LedgerCounts::left_out, "left_out", "LEFT OUT"},
                                 {&LedgerCounts::pending, "pending", "PENDING"},
                                 {&LedgerCounts::older, "older", "OLDER"},
                                 {&LedgerCounts::unknown, "unknown", "UNKNOWN"},
                                 {&LedgerCounts::stale, "stale", "STALE"}};
constexpr size_t kAlwaysShown = 2;

json::string Text(std::string_view text) { return json::string(ToValidUtf8(text)); }

json::object ToObject(const LedgerCounts& counts) {
  json::object object;
  for (const CountName& each : kCounts) {
    object[each.name] = counts.*each.count;
  }
  return object;
}

std::string NoteOf(const FolderInspection& folder) {
  switch (folder.state) {
    case FolderInspection::State::kCompared:
      return folder.missing_uids.empty() ? "" : "missing UIDs " + folder.missing_uids;
    case FolderInspection::State::kNew:
      return "not collected yet";
    case FolderInspection::State::kRenumbered:
      return "numbered anew: the next check links it again";
    case FolderInspection::State::kUnlisted:
      return "the server has it no longer";
    case FolderInspection::State::kFailed:
      return "failed: " + folder.problem;
  }
  return "";
}

std::string Plural(uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

void VerifyReport::Add(const MailboxFinding& finding) {
  ++mailboxes_;
  right_ += finding.IsRight() ? 1 : 0;
  if (finding.code != "ok") {
    ++failed_;
    damaged_ = damaged_ || finding.code == ToString(Code::kCorrupt);
    if (failures_.size() < kFailuresToldMax) {
      failures_.push_back({finding.mailbox, finding.code, finding.detail});
    }
    return;
  }
  folders_ += finding.found.folders;
  counts_.Add(finding.found.counts);
  AddDifferences(finding);
}

void VerifyReport::AddDifferences(const MailboxFinding& finding) {
  for (const FolderInspection& folder : finding.found.told) {
    if (folder.IsEqual() && !options_.equal_folders) {
      continue;
    }
    if (differences_.size() < kDifferencesToldMax) {
      differences_.push_back({finding.mailbox, folder});
      continue;
    }
    ++differences_left_out_;
    if (!folder.IsRight()) {
      // What only differs makes room for what is wrong.
      const auto right = std::find_if(differences_.rbegin(), differences_.rend(),
                                      [](const Difference& d) { return d.folder.IsRight(); });
      if (right != differences_.rend()) {
        *right = {finding.mailbox, folder};
      }
    }
  }
  // Those that differ come first.
  const bool all_differ = finding.found.told.empty() || !finding.found.told.back().IsEqual();
  if (all_differ || options_.equal_folders) {
    differences_left_out_ += finding.found.folders - finding.found.told.size();
  }
}

void VerifyReport::Sort() {
  const auto by_mailbox = [](const auto& a, const auto& b) { return a.mailbox < b.mailbox; };
  std::stable_sort(differences_.begin(), differences_.end(), by_mailbox);
  std::stable_sort(failures_.begin(), failures_.end(), by_mailbox);
}

std::string VerifyReport::AsJson() const {
  json::array folders;
  for (const Difference& difference : differences_) {
    const FolderInspection& folder = difference.folder;
    json::object object = ToObject(folder.counts);
    object["mailbox"] = Text(difference.mailbox);
    object["folder"] = Text(folder.name);
    object["state"] = pipeline::ToString(folder.state);
    object["missing_uids"] = folder.missing_uids;
    object["problem"] = Text(folder.problem);
    folders.push_back(std::move(object));
  }
  json::array failures;
  for (const Failure& failure : failures_) {
    failures.push_back(json::object{{"mailbox", Text(failure.mailbox)},
                                    {"code", failure.code},
                                    {"detail", Text(failure.detail)}});
  }
  const json::object object{
      {"right", right()},
      {"interrupted", interrupted_},
      {"from_running_server", options_.from_running_server},
      {"mailboxes",
       {{"total", mailboxes_},
        {"right", right_},
        {"wrong", mailboxes_ - right_ - failed_},
        {"failed", failed_}}},
      {"messages", ToObject(counts_)},
      {"folders_compared", folders_},
      {"folders", std::move(folders)},
      {"folders_left_out", differences_left_out_},
      {"failures", std::move(failures)},
      {"failures_left_out", failed_ - std::min<uint64_t>(failed_, kFailuresToldMax)}};
  return json::serialize(object) + "\n";
}

Table VerifyReport::ToTable() const {
  Table table;
  table.columns.push_back({.title = "MAILBOX", .importance = 10, .shrinks_to = 12});
  table.columns.push_back({.title = "FOLDER", .importance = 9, .shrinks_to = 8});
  std::vector<const CountName*> shown;
  for (size_t i = 0; i < std::size(kCounts); ++i) {
    const bool any = std::any_of(
        differences_.begin(), differences_.end(),
        [i](const Difference& each) { return each.folder.counts.*kCounts[i].count > 0; });
    if (any || i < kAlwaysShown) {
      shown.push_back(&kCounts[i]);
      table.columns.push_back({.title = kCounts[i].title, .right = true, .importance = 8 - i});
    }
  }
  table.columns.push_back({.title = "NOTE", .importance = 9, .shrinks_to = 12});
  for (const Difference& difference : differences_) {
    std::vector<Cell> row;
    row.push_back({.text = difference.mailbox});
    row.push_back({.text = difference.folder.name});
    for (const CountName* each : shown) {
      row.push_back({.text = std::to_string(difference.folder.counts.*each->count)});
    }
    row.push_back({.text = NoteOf(difference.folder)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string VerifyReport::Summary() const {
  const uint64_t wrong = mailboxes_ - right_ - failed_;
  std::string text = std::to_string(right_) + " of " +
                     Plural(mailboxes_, "mailbox is", "mailboxes are") + " right";
  text += wrong > 0 ? ", " + std::to_string(wrong) + " not" : "";
  text += failed_ > 0 ? ", " + std::to_string(failed_) + " could not be compared" : "";
  text += "; " + Plural(folders_, "folder", "folders") + ", " +
          Plural(counts_.listed, "message", "messages") + " at the sources";
  const std::pair<uint64_t, const char*> parts[] = {
      {counts_.held, " held"},
      {counts_.left_out, " left out by policy, deleted here, or gone when their turn came"},
      {counts_.pending, " not collected yet"},
      {counts_.older, " older than the window"},
      {counts_.unknown, " in folders that cannot be compared now"},
      {counts_.missing, " MISSING"}};
  const char* separator = ": ";
  for (const auto& [count, what] : parts) {
    if (count > 0) {
      text += separator + std::to_string(count) + what;
      separator = ", ";
    }
  }
  if (counts_.stale > 0) {
    text += "; besides, " + Plural(counts_.stale, "message", "messages") +
            " held that the sources list no longer";
  }
  return text + "\n";
}

std::string VerifyReport::AsText(const TerminalShape& shape) const {
  std::string text;
  if (!differences_.empty()) {
    for (const std::string& line : TableLines(ToTable(), shape)) {
      text += line + "\n";
    }
  }
  if (differences_left_out_ > 0) {
    text += "and " + Plural(differences_left_out_, "folder", "folders") + " more\n";
  }
  for (const Failure& failure : failures_) {
    text += "failed " + EscapeForLog(failure.mailbox, SIZE_MAX) + ": " + failure.code + ": " +
            EscapeForLog(failure.detail, 2000) + "\n";
  }
  if (failed_ > failures_.size()) {
    text += "and " + std::to_string(failed_ - failures_.size()) + " more failed\n";
  }
  text += Summary();
  if (counts_.missing > 0) {
    text +=
        "missing messages are fetched if backfill has not come to them yet, and not by themselves "
        "otherwise: see \"Comparing with the mail servers\" in docs/operations.md\n";
  }
  if (interrupted_) {
    text += "interrupted: the others were not compared\n";
  }
  return text;
}

}  // namespace mailhaul::app
