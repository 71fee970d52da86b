// From a call to its answer: asks the Directory on the loop and the store on the read pool, and
// has the committer write.
#pragma once

#include <functional>
#include <string>

#include "base/work_pool.h"
#include "connectors/net/task.h"
#include "engine/http/gate.h"
#include "engine/http/local_changes.h"
#include "engine/http/mailbox_admin.h"
#include "engine/http/reader.h"
#include "engine/http/service.h"
#include "engine/http/submissions.h"

namespace mailhaul::http {

// Loop thread only.
class Dispatcher final {
 public:
  // `writer`: the committer's thread.
  Dispatcher(const Reader& reader, LocalChanges& changes, Directory& directory, WorkPool& read_pool,
             WorkPool& writer)
      : reader_(reader),
        changes_(changes),
        directory_(directory),
        read_pool_(read_pool),
        writer_(writer) {}

  // Before Serve().
  void EnableSending(Submissions& submissions) { submissions_ = &submissions; }
  void EnableAdding(MailboxAdmin& mailboxes) { mailbox_admin_ = &mailboxes; }

  net::Task<Response> Serve(Call call);
  // What an event stream sends next; see Reader::Events().
  net::Task<EventPage> Events(const Call& call, std::optional<store::ChangePosition> from);
  // The token is known still, for the same tenant and with the right to read.
  bool MayRead(const Call& call) const;
  WorkPool& read_pool() { return read_pool_; }
  const Directory& directory() const { return directory_; }

 private:
  using Work = std::function<Answer()>;  // For the read pool.

  net::Task<Response> Read(Call call);
  net::Task<Response> Change(Call call);
  net::Task<Response> Submit(Call call);
  net::Task<Response> ServeSubmissions(Call call);
  net::Task<Response> AddMailbox(Call call);
  net::Task<Response> RemoveMailbox(Call call);
  // What needs no store is answered at once.
  std::variant<Work, Response> Prepare(Call call) const;
  std::variant<Work, Response> PrepareMailboxes(Call call) const;
  Response Refresh(const Call& call) const;
  Response Pools(const Call& call) const;
  Response Webhooks(const Call& call) const;
  Response Metrics() const;
  static Response Description(const Call& call);
  static Response StatusPage(const Call& call);
  bool IsConfigured(const Call& call) const;

  const Reader& reader_;
  LocalChanges& changes_;
  Submissions* submissions_ = nullptr;     // Null: nothing is sent.
  MailboxAdmin* mailbox_admin_ = nullptr;  // Null: mailboxes stand in files alone.
  Directory& directory_;
  WorkPool& read_pool_;
  WorkPool& writer_;
};

}  // namespace mailhaul::http
