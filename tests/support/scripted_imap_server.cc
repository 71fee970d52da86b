#include "tests/support/scripted_imap_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "connectors/imap/command_encoder.h"
#include "connectors/imap/fetch_grammar.h"
#include "connectors/imap/scanner.h"
#include "connectors/net/loop.h"
#include "tests/support/scripted_fetch.h"
#include "tests/support/scripted_folders.h"
#include "tests/support/scripted_wire.h"

namespace mailhaul::test_support {
namespace {

using imap::Scanner;

class Connection final {
 public:
  Connection(std::unique_ptr<net::Stream> stream, ScriptedMailServer& server)
      : server_(server),
        client_(stream->peer_name()),
        wire_(std::move(stream), server.faults.cut_after_bytes) {}

  net::Task<void> Serve();

 private:
  net::Task<Status> Converse();
  void NoteLogin(std::string_view line);
  net::Task<Status> OnCommand(std::string line);
  // What needs no waiting; answers go to wire_.
  void Dispatch(const std::string& verb, Scanner* arguments);
  net::Task<Status> Authenticate(std::string mechanism, std::string initial);
  // XOAUTH2; a token is good when it is the account's password.
  net::Task<Status> AuthenticateToken(std::string initial);
  net::Task<Status> Fetch(std::string arguments);
  net::Task<Status> Idle();
  net::Task<void> FlushNews();
  net::Task<Status> Compress();
  void OnAppend(Scanner* arguments);
  void OnCreate(Scanner* arguments);

  void Finish(std::string_view outcome) { wire_.Send(tag_ + " " + std::string(outcome) + "\r\n"); }
  std::string CapabilityList() const;
  void OnLogin(const std::string& user, const std::string& password);
  void OnEnable(Scanner* arguments);
  void OnStatus(Scanner* arguments);
  void OnOpen(Scanner* arguments, bool read_only);
  void OnSearch(std::string_view arguments);
  // Null when none is open, or it is gone.
  ScriptedFolder* OpenFolder();
  std::string NextVerb(Scanner* scanner);
  void Count(const std::string& verb, const std::string& line);

