#include <boost/json.hpp>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
#include "engine/app/discover_servers.h"
#include "engine/app/exit_codes.h"
#include "engine/app/login_run.h"
#include "engine/app/runtime.h"
#include "engine/app/store_copy.h"

namespace mailhaul::app {
namespace {

struct Line {
  std::string mailbox;
  std::string server;  // "imap imap.example.com:993 tls"
  std::string code;    // "ok", or that of a status.
  std::string detail;
};

using Lines = std::vector<Line>;

std::string Describe(const config::Server& server) {
  const char* security = "plaintext";
  if (server.security != config::SecurityMode::kPlaintext) {
    security = server.security == config::SecurityMode::kTls ? "tls" : "starttls";
  }
  return std::string(server.protocol == config::Protocol::kPop3 ? "pop3 " : "imap ") +
         (server.host.empty() ? "?" : server.host + ":" + std::to_string(server.port)) + " " +
         security;
}

Lines LinesOf(const config::Config& config) {
  Lines lines;
  for (const config::TenantConfig& tenant : config.tenants) {
    for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
      Line line;
      line.mailbox = tenant.name + "/" + mailbox.id;
      line.server = Describe(mailbox.source);
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

void SetOutcome(Line& line, const Status& status) {
  line.code = ToString(status.code());
  line.detail = status.message();
}

bool AnyOAuth2(const config::Config& config) {
  for (const config::TenantConfig& tenant : config.tenants) {
    for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
      if (mailbox.source.oauth2.has_value()) {
        return true;
      }
    }
  }
  return false;
}

// Only what the next run must know goes into the store.
Status LogIn(const config::Config& config, SignalWatcher& signals, Lines& lines) {
  std::unique_ptr<OpenStore> kept;
  MH_ASSIGN_OR_RETURN(const bool there, Exists(config.data_dir + "/records"));
  // A refresh token that is replaced must be kept even if it is the first thing that is.
  if (there || (!config.master_key.empty() && AnyOAuth2(config))) {
    MH_ASSIGN_OR_RETURN(kept, OpenForWriting(config));
  }
  MH_ASSIGN_OR_RETURN(const LoginOutcomes outcomes,
                      LogInEverywhere(config, kept.get(), signals, nullptr));
  for (Line& line : lines) {
    SetOutcome(line, outcomes.at(line.mailbox));
  }
  return Status::Ok();
}

// A running server holds the connections that its hosts allow: what it knows is told.
Status AskStore(const config::Config& config, Lines& lines) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<OpenStore> store, OpenForReading(config));
  for (Line& line : lines) {
    const size_t slash = line.mailbox.find('/');
    const std::optional<TenantId> tenant = store->mail->FindTenant(line.mailbox.substr(0, slash));
    const std::optional<MailboxId> id =
        tenant ? store->mail->FindMailbox(*tenant, line.mailbox.substr(slash + 1)) : std::nullopt;
    if (!id) {
      line.code = "unknown";
      line.detail = "the running server does not know it: start it anew with this configuration";
      continue;
    }
    MH_ASSIGN_OR_RETURN(const store::MailboxRecord record, store->mail->GetMailbox(*id));
    if (!record.error_code.empty()) {
      line.code = record.error_code;
      line.detail = record.error_detail;
    } else if (record.last_complete == WallTime{}) {
      line.code = "pending";
      line.detail = "the running server has not completed its first check";
    } else {
      line.code = ToString(Code::kOk);
      line.detail = "checked by the running server at " + FormatRfc3339(record.last_complete);
    }
  }
  return Status::Ok();
}

size_t CountOk(const Lines& lines) {
  size_t ok = 0;
  for (const Line& line : lines) {
    ok += line.code == ToString(Code::kOk) ? 1 : 0;
  }
  return ok;
}

void PrintJson(const Lines& lines, bool by_server) {
  boost::json::array mailboxes;
  for (const Line& line : lines) {
    mailboxes.push_back(boost::json::object{{"mailbox", line.mailbox},
                                            {"server", line.server},
                                            {"code", line.code},
                                            {"detail", line.detail}});
  }
  const boost::json::object object{{"total", lines.size()},
                                   {"ok", CountOk(lines)},
                                   {"from_running_server", by_server},
                                   {"mailboxes", std::move(mailboxes)}};
  std::printf("%s\n", boost::json::serialize(object).c_str());
}

void PrintTable(const Lines& lines) {
  for (const Line& line : lines) {
    std::printf("%-32s %-44s %-16s %s\n", line.mailbox.c_str(), line.server.c_str(),
                line.code.c_str(), line.detail.c_str());
  }
  std::printf("%zu of %zu mailboxes can be reached\n", CountOk(lines), lines.size());
}

}  // namespace

int CheckOnline(const CommandOptions& options, config::Config config) {
  SignalWatcher signals;
  const Status extended = ExtendFromStore(config);
  if (!extended.ok()) {
    return ExplainFailure(extended);
  }
  const Status discovered = DiscoverServersNow(config);
  if (!discovered.ok()) {
    return ExplainFailure(discovered);
  }
  Lines lines = LinesOf(config);
  const bool by_server = AskServer(config.data_dir, kPoolsQuestion).ok();
  const Status done = by_server ? AskStore(config, lines) : LogIn(config, signals, lines);
  if (!done.ok()) {
    return ExplainFailure(done);
  }
  if (options.json) {
    PrintJson(lines, by_server);
  } else {
    PrintTable(lines);
  }
  if (signals.interrupted()) {
    return kExitInterrupted;
  }
  return CountOk(lines) == lines.size() ? kExitDone : kExitSomeFailed;
}

}  // namespace mailhaul::app
