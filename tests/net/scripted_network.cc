#include "tests/net/scripted_network.h"

#include <algorithm>
#include <utility>

#include "connectors/net/memory_stream.h"

namespace mailhaul::net {

Task<Status> ScriptedNetwork::WaitUntil(TimePoint when) {
  OneShot<Status> done;
  OneShot<Status>* const target = &done;
  const Loop::TimerId timer = Loop::Current()->AddTimer(
      when, [target] { target->Set(Status(Code::kUnreachable, "no answer")); });
  const CancelToken::Registration registration(aborted_, [target, timer] {
    Loop::Current()->CancelTimer(timer);
    target->Set(Status(Code::kCancelled, "cancelled"));
  });
  co_return co_await done.Wait();
}

Task<Result<std::vector<IpAddress>>> ScriptedNetwork::Resolve(std::string host,
                                                              TimePoint deadline) {
  events.push_back("resolve " + host);
  const Result<IpAddress> literal = IpAddress::Parse(host);
  if (literal.ok()) {
    co_return std::vector<IpAddress>(1, *literal);
  }
  if (host == "unanswered.example.com") {
    co_return co_await WaitUntil(deadline);
  }
  std::vector<std::vector<IpAddress>>& answers = changing_names[host];
  if (!answers.empty()) {
    std::vector<IpAddress> first = std::move(answers.front());
    answers.erase(answers.begin());
    co_return std::move(first);
  }
  if (!names.contains(host)) {
    co_return Status(Code::kUnreachable, "no such name");
  }
  co_return names[host];
}

Task<Result<std::vector<MxRecord>>> ScriptedNetwork::ResolveMx(std::string /*domain*/,
                                                               TimePoint /*deadline*/) {
  co_return std::vector<MxRecord>();
}

Task<Result<std::vector<SrvRecord>>> ScriptedNetwork::ResolveSrv(std::string /*name*/,
                                                                 TimePoint /*deadline*/) {
  co_return std::vector<SrvRecord>();
}

Task<Result<std::unique_ptr<Stream>>> ScriptedNetwork::Connect(Endpoint remote,
                                                               std::string /*host*/,
                                                               std::optional<IpAddress> egress,
                                                               TimePoint deadline) {
  connects.push_back(remote.ToString());
  events.push_back("connect " + remote.ToString() +
                   (egress.has_value() ? " from " + egress->ToString() : ""));
  const auto it = answers_after.find(remote.address);
  const bool answers = it != answers_after.end();
  const TimePoint now = Loop::Current()->Now();
  const TimePoint until = answers ? std::min(deadline, now + it->second) : deadline;
  const Status waited = co_await WaitUntil(until);
  if (waited.code() == Code::kCancelled) {
    co_return waited;
  }
  if (!answers || Loop::Current()->Now() >= deadline) {
    co_return Status(Code::kUnreachable, "no answer from " + remote.ToString());
  }
  auto [client, server] = MakeMemoryStreams({});
  std::unique_ptr<Stream> result = std::move(client);
  co_return std::move(result);
}

Task<Result<std::unique_ptr<Stream>>> ScriptedNetwork::StartTls(std::unique_ptr<Stream> stream,
                                                                std::string host_name,
                                                                TimePoint deadline) {
  events.push_back("tls " + host_name);
  tls_deadline = deadline;
  if (!tls_answers) {
    co_return co_await WaitUntil(deadline);
  }
  if (!tls_works) {
    co_return Status(Code::kTlsFailed, "unknown authority");
  }
  co_return std::move(stream);
}

Result<std::unique_ptr<Listener>> ScriptedNetwork::Listen(Endpoint /*local*/) {
  return Status(Code::kInternal, "not scripted");
}

}  // namespace mailhaul::net
