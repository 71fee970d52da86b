// What HTTP asks of whoever keeps the mailboxes that a tenant adds and removes while the server
// runs.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "connectors/net/task.h"

namespace mailhaul::http {

inline constexpr size_t kMailboxBodyBytesMax = size_t{16} << 10;

struct MailboxRequest {
  std::string tenant;
  std::string name;       // Of the path; "": the body says, or one is made.
  std::string body;       // JSON. Holds secrets.
  bool replaces = false;  // The mailbox of that name is there, and is to be as the body says.
  bool test = true;       // Log in first; what fails is not kept.
};

struct FieldError {
  std::string field;
  std::string message;
};

// Nothing of it quotes a secret.
struct MailboxOutcome {
  unsigned status = 0;  // 200, 201, 204; else a problem's.
  std::string name;     // Of the mailbox, with 200 and 201.
  std::string code{};   // Of a problem, stable.
  std::string detail{};
  std::vector<FieldError> errors{};  // Of the body.
  std::chrono::seconds retry_after{0};
  Status cause{};  // Of a failure here, instead of all else.
};

class MailboxAdmin {
 public:
  virtual ~MailboxAdmin() = default;
  // On the service's loop; the login may take as long as kLoginTestMax.
  virtual net::Task<MailboxOutcome> Add(MailboxRequest request) = 0;
  // 204: it is no longer collected, and nobody finds it or its messages any more.
  // Anything else: that is not so yet, and asking again goes on with it.
  virtual net::Task<MailboxOutcome> Remove(std::string tenant, std::string name) = 0;
};

}  // namespace mailhaul::http
