#include "tests/simulation/senders.h"

#include <algorithm>
#include <utility>

namespace mailhaul::simulation {
namespace {

using store::Submission;
using store::SubmissionState;
using Filing = Submission::Filing;

constexpr auto kRetryFor = std::chrono::hours(2);
constexpr char kSent[] = "Sent";

store::NewSubmission MakeRequest(const std::string& address, MailboxId mailbox, size_t number,
                                 uint64_t lines, WallTime now) {
  store::NewSubmission request;
  request.mailbox = mailbox;
  request.from = address;
  request.recipients = {"bob@else.example"};
  request.message_id = "<sent" + std::to_string(number) + "@example.org>";
  request.subject = "sent " + std::to_string(number);
  request.body = "From: " + address + "\r\nTo: bob@else.example\r\nSubject: " + request.subject +
                 "\r\nMessage-ID: " + request.message_id + "\r\n\r\n";
  for (uint64_t line = 0; line < lines; ++line) {
    request.body += ".line " + std::to_string(line) + "\r\n";
  }
  request.sha256 = store::ComputeSha256(request.body);
  request.deadline = now + kRetryFor;
  request.idempotency_key = request.subject;
  request.fingerprint = request.sha256;
  return request;
}

}  // namespace

Senders::Senders(Random& random, const Clock& clock,
                 std::function<void(const std::string&)> violate)
    : random_(random), clock_(clock), violate_(std::move(violate)) {}

void Senders::Add(const User& user) {
  users_.push_back(std::make_unique<User>(user));
  test_support::SmtpScript& script = servers_[user.host].script;
  script.users[user.address] = kPassword;
  if (script.users.size() == 1) {
    script.extensions.emplace_back("AUTH PLAIN LOGIN");
    if (random_.Chance(1, 2)) {
      script.extensions.emplace_back("CHUNKING");
    }
  }
  user.source->Folder(user.address, kSent).attributes = {"\\Sent"};
}

void Senders::SetFaults(bool clean) {
  for (auto& [host, server] : servers_) {
    test_support::SmtpScript& script = server.script;
    script.delay_per_reply = std::chrono::milliseconds(clean ? 0 : random_.Below(300));
    script.lose_answer_after_end = !clean && random_.Chance(1, 5);
    script.hang_up = !clean && random_.Chance(1, 8);
    script.answers.clear();
    script.answers_max = random_.Below(4);
    if (!clean && random_.Chance(1, 3)) {
      const char* const verbs[] = {"MAIL", "RCPT", "DATA", ".", "AUTH"};
      script.answers[verbs[random_.Below(std::size(verbs))]] = "451 4.3.0 try again later";
    }
  }
}

void Senders::Register(test_support::MemoryNetwork& network) {
  for (auto& [host, server] : servers_) {
    test_support::ScriptedSmtpServer* const served = &server;
    network.Register(host, kPort, [served](std::unique_ptr<net::Stream> stream) {
      return test_support::ServeSmtp(std::move(stream), *served);
    });
  }
  process_ = ++processes_;
}

std::optional<Senders::HandedIn> Senders::Act(const Process& process) {
  const User& user = *users_[random_.Below(users_.size())];
  const std::optional<TenantId> tenant = process.context.store.FindTenant(user.tenant);
  const std::optional<MailboxId> mailbox =
      tenant ? process.context.store.FindMailbox(*tenant, user.mailbox) : std::nullopt;
  if (!mailbox) {
    return std::nullopt;
  }
  auto request = std::make_unique<Request>();
  request->user = &user;
  request->submission =
      MakeRequest(user.address, *mailbox, requests_.size(), random_.Below(200), clock_.WallNow());
  Ask(process, *request);
  requests_.push_back(std::move(request));
  return HandedIn{user.address, requests_.back()->submission.body};
}

void Senders::AskAgain(const Process& process) {
  for (const std::unique_ptr<Request>& request : requests_) {
    if (!request->answer) {
      Ask(process, *request);
    }
  }
}

void Senders::Ask(const Process& process, Request& request) {
  store::MailStore* const store = &process.context.store;
  send::Sender* const sender = &process.sender;
  process.context.committer.Run([this, store, sender, asked = &request, number = process_] {
    const Result<store::AcceptedSubmission> accepted =
        store::Outbox(*store).Accept(asked->submission);
    if (number != process_) {
      return;
    }
    if (accepted.ok()) {
      asked->answer = accepted->submission.id;
      sender->Changed(accepted->submission);
    } else {
      violate_("a submission is refused: " + accepted.status().ToString());
    }
  });
}

bool Senders::IsOver(const Submission& submission) {
  // Uncertain is for its user to decide.
  const bool waits_for_us = !IsEnded(submission) && submission.state != SubmissionState::kUncertain;
  return !waits_for_us && submission.filing != Filing::kWanted &&
         submission.filing != Filing::kAppending;
}

std::string Senders::FindOpen(store::MailStore& mail) const {
  for (const std::unique_ptr<Request>& request : requests_) {
    if (!request->answer) {
      return request->submission.subject + " is not answered";
    }
    const Result<Submission> found = store::Outbox(mail).Get(*request->answer);
    if (found.ok() && !IsOver(*found)) {
      return request->submission.subject + " is " + std::string(ToString(found->state)) +
             ", tried " + std::to_string(found->attempts) + " times, its copy " +
             std::to_string(found->filing_attempts) + " times: " + found->error_code + " " +
             found->error_detail;
    }
  }
  return "";
}

void Senders::CountDelivered() {
  for (auto& [host, server] : servers_) {
    for (size_t& counted = counted_[host]; counted < server.mails.size(); ++counted) {
      ++delivered_[server.mails[counted].data];
    }
    for (const std::string& violation : server.counters.violations) {
      violate_(host + " was told: " + violation);
    }
  }
}

void Senders::Check(store::MailStore& mail, bool complete) {
  CountDelivered();
  size_t known = 0;
  for (const std::unique_ptr<Request>& request : requests_) {
    known += delivered_.contains(request->submission.body) ? 1 : 0;
    CheckRequest(mail, *request, complete);
  }
  if (known != delivered_.size()) {
    violate_("a server was sent what nobody handed in");
  }
}

void Senders::CheckRequest(store::MailStore& mail, const Request& request, bool complete) {
  const std::string name = request.user->address + ": \"" + request.submission.subject + "\" ";
  const auto found = delivered_.find(request.submission.body);
  const uint64_t delivered = found == delivered_.end() ? 0 : found->second;
  uint64_t copies = 0;
  for (const test_support::ScriptedMessage& message :
       request.user->source->Folder(request.user->address, kSent).messages()) {
    copies += *message.raw == request.submission.body ? 1 : 0;
  }
  if (delivered > 1 || copies > 1) {
    violate_(name + "was sent " + std::to_string(delivered) + " times, Sent has " +
             std::to_string(copies) + " copies");
  }
  if (!request.answer) {
    if (complete) {
      violate_(name + "was never answered");
    }
    return;
  }
  const Result<Submission> read = store::Outbox(mail).Get(*request.answer);
  if (!read.ok()) {
    violate_(name + "was accepted, now: " + read.status().ToString());
    return;
  }
  const Submission& submission = *read;
  const bool may_be_sent = submission.state == SubmissionState::kUncertain || submission.marked;
  const bool is_sent = submission.state == SubmissionState::kSent;
  if (!may_be_sent && delivered != (is_sent ? 1 : 0)) {
    violate_(name + "is " + std::string(ToString(submission.state)) + ", delivered " +
             std::to_string(delivered) + " times");
  }
  if ((submission.filing == Filing::kDone && copies != 1) || (copies == 1 && delivered == 0)) {
    violate_(name + "was delivered " + std::to_string(delivered) + " times, Sent has " +
             std::to_string(copies) + " copies");
  }
  if (complete && (!IsOver(submission) || submission.state == SubmissionState::kFailed)) {
    // Its deadline is far, and no server refuses for good.
    violate_(name + "is " + std::string(ToString(submission.state)) +
             " in the end: " + submission.error_code + " " + submission.error_detail);
  }
}

}  // namespace mailhaul::simulation
