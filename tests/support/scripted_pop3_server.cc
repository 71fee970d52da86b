#include "tests/support/scripted_pop3_server.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "connectors/net/loop.h"
#include "connectors/pop3/apop.h"
#include "tests/support/scripted_wire.h"

namespace mailhaul::test_support {
namespace {

constexpr size_t kFlushBytes = 64 * 1024;

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  return text;
}

// Takes the next word from the front of `*text`.
std::string TakeWord(std::string* text) {
  const size_t end = std::min(text->find(' '), text->size());
  std::string word = text->substr(0, end);
  text->erase(0, std::min(end + 1, text->size()));
  return word;
}

// As it goes over the wire: dots stuffed, a line end at the end, and the end.
std::string Stuffed(const std::string& raw, const std::string& line_end) {
  std::string out;
  size_t at = 0;
  while (at < raw.size()) {
    const size_t end = raw.find(line_end, at);
    const std::string line = raw.substr(at, end == std::string::npos ? end : end - at);
    out += (line.starts_with('.') ? "." : "") + line + line_end;
    at += line.size() + line_end.size();
  }
  return out;
}

std::string HeaderOf(const std::string& raw, const std::string& line_end) {
  const size_t end = raw.find(line_end + line_end);
  return end == std::string::npos ? raw + line_end : raw.substr(0, end + 2 * line_end.size());
}

class Connection final {
 public:
  Connection(std::unique_ptr<net::Stream> stream, ScriptedMailServer& server, Pop3Script& script)
      : server_(server),
        script_(script),
        wire_(std::move(stream), server.faults.cut_after_bytes),
        line_end_(script.bare_lf ? "\n" : "\r\n") {}

  net::Task<void> Serve();

 private:
  net::Task<Status> Converse();
  net::Task<Status> OnCommand(std::string line);
  net::Task<Status> SendForever(std::string line);
  net::Task<Status> Authenticate(std::string arguments);
  void Dispatch(const std::string& verb, std::string arguments);
  void OnTransaction(const std::string& verb, std::string arguments);
  void OnLogin(const std::string& user, bool right);
  void OnCapa();
  void OnList(const std::string& verb, const std::string& number);
  void OnMessage(const std::string& verb, std::string arguments);
  void Snapshot();

  void Say(const std::string& line) { wire_.Send(line + line_end_); }
  void Count(const std::string& verb, const std::string& line);
  std::string UniqueId(Uid uid) const;
  std::string ListLine(const std::string& verb, size_t index) const;
  const ScriptedMessage* Find(const std::string& number) const;