  ScriptedMailServer& server_;
  const std::string client_;
  ScriptedWire wire_;
  std::string tag_;
  std::string user_;
  ScriptedAccount* account_ = nullptr;
  FolderView view_;
  bool over_ = false;
  net::TaskGroup telling_;  // News to a client that idles.
};

net::Task<void> Connection::Serve() {
  ScriptedCounters& counters = server_.counters;
  ++counters.connections;
  ++counters.connections_open;
  counters.connections_open_max =
      std::max(counters.connections_open_max, counters.connections_open);
  if (server_.observer != nullptr) {
    server_.observer->OnConnected(client_);
  }
  const Status end = co_await Converse();
  static_cast<void>(end.ok());
  co_await wire_.Close();
  --counters.connections_open;
  if (server_.observer != nullptr) {
    server_.observer->OnLeft(client_, user_);
  }
}

void Connection::NoteLogin(std::string_view line) {
  Scanner scanner(line);
  scanner.Atom();
  scanner.Skip(' ');
  const std::string verb = NextVerb(&scanner);
  if (server_.observer != nullptr && (verb == "LOGIN" || verb == "AUTHENTICATE")) {
    server_.observer->OnLoginTried(client_);
  }
}

std::string Connection::CapabilityList() const {
  std::string list = "CAPABILITY IMAP4rev1";
  for (const std::string& capability : server_.options.capabilities) {
    list += " " + capability;
  }
  return list;
}

net::Task<Status> Connection::Converse() {
  if (server_.faults.hang_up) {
    co_return Status(Code::kUnreachable, "hung up");
  }
  if (!server_.faults.silent) {
    const std::string code =
        server_.options.capability_in_greeting ? "[" + CapabilityList() + "] " : "";
    wire_.Send(server_.faults.greeting.empty() ? "* OK " + code + "ready\r\n"
                                               : server_.faults.greeting + "\r\n");
  }
  while (!over_) {
    CO_RETURN_IF_ERROR(wire_.Flush());
    CO_TRY(std::string line, wire_.ReadCommand());
    NoteLogin(line);
    if (server_.faults.silent) {
      continue;
    }
    if (server_.faults.delay_per_command > Duration::zero()) {
      const TimePoint when = net::Loop::Current()->Now() + server_.faults.delay_per_command;
      co_await net::SleepUntil(when);
    }
    CO_RETURN_IF_ERROR(OnCommand(std::move(line)));
  }
  co_return co_await wire_.Flush();
}

std::string Connection::NextVerb(Scanner* scanner) {
  std::string verb = AsciiLowered(scanner->Atom());
  if (verb == "uid" && scanner->Skip(' ')) {
    verb += " " + AsciiLowered(scanner->Atom());
  }
  scanner->Skip(' ');
  std::transform(verb.begin(), verb.end(), verb.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  return verb;
}

void Connection::Count(const std::string& verb, const std::string& line) {
  ScriptedCounters& counters = server_.counters;
  ++counters.commands[verb];
  if (counters.keep_lines) {
    const bool secret = verb == "LOGIN" || verb == "AUTHENTICATE";
    counters.lines.push_back(secret ? verb : line.substr(line.find(' ') + 1));
  }
}

net::Task<Status> Connection::OnCommand(std::string line) {
  Scanner scanner(line);
  tag_ = scanner.Atom();
  scanner.Expect(' ');
  const std::string verb = NextVerb(&scanner);
  Count(verb, line);
  const ScriptedFolder* const folder = OpenFolder();
  if (folder != nullptr && folder->uid_validity != view_.uid_validity) {
    // As Dovecot does: UIDs of before would mean other messages.
    wire_.Send("* BYE UIDVALIDITY has changed under an open folder\r\n");
    over_ = true;
    co_return Status::Ok();
  }
  const auto answer = server_.faults.answers.find(verb);
  if (answer != server_.faults.answers.end()) {
    Finish(answer->second);
    co_return Status::Ok();
  }
  if (verb == "AUTHENTICATE") {
    std::string mechanism(scanner.Atom());
    std::string initial(scanner.Skip(' ') ? scanner.Atom() : std::string_view());
    co_return co_await Authenticate(std::move(mechanism), std::move(initial));
  }
  if (verb == "UID FETCH") {
    std::string arguments(scanner.rest());
    co_return co_await Fetch(std::move(arguments));
  }
  if (verb == "IDLE" && OpenFolder() != nullptr) {
    co_return co_await Idle();
  }
  if (verb == "COMPRESS" && server_.options.Has("COMPRESS=DEFLATE")) {
    co_return co_await Compress();
  }
  Dispatch(verb, &scanner);
  co_return Status::Ok();
}

void Connection::Dispatch(const std::string& verb, Scanner* arguments) {
  if (verb == "CAPABILITY") {
    wire_.Send("* " + CapabilityList() + "\r\n");
    Finish("OK done");
  } else if (verb == "STARTTLS") {
    Finish("OK begin TLS now");
    if (server_.faults.plaintext_after_starttls) {
      wire_.Send("* CAPABILITY IMAP4rev1 INJECTED\r\n");
    }
  } else if (verb == "LOGIN") {
    std::string user;
    std::string password;
    arguments->Astring(&user);
    arguments->Expect(' ');
    arguments->Astring(&password);
    OnLogin(user, password);
  } else if (verb == "ID") {
    wire_.Send("* ID (\"name\" \"scripted\")\r\n");
    Finish("OK done");
  } else if (verb == "LOGOUT") {
    wire_.Send("* BYE see you\r\n");
    Finish("OK bye");
    over_ = true;
  } else if (verb == "NOOP") {
    if (ScriptedFolder* const folder = OpenFolder()) {
      wire_.Send(NewsAnswers(*folder, &view_));
    }
    Finish("OK done");
  } else if (account_ == nullptr) {
    Finish("BAD log in first");
  } else if (verb == "LIST") {
    wire_.Send(ListAnswers(server_, *account_, arguments->rest()));
    Finish("OK done");
  } else if (verb == "STATUS") {
    OnStatus(arguments);
  } else if (verb == "NAMESPACE") {
    wire_.Send("* NAMESPACE " + server_.options.namespaces + "\r\n");
    Finish("OK done");
  } else if (verb == "ENABLE" && server_.options.Has("ENABLE")) {
    OnEnable(arguments);
  } else if (verb == "APPEND") {
    OnAppend(arguments);
  } else if (verb == "CREATE") {
    OnCreate(arguments);
  } else if (verb == "EXAMINE" || verb == "SELECT") {
    OnOpen(arguments, verb == "EXAMINE");
  } else if (verb == "UID SEARCH" && OpenFolder() != nullptr) {
    OnSearch(arguments->rest());
  } else {
    Finish("BAD unknown command");
  }
}

void Connection::OnLogin(const std::string& user, const std::string& password) {
  if (!server_.faults.refuse_login.empty()) {
    ++server_.counters.logins_refused;
    Finish(server_.faults.refuse_login);
    return;
  }
  ScriptedAccount* const account = server_.Find(user);
  if (account == nullptr || account->password != password) {
    ++server_.counters.logins_refused;
    Finish("NO [AUTHENTICATIONFAILED] Authentication failed.");
    return;
  }
  ++server_.counters.logins;
  user_ = user;
  account_ = account;
  if (server_.observer != nullptr) {
    server_.observer->OnLoggedIn(client_, user_);
  }
  Finish(server_.options.capability_after_login ? "OK [" + CapabilityList() + "] welcome"
                                                : "OK welcome");
}

net::Task<Status> Connection::AuthenticateToken(std::string initial) {
  if (initial.empty()) {
    wire_.Send("+ \r\n");
    CO_RETURN_IF_ERROR(wire_.Flush());
    CO_TRY(initial, wire_.ReadLine());
  }
  for (const auto& [user, account] : server_.accounts) {
    if (Base64Encode("user=" + user + "\x01" + "auth=Bearer " + account.password + "\x01\x01") ==
        initial) {
      OnLogin(user, account.password);
      co_return Status::Ok();
    }
  }
  wire_.Send("+ " + Base64Encode("{\"status\":\"401\"}") + "\r\n");
  CO_RETURN_IF_ERROR(wire_.Flush());
  CO_TRY(const std::string answer, wire_.ReadLine());
  static_cast<void>(answer.size());
  OnLogin("", "");
  co_return Status::Ok();
}

net::Task<Status> Connection::Authenticate(std::string mechanism, std::string initial) {
  if (EqualsIgnoreCase(mechanism, "XOAUTH2")) {
    co_return co_await AuthenticateToken(std::move(initial));
  }
  if (!EqualsIgnoreCase(mechanism, "PLAIN")) {
    Finish("NO unknown mechanism");
    co_return Status::Ok();
  }
  if (initial.empty()) {
    wire_.Send("+ \r\n");
    CO_RETURN_IF_ERROR(wire_.Flush());
    CO_TRY(initial, wire_.ReadLine());
  }
  for (const auto& [user, account] : server_.accounts) {
    const std::string message =
        std::string(1, '\0') + user + std::string(1, '\0') + account.password;
    if (Base64Encode(message) == initial) {
      OnLogin(user, account.password);
      co_return Status::Ok();
    }
  }
  OnLogin("", "");
  co_return Status::Ok();
}

ScriptedFolder* Connection::OpenFolder() {
  if (account_ == nullptr || view_.name.empty()) {
    return nullptr;
  }
  const auto it = account_->folders.find(view_.name);
  return it == account_->folders.end() ? nullptr : &it->second;
}

void Connection::OnEnable(Scanner* arguments) {
  std::string enabled;
  while (!arguments->AtEnd()) {
    const std::string name(arguments->Atom());
    arguments->SkipSpaces();
    if (server_.options.Has(name)) {
      enabled += " " + name;
      view_.enabled.insert(name);
    }
  }
  view_.condstore = view_.enabled.count("CONDSTORE") + view_.enabled.count("QRESYNC") > 0;
  wire_.Send("* ENABLED" + enabled + "\r\n");
  Finish("OK done");
}

net::Task<void> Connection::FlushNews() {
  const Status flushed = co_await wire_.Flush();
  static_cast<void>(flushed.ok());
}

net::Task<Status> Connection::Idle() {
  wire_.Send("+ idling\r\n");
  if (!server_.faults.bye_while_idle.empty()) {
    wire_.Send(server_.faults.bye_while_idle + "\r\n");
    over_ = true;
    co_return Status::Ok();
  }
  wire_.Send(NewsAnswers(*OpenFolder(), &view_));
  CO_RETURN_IF_ERROR(wire_.Flush());
  server_.idlers[this] = [this] {
    wire_.Send(NewsAnswers(*OpenFolder(), &view_));
    telling_.Spawn(FlushNews());
  };
  const Result<std::string> done = co_await wire_.ReadLine();
  server_.idlers.erase(this);
  co_await telling_.Drain();
  if (!done.ok()) {
    co_return done.status();
  }
  Finish(*done == "DONE" ? "OK idled" : "BAD expected DONE");
  co_return Status::Ok();
}

net::Task<Status> Connection::Compress() {
  Finish("OK compressing");
  wire_.Send(server_.faults.after_compress);
  CO_RETURN_IF_ERROR(wire_.Flush());
  wire_.StartDeflate();
  co_return Status::Ok();
}

// "name" (flags) "date" and the message as a literal.
void Connection::OnAppend(Scanner* arguments) {
  std::string name;
  std::string date;
  arguments->Astring(&name);
  arguments->Expect(' ');
  const bool seen = arguments->SkipWord("(\\Seen) ");
  arguments->String(&date);
  arguments->Expect(' ');
  const std::string_view text = arguments->rest();
  const size_t line_end = text.find("\r\n");
  const std::optional<WallTime> time = imap::ParseInternalDate(date);
  const auto it = account_->folders.find(name);
  if (arguments->failed() || !time || line_end == std::string_view::npos) {
    Finish("BAD malformed APPEND");
  } else if (it == account_->folders.end()) {
    Finish("NO [TRYCREATE] no such folder");
  } else {
    ScriptedFolder& folder = it->second;
    const Uid uid = folder.Add(std::string(text.substr(line_end + 2)), *time, seen ? kFlagSeen : 0);
    if (folder.messages().size() >= server_.faults.append_cut) {
      over_ = true;
      return;
    }
    Finish(server_.options.Has("UIDPLUS") ? "OK [APPENDUID " + std::to_string(folder.uid_validity) +
                                                " " + std::to_string(uid) + "] appended"
                                          : "OK appended");
  }
}

void Connection::OnCreate(Scanner* arguments) {
  std::string name;
  arguments->Astring(&name);
  if (arguments->failed() || account_->folders.count(name) > 0) {
    Finish("NO [ALREADYEXISTS] it is there");
    return;
  }
  account_->folders[name];
  Finish("OK created");
}

void Connection::OnStatus(Scanner* arguments) {
  std::string name;
  arguments->Astring(&name);
  const auto it = account_->folders.find(name);
  if (arguments->failed() || it == account_->folders.end()) {
    Finish("NO [NONEXISTENT] no such folder");
    return;
  }
  wire_.Send(StatusAnswer(server_, name, it->second, arguments->rest()));
  Finish("OK done");
}

void Connection::OnOpen(Scanner* arguments, bool read_only) {
  std::string name;
  arguments->Astring(&name);
  view_.name.clear();
  const auto it = account_->folders.find(EqualsIgnoreCase(name, "INBOX") ? "INBOX" : name);
  if (arguments->failed() || it == account_->folders.end()) {
    Finish("NO [NONEXISTENT] no such folder");
    return;
  }
  if (server_.faults.refuse_folders.count(it->first) > 0) {
    Finish(server_.faults.refusal);
    return;
  }
  const bool resynchronizes = arguments->rest().find("QRESYNC") != std::string_view::npos;
  const bool knows_it = server_.options.Has(resynchronizes ? "QRESYNC" : "CONDSTORE");
  if (!arguments->rest().empty() &&
      (!knows_it || (resynchronizes && view_.enabled.count("QRESYNC") == 0))) {
    Finish("BAD unknown parameter");
    return;
  }
  wire_.Send(OpenAnswers(server_, it->first, it->second, arguments->rest(), &view_));
  Finish(read_only ? "OK [READ-ONLY] done" : "OK [READ-WRITE] done");
}

void Connection::OnSearch(std::string_view arguments) {
  const bool extended = StartsWithIgnoreCase(arguments, "RETURN (ALL) ");
  if (extended) {
    arguments.remove_prefix(std::string_view("RETURN (ALL) ").size());
  }
  WallTime since = WallTime::min();
  std::string header;  // "Message-ID: <...>", which the message must hold.
  if (StartsWithIgnoreCase(arguments, "HEADER ")) {
    Scanner scanner(arguments.substr(7));
    std::string value;
    header = scanner.Atom();
    scanner.Expect(' ');
    scanner.Astring(&value);
    header += ": " + value;
  }
  if (StartsWithIgnoreCase(arguments, "SINCE ")) {
    const std::string date(arguments.substr(6));
    const std::optional<WallTime> day = imap::ParseInternalDate(date + " 00:00:00 +0000");
    if (!day) {
      Finish("BAD no date");
      return;
    }
    since = *day;
  }
  if (!server_.faults.search.empty()) {
    wire_.Send(server_.faults.search + "\r\n");
    Finish("OK done");
    return;
  }
  UidSet uids;
  std::string list;
  for (const ScriptedMessage& message : OpenFolder()->messages()) {
    if (message.internal_date >= since && message.raw->find(header) != std::string::npos) {
      uids.Add(message.uid);
      list += extended ? "" : " " + std::to_string(message.uid);
    }
  }
  if (extended) {
    wire_.Send("* ESEARCH (TAG \"" + tag_ + "\") UID" +
               (uids.empty() ? "" : " ALL " + uids.ToSequenceSet()) + "\r\n");
  } else {
    wire_.Send("* SEARCH" + list + "\r\n");
  }
  Finish("OK done");
}

net::Task<Status> Connection::Fetch(std::string arguments) {
  if (OpenFolder() == nullptr) {
    Finish("BAD open a folder first");
    co_return Status::Ok();
  }
  FetchScript script(server_, user_, view_.name, *OpenFolder(), arguments, view_.condstore);
  if (!script.valid()) {
    Finish("BAD malformed UID FETCH");
    co_return Status::Ok();
  }
  std::string part;
  while (true) {
    const uint64_t before = server_.counters.body_bytes_sent;
    if (!script.Next(&part)) {
      break;
    }
    if (server_.observer != nullptr && server_.counters.body_bytes_sent > before) {
      server_.observer->OnBodies(client_, server_.counters.body_bytes_sent - before);
    }
    wire_.Send(part);
    if (wire_.pending_bytes() > 64 * 1024) {
      CO_RETURN_IF_ERROR(wire_.Flush());
    }
  }
  Finish(script.outcome());
  co_return Status::Ok();
}

}  // namespace

net::Task<void> ServeConnection(std::unique_ptr<net::Stream> stream, ScriptedMailServer& server) {
  Connection connection(std::move(stream), server);
  co_await connection.Serve();
}

}  // namespace mailhaul::test_support
