// The users who send in a simulated world: what they hand in, the servers that take it, and what
// must hold of it. Outlives the world's processes.
//
// A user who got no answer, because the process died, asks again with the same key. Then, whatever
// breaks: what was answered is never lost, nothing is sent twice, "sent" is sent, what was never
// marked never went out, and the source's Sent folder holds one copy at most.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/pipeline/context.h"
#include "engine/send/sender.h"
#include "store/outbox.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"
#include "tests/support/scripted_smtp_server.h"

namespace mailhaul::simulation {

class Senders final {
 public:
  static constexpr uint16_t kPort = 465;
  static constexpr char kPassword[] = "right";

  struct User {
    std::string tenant;
    std::string mailbox;
    std::string address;
    std::string host;  // Of the submission server.
    test_support::ScriptedMailServer* source = nullptr;
  };
  // What of one process is needed to hand something in.
  struct Process {
    pipeline::Context& context;
    send::Sender& sender;
  };

  Senders(Random& random, const Clock& clock, std::function<void(const std::string&)> violate);

  void Add(const User& user);
  bool empty() const { return users_.empty(); }
  void SetFaults(bool clean);
  void Register(test_support::MemoryNetwork& network);
  // A user hands in something new, or asks again. Returns it: from now on it may be in Sent once.
  // Nothing when the store does not know the mailbox yet.
  struct HandedIn {
    std::string address;
    std::string body;
  };
  std::optional<HandedIn> Act(const Process& process);
  void AskAgain(const Process& process);  // All that have no answer.
  // The process's answers do not reach anybody any more.
  void EndProcess() { process_ = 0; }

  // Something handed in for which there is something left to do; "": nothing is.
  std::string FindOpen(store::MailStore& mail) const;
  // What a new process finds. `complete`: no faults, and enough time.
  void Check(store::MailStore& mail, bool complete);
  uint64_t sent() const { return delivered_.size(); }

 private:
  struct Request {
    const User* user = nullptr;
    store::NewSubmission submission;
    std::optional<SubmissionId> answer;
  };

  void Ask(const Process& process, Request& request);
  void CountDelivered();
  void CheckRequest(store::MailStore& mail, const Request& request, bool complete);
  static bool IsOver(const store::Submission& submission);

  Random& random_;
  const Clock& clock_;
  const std::function<void(const std::string&)> violate_;
  std::vector<std::unique_ptr<User>> users_;
  std::map<std::string, test_support::ScriptedSmtpServer> servers_;  // By host.
  std::vector<std::unique_ptr<Request>> requests_;
  std::map<std::string, uint64_t> delivered_;  // By the message's bytes.
  std::map<std::string, size_t> counted_;      // By host: mails in delivered_.
  uint64_t processes_ = 0;
  uint64_t process_ = 0;  // 0: none that could answer.
};

}  // namespace mailhaul::simulation