  ScriptedMailServer& server_;
  Pop3Script& script_;
  ScriptedWire wire_;
  const std::string line_end_;
  std::string user_;
  bool logged_in_ = false;
  bool over_ = false;
  std::vector<ScriptedMessage> maildrop_;
};

net::Task<void> Connection::Serve() {
  ScriptedCounters& counters = server_.counters;
  ++counters.connections;
  ++counters.connections_open;
  counters.connections_open_max =
      std::max(counters.connections_open_max, counters.connections_open);
  const Status end = co_await Converse();
  static_cast<void>(end.ok());
  co_await wire_.Close();
  --counters.connections_open;
}

net::Task<Status> Connection::Converse() {
  if (server_.faults.hang_up) {
    co_return Status(Code::kUnreachable, "hung up");
  }
  if (!server_.faults.silent) {
    Say(server_.faults.greeting.empty() ? "+OK ready " + script_.timestamp
                                        : server_.faults.greeting);
  }
  while (!over_) {
    CO_RETURN_IF_ERROR(wire_.Flush());
    CO_TRY(std::string line, wire_.ReadLine());
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

void Connection::Count(const std::string& verb, const std::string& line) {
  ++server_.counters.commands[verb];
  if (server_.counters.keep_lines) {
    const bool secret = verb == "PASS" || verb == "AUTH" || verb == "APOP";
    server_.counters.lines.push_back(secret ? verb : line);
  }
}

net::Task<Status> Connection::OnCommand(std::string line) {
  std::string arguments = line;
  const std::string verb = Upper(TakeWord(&arguments));
  Count(verb, line);
  const auto answer = server_.faults.answers.find(verb);
  if (answer != server_.faults.answers.end()) {
    Say(answer->second);
    co_return Status::Ok();
  }
  if (verb == script_.hangs) {
    co_return Status::Ok();
  }
  if (verb == script_.hangs_up) {
    wire_.Send(script_.last_words);
    over_ = true;
    co_return Status::Ok();
  }
  if (verb == script_.endless) {
    Say("+OK for ever");
    std::string forever = verb == "UIDL" || verb == "LIST" ? "" : std::string(1000, 'x');
    co_return co_await SendForever(std::move(forever));
  }
  if (verb == "AUTH" && script_.unknown.count(verb) == 0) {
    co_return co_await Authenticate(std::move(arguments));
  }
  Dispatch(verb, std::move(arguments));
  if (wire_.pending_bytes() > kFlushBytes) {
    co_return co_await wire_.Flush();
  }
  co_return Status::Ok();
}

// `line` again and again, or a listing that goes on, until the client has enough.
net::Task<Status> Connection::SendForever(std::string line) {
  for (uint64_t i = 1;; ++i) {
    wire_.Send((line.empty() ? std::to_string(i) + " " + std::to_string(i) : line) + line_end_);
    if (wire_.pending_bytes() > kFlushBytes) {
      CO_RETURN_IF_ERROR(wire_.Flush());
    }
  }
}

void Connection::Dispatch(const std::string& verb, std::string arguments) {
  if (script_.unknown.count(verb) > 0) {
    Say("-ERR Unknown command.");
  } else if (verb == "CAPA") {
    OnCapa();
  } else if (verb == "STLS") {
    Say("+OK Begin TLS negotiation now.");
    if (server_.faults.plaintext_after_starttls) {
      Say("+OK injected");
    }
  } else if (verb == "QUIT") {
    Say("+OK bye");
    over_ = true;
  } else if (verb == "USER" && !logged_in_) {
    user_ = arguments;
    Say("+OK");
  } else if (verb == "PASS" && !logged_in_) {
    const ScriptedAccount* const account = server_.Find(user_);
    OnLogin(user_, account != nullptr && account->password == arguments);
  } else if (verb == "APOP" && !logged_in_) {
    const std::string user = TakeWord(&arguments);
    const ScriptedAccount* const account = server_.Find(user);
    OnLogin(user, account != nullptr &&
                      pop3::ApopDigest(script_.timestamp, account->password) == arguments);
  } else if (logged_in_) {
    OnTransaction(verb, std::move(arguments));
  } else {
    Say("-ERR log in first");
  }
}

void Connection::OnTransaction(const std::string& verb, std::string arguments) {
  if (verb == "NOOP" || verb == "RSET" || verb == "DELE") {
    Say("+OK");
  } else if (verb == "STAT") {
    Say("+OK " + std::to_string(maildrop_.size()) + " 1");
  } else if (verb == "LIST" || verb == "UIDL") {
    OnList(verb, arguments);
  } else if (verb == "TOP" || verb == "RETR") {
    OnMessage(verb, std::move(arguments));
  } else {
    Say("-ERR Unknown command.");
  }
}

void Connection::OnCapa() {
  if (script_.capabilities.empty()) {
    Say("-ERR Unknown command.");
    return;
  }
  Say("+OK");
  for (const std::string& line : script_.capabilities) {
    Say(line);
  }
  Say(".");
}

void Connection::OnLogin(const std::string& user, bool right) {
  if (!server_.faults.refuse_login.empty() || !right) {
    ++server_.counters.logins_refused;
    Say(server_.faults.refuse_login.empty() ? "-ERR [AUTH] Authentication failed."
                                            : server_.faults.refuse_login);
    return;
  }
  ++server_.counters.logins;
  user_ = user;
  logged_in_ = true;
  Snapshot();
  Say("+OK Logged in.");
}

void Connection::Snapshot() {
  for (const ScriptedMessage& message : server_.Folder(user_).messages()) {
    const bool hidden = script_.hides_fetched && script_.fetched.count(message.uid) > 0;
    if (!hidden && maildrop_.size() < script_.listed_max) {
      maildrop_.push_back(message);
    }
  }
}

net::Task<Status> Connection::Authenticate(std::string arguments) {
  const std::string mechanism = Upper(TakeWord(&arguments));
  if (mechanism != "PLAIN") {
    Say("-ERR unknown mechanism");
    co_return Status::Ok();
  }
  if (arguments.empty()) {
    Say("+ ");
    CO_RETURN_IF_ERROR(wire_.Flush());
    CO_TRY(arguments, wire_.ReadLine());
  }
  std::string who;
  for (const auto& [user, account] : server_.accounts) {
    const std::string message =
        std::string(1, '\0') + user + std::string(1, '\0') + account.password;
    who = Base64Encode(message) == arguments ? user : who;
  }
  OnLogin(who, !who.empty());
  co_return Status::Ok();
}

std::string Connection::UniqueId(Uid uid) const {
  const auto it = script_.unique_ids.find(uid);
  return it == script_.unique_ids.end() ? "id-" + std::to_string(uid) : it->second;
}

std::string Connection::ListLine(const std::string& verb, size_t index) const {
  const ScriptedMessage& message = maildrop_[index];
  const auto size = static_cast<int64_t>(message.raw->size()) + server_.faults.size_lie;
  return std::to_string(index + 1) + " " +
         (verb == "UIDL" ? UniqueId(message.uid) : std::to_string(std::max<int64_t>(size, 0)));
}

void Connection::OnList(const std::string& verb, const std::string& number) {
  if (!number.empty()) {
    const ScriptedMessage* const message = Find(number);
    Say(message == nullptr
            ? "-ERR no such message"
            : "+OK " + ListLine(verb, static_cast<size_t>(message - maildrop_.data())));
    return;
  }
  Say("+OK");
  for (size_t i = 0; i < maildrop_.size(); ++i) {
    Say(ListLine(verb, i));
  }
  Say(".");
}

const ScriptedMessage* Connection::Find(const std::string& number) const {
  size_t parsed = 0;
  std::from_chars(number.data(), number.data() + number.size(), parsed);
  return parsed > 0 && parsed <= maildrop_.size() ? &maildrop_[parsed - 1] : nullptr;
}

void Connection::OnMessage(const std::string& verb, std::string arguments) {
  const ScriptedMessage* const message = Find(TakeWord(&arguments));
  if (message == nullptr) {
    Say("-ERR no such message");
    return;
  }
  if (server_.faults.refuse_uids.count(message->uid) > 0) {
    Say(server_.faults.refusal);
    return;
  }
  Say("+OK");
  const auto raw = script_.raw.find(message->uid);
  if (verb == "RETR") {
    ++server_.counters.bodies_sent[{user_ + "/INBOX", message->uid}];
    server_.counters.body_bytes_sent += message->raw->size();
    script_.fetched.insert(message->uid);
    if (raw != script_.raw.end()) {
      wire_.Send(raw->second);
      return;
    }
  }
  const bool all = verb == "RETR" || script_.top_sends_all;
  wire_.Send(Stuffed(all ? *message->raw : HeaderOf(*message->raw, line_end_), line_end_));
  if (!script_.missing_dot) {
    Say(".");
  }
}

}  // namespace

net::Task<void> ServePop3Connection(std::unique_ptr<net::Stream> stream, ScriptedMailServer& server,
                                    Pop3Script& script) {
  Connection connection(std::move(stream), server, script);
  co_await connection.Serve();
}

}  // namespace mailhaul::test_support
