#include "engine/app/verify_answer.h"

#include <array>
#include <boost/json.hpp>
#include <exception>

#include "base/text.h"

namespace mailhaul::app {
namespace {

namespace json = boost::json;

using State = pipeline::FolderInspection::State;
using pipeline::LedgerCounts;

constexpr std::array kStates = {State::kCompared, State::kNew, State::kRenumbered, State::kUnlisted,
                                State::kFailed};

json::string Text(std::string_view text) { return json::string(ToValidUtf8(text)); }

json::array ToArray(const LedgerCounts& counts) {
  return {counts.listed, counts.held,    counts.left_out, counts.pending,
          counts.older,  counts.missing, counts.unknown,  counts.stale};
}

json::object ToObject(const MailboxFinding& finding) {
  json::array folders;
  for (const pipeline::FolderInspection& folder : finding.found.told) {
    folders.push_back(json::object{{"name", Text(folder.name)},
                                   {"state", pipeline::ToString(folder.state)},
                                   {"counts", ToArray(folder.counts)},
                                   {"missing_uids", folder.missing_uids},
                                   {"problem", Text(folder.problem)}});
  }
  return {{"mailbox", Text(finding.mailbox)},
          {"code", finding.code},
          {"detail", Text(finding.detail)},
          {"folders", finding.found.folders},
          {"folders_failed", finding.found.folders_failed},
          {"counts", ToArray(finding.found.counts)},
          {"told", std::move(folders)}};
}

// All of these throw when the value is something else.
uint64_t Number(const json::object& object, const char* name) {
  return object.at(name).to_number<uint64_t>();
}

std::string TextOf(const json::object& object, const char* name) {
  return std::string(object.at(name).as_string());
}

LedgerCounts CountsOf(const json::object& object) {
  const json::array& told = object.at("counts").as_array();
  LedgerCounts counts;
  size_t i = 0;
  for (uint64_t* count : {&counts.listed, &counts.held, &counts.left_out, &counts.pending,
                          &counts.older, &counts.missing, &counts.unknown, &counts.stale}) {
    *count = told.at(i++).to_number<uint64_t>();
  }
  return counts;
}

// What is not known counts as failed.
State StateOf(std::string_view name) {
  for (const State state : kStates) {
    if (pipeline::ToString(state) == name) {
      return state;
    }
  }
  return State::kFailed;
}

MailboxFinding FindingOf(const json::object& told) {
  MailboxFinding finding;
  finding.mailbox = TextOf(told, "mailbox");
  finding.code = TextOf(told, "code");
  finding.detail = TextOf(told, "detail");
  finding.found.folders = Number(told, "folders");
  finding.found.folders_failed = Number(told, "folders_failed");
  finding.found.counts = CountsOf(told);
  for (const json::value& value : told.at("told").as_array()) {
    const json::object& object = value.as_object();
    pipeline::FolderInspection folder;
    folder.name = TextOf(object, "name");
    folder.state = StateOf(TextOf(object, "state"));
    folder.counts = CountsOf(object);
    folder.missing_uids = TextOf(object, "missing_uids");
    folder.problem = TextOf(object, "problem");
    finding.found.told.push_back(std::move(folder));
  }
  return finding;
}

VerifyAnswer Parse(std::string_view text) {
  const json::value parsed = json::parse(text);
  const json::object& told = parsed.as_object();
  VerifyAnswer answer;
  answer.problem = TextOf(told, "problem");
  answer.unknown_mailbox = told.at("unknown_mailbox").as_bool();
  answer.run = TextOf(told, "run");
  answer.mailboxes = Number(told, "mailboxes");
  answer.done = Number(told, "done");
  for (const json::value& finding : told.at("findings").as_array()) {
    answer.findings.push_back(FindingOf(finding.as_object()));
  }
  return answer;
}

}  // namespace

std::string ToJson(const VerifyAnswer& answer) {
  json::array findings;
  for (const MailboxFinding& finding : answer.findings) {
    findings.push_back(ToObject(finding));
  }
  return json::serialize(json::object{{"problem", Text(answer.problem)},
                                      {"unknown_mailbox", answer.unknown_mailbox},
                                      {"run", answer.run},
                                      {"mailboxes", answer.mailboxes},
                                      {"done", answer.done},
                                      {"findings", std::move(findings)}});
}

Result<VerifyAnswer> ParseVerifyAnswer(std::string_view text) {
  try {
    return Parse(text);
  } catch (const std::exception&) {
    return Status(Code::kProtocol,
                  "the running server does not know `verify --online`: it is of another version");
  }
}

}  // namespace mailhaul::app
