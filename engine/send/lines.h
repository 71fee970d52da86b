// The connections that sending needs: what it asks the program for, and what it gets.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "connectors/dialer.h"
#include "connectors/http_client.h"
#include "connectors/imap/sent_filing.h"
#include "connectors/smtp/smtp_session.h"

namespace mailhaul::send {

// Sessions that are open on one loop, so that they can be ended. Belongs to that loop.
class OpenLines final {
 public:
  using Entry = std::list<std::function<void()>>::iterator;
  Entry Add(std::function<void()> abort) { return open_.insert(open_.end(), std::move(abort)); }
  void Remove(Entry entry) { open_.erase(entry); }
  void AbortAll() {
    for (const auto& abort : open_) {
      abort();
    }
  }

 private:
  std::list<std::function<void()>> open_;
};

// What is known of a mailbox that can send.
struct SendingMailbox {
  MailboxId id;
  TenantId tenant;
  uint32_t per_minute = 0;  // Attempts; 0: no limit. So the next.
  uint32_t tenant_per_minute = 0;
  std::chrono::milliseconds retry_for{0};
  bool has_sent_folder = false;  // The source is IMAP.
  bool files_copy = false;       // And the server does not file what is sent by itself.
  bool creates_folder = false;   // A missing Sent folder is ours to create.
};

// What whoever gave a lease knows of its mailbox.
struct Account {};

// A connection of a pool is ours: to be opened from here, on the loop that runs.
struct Lease {
  Dialer* dialer = nullptr;
  std::optional<net::IpAddress> egress;
  HttpClient* http = nullptr;  // For OAuth 2.0; null where no mailbox uses it.
  OpenLines* open = nullptr;
  bool stopping = false;
  const Account* account = nullptr;
};

// Implemented by the program (engine/app), which knows servers, credentials and the scheduler.
class Lines {
 public:
  virtual ~Lines() = default;

  // Main loop. Null: no such mailbox, or it cannot send.
  virtual const SendingMailbox* Find(MailboxId mailbox) const = 0;
  // Main loop. Each is answered once by Sender::RunSubmissions() or RunFiling(), when the pools let
  // it; asking again before that changes nothing.
  virtual void WantSubmission(MailboxId mailbox) = 0;
  virtual void WantFiling(MailboxId mailbox) = 0;

  // On the loop of the lease.
  virtual net::Task<Result<std::unique_ptr<smtp::SmtpSession>>> OpenSubmission(
      MailboxId mailbox, const Lease& lease) = 0;
  virtual net::Task<Result<std::unique_ptr<imap::SentFiling>>> OpenFiling(MailboxId mailbox,
                                                                          const Lease& lease) = 0;
};

}  // namespace mailhaul::send
