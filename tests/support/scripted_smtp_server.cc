#include "tests/support/scripted_smtp_server.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "connectors/net/loop.h"
#include "tests/support/smtp_data_decoder.h"

namespace mailhaul::test_support {
namespace {

constexpr size_t kLineBytesMax = 2048;

// "FROM:<a@b> X=1" to its address and parameters; the first ">" ends the address, as servers do.
bool ParsePath(std::string_view text, std::string_view prefix, std::string* address,
               std::string* parameters) {
  if (!StartsWithIgnoreCase(text, prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  const size_t end = text.find('>');
  if (end == std::string_view::npos) {
    return false;
  }
  *address = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (!text.empty() && text.front() != ' ') {
    return false;
  }
  *parameters = text.substr(std::min<size_t>(text.size(), 1));
  return true;
}

class Connection final {
 public:
  Connection(std::unique_ptr<net::Stream> stream, ScriptedSmtpServer& server)
      : server_(server), stream_(std::move(stream)) {}

  net::Task<void> Serve();

 private:
  SmtpScript& script() { return server_.script; }

  net::Task<Status> Converse();
  net::Task<Status> ReadMore();
  net::Task<Result<std::string>> ReadLine();
  net::Task<Status> Reply(std::string text);

  net::Task<Status> OnLine(std::string line);
  net::Task<Status> Authenticate(std::string arguments);
  net::Task<Status> TakeData();
  net::Task<Status> TakeChunk(std::string arguments);
  net::Task<Status> FinishMail(bool chunked);

  std::string Answer(const std::string& verb, const std::string& arguments);
  std::string OnHello(bool extended);
  std::string OnMail(const std::string& arguments);
  std::string OnRecipient(const std::string& arguments);
  std::string OnLogin(bool good);
  bool TakeOverride(const std::string& verb, std::string* answer);
  void Violation(std::string what) { server_.counters.violations.push_back(std::move(what)); }

  ScriptedSmtpServer& server_;
  std::unique_ptr<net::Stream> stream_;
  std::string input_;
  size_t bytes_in_ = 0;
  size_t bytes_out_ = 0;
  bool greeted_ = false;
  bool secure_ = false;
  bool authenticated_ = false;
  bool over_ = false;
  std::optional<AcceptedMail> mail_;
};

net::Task<void> Connection::Serve() {
  ++server_.counters.connections;
  ++server_.counters.connections_open;
  const Status end = co_await Converse();
  static_cast<void>(end.ok());
  co_await stream_->Close();
  --server_.counters.connections_open;
}

net::Task<Status> Connection::ReadMore() {
  std::vector<char> chunk(4096);
  const size_t left =
      script().cut_after_bytes_in - std::min(bytes_in_, script().cut_after_bytes_in);
  if (left == 0) {
    co_return Status(Code::kUnreachable, "cut");
  }
  std::span<char> room(chunk.data(), std::min(left, chunk.size()));
  CO_TRY(const size_t bytes, stream_->Read(room));
  if (bytes == 0) {
    co_return Status(Code::kUnreachable, "the client has gone");
  }
  bytes_in_ += bytes;
  input_.append(chunk.data(), bytes);
  co_return Status::Ok();
}

net::Task<Result<std::string>> Connection::ReadLine() {
  for (;;) {
    const size_t end = input_.find("\r\n");
    if (end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 2);
      if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
        Violation("a control character in " + EscapeForLog(line));
      }
      if (line.size() > kLineBytesMax) {
        Violation("a long line");
      }
      co_return line;
    }
    CO_RETURN_IF_ERROR(ReadMore());
  }
}

net::Task<Status> Connection::Reply(std::string text) {
  if (text.empty()) {
    over_ = true;
    co_return Status(Code::kUnreachable, "closed instead of a reply");
  }
  if (script().delay_per_reply > Duration::zero()) {
    const TimePoint when = net::Loop::Current()->Now() + script().delay_per_reply;
    co_await net::SleepUntil(when);
  }
  text += "\r\n";
  const size_t left =
      script().cut_after_bytes_out - std::min(bytes_out_, script().cut_after_bytes_out);
  const std::string_view sent = std::string_view(text).substr(0, left);
  bytes_out_ += sent.size();
  if (!sent.empty()) {
    CO_RETURN_IF_ERROR(stream_->Write(sent));
  }
  if (sent.size() < text.size()) {
    over_ = true;
    co_return Status(Code::kUnreachable, "cut");
  }
  over_ = over_ || text.starts_with("421");
  co_return Status::Ok();
}

net::Task<Status> Connection::Converse() {
  if (script().hang_up) {
    co_return Status(Code::kUnreachable, "hung up");
  }
  if (!script().silent) {
    CO_RETURN_IF_ERROR(Reply(script().greeting));
  }
  while (!over_) {
    CO_TRY(std::string line, ReadLine());
    if (!script().silent) {
      CO_RETURN_IF_ERROR(OnLine(std::move(line)));
    }
  }
  co_return Status::Ok();
}

bool Connection::TakeOverride(const std::string& verb, std::string* answer) {
  const auto it = script().answers.find(verb);
  if (it == script().answers.end() || script().answers_max == 0) {
    return false;
  }
  --script().answers_max;
  *answer = it->second;
  return true;
}

net::Task<Status> Connection::OnLine(std::string line) {
  const size_t space = std::min(line.find(' '), line.size());
  const std::string verb = line.substr(0, space);
  std::string arguments = line.substr(std::min(space + 1, line.size()));
  ++server_.counters.commands[verb];
  server_.counters.lines.push_back(
      verb == "AUTH" ? "AUTH " + arguments.substr(0, arguments.find(' ')) : line);
  if ((verb == "AUTH" || verb == "MAIL") && script().require_tls && !secure_) {
    ++server_.counters.tls_required_broken;
  }
  std::string answer;
  const bool overridden = TakeOverride(verb, &answer);
  if (verb == "BDAT") {
    if (overridden) {
      mail_.reset();  // The chunk is still to be read.
      script().answers["BDAT "] = answer;
    }
    co_return co_await TakeChunk(std::move(arguments));
  }
  if (overridden) {
    co_return co_await Reply(std::move(answer));
  }
  if (verb == "AUTH") {
    co_return co_await Authenticate(std::move(arguments));
  }
  if (verb == "DATA") {
    co_return co_await TakeData();
  }
  answer = Answer(verb, arguments);
  CO_RETURN_IF_ERROR(Reply(std::move(answer)));
  if (verb == "STARTTLS" && secure_ && !script().plaintext_after_starttls.empty()) {
    CO_RETURN_IF_ERROR(stream_->Write(script().plaintext_after_starttls));
  }
  co_return Status::Ok();
}

std::string Connection::Answer(const std::string& verb, const std::string& arguments) {
  if (verb == "EHLO" || verb == "HELO") {
    return OnHello(verb == "EHLO");
  }
  if (verb == "QUIT") {
    over_ = true;
    return "221 2.0.0 bye";
  }
  if (verb == "NOOP") {
    return "250 2.0.0 ok";
  }
  if (verb == "STARTTLS") {
    if (secure_ || !input_.empty()) {
      Violation("STARTTLS twice, or pipelined");
    }
    secure_ = true;
    greeted_ = false;
    return "220 2.0.0 go ahead";
  }
  if (verb == "RSET") {
    mail_.reset();
    return "250 2.0.0 ok";
  }
  if (verb == "MAIL") {
    return OnMail(arguments);
  }
  if (verb == "RCPT") {
    return OnRecipient(arguments);
  }
  Violation("unknown command " + EscapeForLog(verb));
  return "500 5.5.1 unknown command";
}

std::string Connection::OnHello(bool extended) {
  greeted_ = true;
  mail_.reset();
  if (!extended) {
    return "250 mx.example.com";
  }
  std::string answer = "250-mx.example.com";
  for (size_t i = 0; i < script().endless_reply_to_ehlo; ++i) {
    answer += "\r\n250-X-LINE";
  }
  std::vector<std::string> extensions = script().extensions;
  if (secure_) {
    std::erase(extensions, "STARTTLS");
  }
  for (const std::string& extension : extensions) {
    answer += "\r\n250-" + extension;
  }
  answer.replace(answer.rfind("250-"), 4, "250 ");
  return answer;
}

std::string Connection::OnMail(const std::string& arguments) {
  if (!greeted_ || mail_.has_value()) {
    Violation("MAIL out of order");
    return "503 5.5.1 not now";
  }
  if (!script().users.empty() && !authenticated_) {
    return "530 5.7.0 Authentication required";
  }
  AcceptedMail mail;
  if (!ParsePath(arguments, "FROM:<", &mail.from, &mail.from_parameters)) {
    Violation("malformed MAIL " + EscapeForLog(arguments));
    return "501 5.5.4 malformed";
  }
  mail_ = std::move(mail);
  return "250 2.1.0 ok";
}

std::string Connection::OnRecipient(const std::string& arguments) {
  std::string address;
  std::string parameters;
  if (!ParsePath(arguments, "TO:<", &address, &parameters)) {
    Violation("malformed RCPT " + EscapeForLog(arguments));
    return "501 5.5.4 malformed";
  }
  if (!mail_.has_value()) {
    return "503 5.5.1 MAIL first";  // No violation: pipelined behind a refused MAIL.
  }
  const auto answer = script().recipient_answers.find(address);
  if (answer != script().recipient_answers.end()) {
    return answer->second;
  }
  mail_->recipients.push_back(std::move(address));
  mail_->recipient_parameters.push_back(std::move(parameters));
  return "250 2.1.5 ok";
}

std::string Connection::OnLogin(bool good) {
  authenticated_ = good;
  return good ? "235 2.7.0 welcome" : "535 5.7.8 Username and Password not accepted";
}

net::Task<Status> Connection::Authenticate(std::string arguments) {
  const size_t space = std::min(arguments.find(' '), arguments.size());
  const std::string mechanism = arguments.substr(0, space);
  std::string initial = arguments.substr(std::min(space + 1, arguments.size()));
  if (mechanism == "LOGIN") {
    std::string question = "334 VXNlcm5hbWU6";
    CO_RETURN_IF_ERROR(Reply(std::move(question)));
    CO_TRY(const std::string user, ReadLine());
    question = "334 UGFzc3dvcmQ6";
    CO_RETURN_IF_ERROR(Reply(std::move(question)));
    CO_TRY(const std::string password, ReadLine());
    const bool good =
        std::any_of(script().users.begin(), script().users.end(), [&](const auto& known) {
          return Base64Encode(known.first) == user && Base64Encode(known.second) == password;
        });
    std::string verdict = OnLogin(good);
    co_return co_await Reply(std::move(verdict));
  }
  if (initial.empty()) {
    std::string question = "334 ";
    CO_RETURN_IF_ERROR(Reply(std::move(question)));
    CO_TRY(initial, ReadLine());
  }
  const bool good =
      std::any_of(script().users.begin(), script().users.end(), [&](const auto& known) {
        const std::string message =
            std::string(1, '\0') + known.first + std::string(1, '\0') + known.second;
        return mechanism == "PLAIN" && Base64Encode(message) == initial;
      });
  std::string verdict = OnLogin(good);
  co_return co_await Reply(std::move(verdict));
}

net::Task<Status> Connection::TakeData() {
  if (!mail_.has_value() || mail_->recipients.empty()) {
    Violation("DATA without a recipient");
    std::string refusal = "554 5.5.1 no valid recipients";
    co_return co_await Reply(std::move(refusal));
  }
  if (!input_.empty()) {
    Violation("data before the go-ahead");
  }
  std::string go = "354 go ahead" + script().after_go_ahead;
  CO_RETURN_IF_ERROR(Reply(std::move(go)));
  SmtpDataDecoder decoder(LineEnds::kStrict);
  size_t taken = 0;
  for (;;) {
    const size_t bytes = decoder.Take(input_);
    input_.erase(0, bytes);
    taken += bytes;
    if (decoder.done()) {
      break;
    }
    if (taken >= script().close_within_data_after) {
      std::string words = script().last_words;
      over_ = true;
      co_return co_await Reply(std::move(words));
    }
    CO_RETURN_IF_ERROR(ReadMore());
  }
  if (!input_.empty()) {
    Violation("bytes behind the end of data");
  }
  mail_->data = decoder.message();
  co_return co_await FinishMail(false);
}

net::Task<Status> Connection::TakeChunk(std::string arguments) {
  uint64_t size = 0;
  const auto [end, error] =
      std::from_chars(arguments.data(), arguments.data() + arguments.size(), size);
  const std::string_view rest(end, static_cast<size_t>(arguments.data() + arguments.size() - end));
  if (error != std::errc() || (!rest.empty() && rest != " LAST")) {
    Violation("malformed BDAT");
  }
  const bool is_last = !rest.empty();
  while (input_.size() < size) {
    if (input_.size() >= script().close_within_data_after) {
      std::string words = script().last_words;
      over_ = true;
      co_return co_await Reply(std::move(words));
    }
    CO_RETURN_IF_ERROR(ReadMore());
  }
  const std::string chunk = input_.substr(0, size);
  input_.erase(0, size);
  const auto overridden = script().answers.find("BDAT ");
  if (overridden != script().answers.end()) {
    std::string answer = overridden->second;
    script().answers.erase(overridden);
    co_return co_await Reply(std::move(answer));
  }
  if (!mail_.has_value() || mail_->recipients.empty()) {
    std::string refusal = "503 5.5.1 no valid recipients";
    co_return co_await Reply(std::move(refusal));
  }
  mail_->data += chunk;
  if (is_last) {
    co_return co_await FinishMail(true);
  }
  std::string taken = "250 2.0.0 chunk taken";
  co_return co_await Reply(std::move(taken));
}

net::Task<Status> Connection::FinishMail(bool chunked) {
  ++server_.counters.ends_of_data;
  AcceptedMail mail = std::move(*mail_);
  mail.chunked = chunked;
  mail_.reset();
  std::string answer;
  if (TakeOverride(".", &answer)) {
    co_return co_await Reply(std::move(answer));
  }
  server_.mails.push_back(std::move(mail));
  if (script().lose_answer_after_end) {
    over_ = true;
    co_return Status(Code::kUnreachable, "closed");
  }
  while (script().hang_after_end) {
    CO_RETURN_IF_ERROR(ReadMore());
  }
  answer = "250 2.0.0 queued as 1";
  co_return co_await Reply(std::move(answer));
}

}  // namespace

net::Task<void> ServeSmtp(std::unique_ptr<net::Stream> stream, ScriptedSmtpServer& server) {
  Connection connection(std::move(stream), server);
  co_await connection.Serve();
}

}  // namespace mailhaul::test_support
