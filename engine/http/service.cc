#include "engine/http/service.h"

#include <chrono>
#include <map>
#include <utility>

#include "base/log.h"
#include "connectors/net/cancel_token.h"
#include "connectors/net/tls_stream.h"
#include "engine/http/connection.h"
#include "engine/http/dispatcher.h"
#include "engine/http/local_changes.h"
#include "engine/http/reader.h"
#include "engine/http/submissions.h"

namespace mailhaul::http {
namespace {

// Connections over the limit that are told so at the same time; more are closed without a word.
constexpr size_t kRefusalsMax = 32;
// After Stop() running answers may take so long.
constexpr Duration kDrainTime = std::chrono::seconds(30);
// After a failed accept (no file descriptors left): the pause before the next.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

// To a client that speaks HTTP where TLS is spoken.
std::string TlsRequired(ConnectionContext& context) {
  const Response response = Problem(400, "tls_required", "this port speaks TLS: use https");
  const std::string request_id = context.NextRequestId();
  const HeadContext head{
      .keep_alive = false, .now = context.clock.WallNow(), .request_id = request_id};
  return SerializeHead(response, head) + response.body;
}

}  // namespace

struct Service::Impl {
  Impl(store::MailStore& store, Directory& directory, const BodyDecoder& decoder,
       WorkPool& read_pool, WorkPool& writer, const Clock& clock, TextSearch* text)
      : reader(store, decoder, text),
        changes(store, reader),
        dispatcher(reader, changes, directory, read_pool, writer),
        mail(store),
        time(clock),
        context{.dispatcher = dispatcher, .clock = clock, .streams = streams} {
    // Ids differ between requests, and all but surely between runs.
    const auto now = static_cast<uint64_t>(clock.WallNow().time_since_epoch().count());
    context.request_base = now << 20;
  }

  net::Task<void> Serve(net::Listener& from);
  net::Task<void> Accepted(std::unique_ptr<net::Stream> stream);
  net::Task<void> Handle(std::unique_ptr<net::Stream> stream, bool refused);
  void Stop();
  void AbortAll();

  const Reader reader;
  LocalChanges changes;
  Dispatcher dispatcher;
  ChangeStreams streams;
  store::MailStore& mail;
  const Clock& time;
  std::optional<Submissions> submissions;
  ConnectionContext context;
  std::map<uint64_t, Connection*> connections;
  size_t open = 0;    // Those in handshakes too.
  size_t served = 0;  // Of these; the others are being refused.
  std::shared_ptr<const net::TlsContext> tls;
  net::CancelToken handshakes;
  uint64_t last_connection = 0;
  net::Listener* listener = nullptr;  // While Serve() accepts.
  net::Loop* loop = nullptr;          // Since Serve() began.
  net::Loop::TimerId drain_timer = 0;
  net::TaskGroup group;
};

net::Task<void> Service::Impl::Serve(net::Listener& from) {
  listener = &from;
  loop = net::Loop::Current();
  while (!context.stopping) {
    Result<std::unique_ptr<net::Stream>> accepted = co_await from.Accept();
    if (!accepted.ok()) {
      if (context.stopping || accepted.status().code() == Code::kCancelled) {
        break;
      }
      LogWarning("HTTP accept failed: " + accepted.status().ToString());
      co_await net::SleepUntil(loop->Now() + kAcceptPause);
      continue;
    }
    if (open < kConnectionsMax + kRefusalsMax) {
      group.Spawn(Accepted(std::move(accepted).value()));
    }
  }
  listener = nullptr;
  co_await group.Drain();
  loop->CancelTimer(drain_timer);
  drain_timer = 0;
}

net::Task<void> Service::Impl::Accepted(std::unique_ptr<net::Stream> stream) {
  const bool refused = served >= kConnectionsMax;
  ++open;
  served += refused ? 0 : 1;
  Result<std::unique_ptr<net::Stream>> ready = std::move(stream);
  if (tls != nullptr) {
    const TimePoint deadline = loop->Now() + kHandshakeTime;
    std::string foreign = TlsRequired(context);
    std::unique_ptr<net::Stream> plain = std::move(ready).value();
    ready =
        co_await net::AcceptTls(std::move(plain), tls, deadline, &handshakes, std::move(foreign));
  }
  if (ready.ok()) {
    std::unique_ptr<net::Stream> secured = std::move(ready).value();
    co_await Handle(std::move(secured), refused);
  } else {
    LogDebug("HTTP connection refused: " + ready.status().ToString());
  }
  served -= refused ? 0 : 1;
  --open;
}

net::Task<void> Service::Impl::Handle(std::unique_ptr<net::Stream> stream, bool refused) {
  const uint64_t id = ++last_connection;
  Connection connection(std::move(stream), context);
  connections.emplace(id, &connection);
  if (refused) {
    co_await connection.Refuse();
  } else {
    co_await connection.Run();
  }
  connections.erase(id);
}

void Service::Impl::Stop() {
  if (context.stopping) {
    return;
  }
  context.stopping = true;
  if (listener == nullptr) {
    return;
  }
  listener->Abort();
  handshakes.Cancel();
  for (const auto& [id, connection] : connections) {
    connection->Stop();
  }
  streams.WakeAll();
  drain_timer = loop->AddTimer(loop->Now() + kDrainTime, [this] { AbortAll(); });
}

void Service::Impl::AbortAll() {
  drain_timer = 0;
  for (const auto& [id, connection] : connections) {
    connection->Abort();
  }
}

Service::Service(store::MailStore& store, Directory& directory, const BodyDecoder& decoder,
                 WorkPool& read_pool, WorkPool& writer, const Clock& clock, TextSearch* text)
    : impl_(std::make_unique<Impl>(store, directory, decoder, read_pool, writer, clock, text)) {}

Service::~Service() = default;

void Service::SetOptions(const ServiceOptions& options) {
  impl_->context.rates = TokenRates(options.per_token_per_second);
  impl_->context.access_log = options.access_log;
}

void Service::SetTls(std::shared_ptr<const net::TlsContext> context) {
  impl_->tls = std::move(context);
}

void Service::EnableSending(Outgoing& outgoing) {
  impl_->submissions.emplace(impl_->mail, outgoing, impl_->time);
  impl_->dispatcher.EnableSending(*impl_->submissions);
}

void Service::EnableAdding(MailboxAdmin& mailboxes) { impl_->dispatcher.EnableAdding(mailboxes); }

net::Task<void> Service::Serve(net::Listener& listener) { return impl_->Serve(listener); }

void Service::Stop() { impl_->Stop(); }

void Service::OnChanges(std::string_view tenant) { impl_->streams.WakeTenant(tenant); }

}  // namespace mailhaul::http
