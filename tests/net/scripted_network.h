// A network that answers from tables and notes what it was asked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/net/cancel_token.h"
#include "connectors/net/loop.h"
#include "connectors/net/network.h"

namespace mailhaul::net {

class ScriptedNetwork final : public Network {
 public:
  std::map<std::string, std::vector<IpAddress>> names;
  std::map<std::string, std::vector<std::vector<IpAddress>>> changing_names;  // In this order.
  std::map<IpAddress, Duration> answers_after;  // Absent: never, until the deadline.
  bool tls_works = true;
  bool tls_answers = true;  // Else it waits for the deadline.

  std::vector<std::string> events;
  std::vector<std::string> connects;  // Those of `events`, as "93.184.216.34:993".
  TimePoint tls_deadline{};

  // Literals answer for themselves. "unanswered.example.com" waits for the deadline.
  Task<Result<std::vector<IpAddress>>> Resolve(std::string host, TimePoint deadline) override;
  Task<Result<std::vector<MxRecord>>> ResolveMx(std::string domain, TimePoint deadline) override;
  Task<Result<std::vector<SrvRecord>>> ResolveSrv(std::string name, TimePoint deadline) override;
  Task<Result<std::unique_ptr<Stream>>> Connect(Endpoint remote, std::string host,
                                                std::optional<IpAddress> egress,
                                                TimePoint deadline) override;
  Task<Result<std::unique_ptr<Stream>>> StartTls(std::unique_ptr<Stream> stream,
                                                 std::string host_name,
                                                 TimePoint deadline) override;
  void Abort() override { aborted_.Cancel(); }
  Result<std::unique_ptr<Listener>> Listen(Endpoint local) override;

 private:
  // kUnreachable at `when`, kCancelled before.
  Task<Status> WaitUntil(TimePoint when);

  CancelToken aborted_;
};

}  // namespace mailhaul::net
