// What a running server is asked over control.sock for `verify --online`, and its answers.
//
// A verification takes longer than a question may. It is begun, then asked for what it has found
// since; each finding is told once. Whoever asks no more has it forgotten.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/app/ledger_inspector.h"

namespace mailhaul::app {

// Followed by nothing or TENANT/ID; by the run of the first answer; by the same.
inline constexpr std::string_view kVerifyBegin = "verify begin ";
inline constexpr std::string_view kVerifyNext = "verify next ";
inline constexpr std::string_view kVerifyEnd = "verify end ";

struct VerifyAnswer {
  std::string problem;           // Why there is no such run; then nothing else counts.
  bool unknown_mailbox = false;  // That is it.
  std::string run;
  uint64_t mailboxes = 0;  // Of the whole run,
  uint64_t done = 0;       // and told of, these included.
  std::vector<MailboxFinding> findings;

  bool over() const { return done == mailboxes; }
};

std::string ToJson(const VerifyAnswer& answer);
// kProtocol: it is none, as of a server of another version.
Result<VerifyAnswer> ParseVerifyAnswer(std::string_view text);

}  // namespace mailhaul::app
