// Decides which mailbox is worked on next, over which connection pool, and when.
//
// A data structure, not an actor: it owns no thread, does no I/O and reads no clock; `now` is an
// argument that never goes back, so equal calls give equal grants (tests/scheduler). Policy and
// costs: README.md. Not thread-safe: a Scheduler belongs to one event loop.
//
// A pool is (egress address, host). A mailbox stays on one egress address. At most one grant of a
// mailbox is out at any time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"

namespace mailhaul::scheduler {

using HostId = uint32_t;
using EgressId = uint32_t;

// A mailbox's connection to its submission server is scheduled beside those to its source: under an
// id of its own, added as any other with the host of that server, from the same egress address.
inline constexpr uint64_t kSubmitterBit = uint64_t{1} << 47;
inline MailboxId SubmitterOf(MailboxId mailbox) { return {mailbox.value | kSubmitterBit}; }
inline MailboxId OwnerOf(MailboxId submitter) { return {submitter.value & ~kSubmitterBit}; }
inline bool IsSubmitter(MailboxId mailbox) { return (mailbox.value & kSubmitterBit) != 0; }

enum class JobKind : uint8_t {
  kNew,       // Check for mail that came since the last check. Goes first.
  kWindow,    // The last N days.
  kBackfill,  // Everything older, in slices.
};
inline constexpr size_t kKindCount = 3;
inline constexpr std::array<JobKind, kKindCount> kKinds = {JobKind::kNew, JobKind::kWindow,
                                                           JobKind::kBackfill};
inline size_t Index(JobKind kind) { return static_cast<size_t>(kind); }
std::string_view ToString(JobKind kind);

struct HostLimits {                // What one egress address may do to this host.
  uint32_t connections = 10;       // At once; > 0.
  uint32_t logins_per_second = 5;  // In any window of one second; > 0.
  uint64_t bytes_per_day = 0;      // As drawn with DrawBytes(), per UTC day; 0: no limit.
};

struct Options {
  uint32_t mailboxes_max = 10'000'000;
  // One part in `backfill_share_inverse` of a pool's connection time is backfill's while it waits:
  // the guaranteed share (20 = 5 %). The same holds for the window. Below 3 counts as 3.
  uint32_t backfill_share_inverse = 20;
  Duration backfill_slice = std::chrono::seconds(5);   // A grant's time, whatever its kind.
  uint64_t backfill_slice_bytes = uint64_t{32} << 20;  // A grant's bytes.
  Duration backoff_min = std::chrono::seconds(5);      // After a failure: doubled each time,
  Duration backoff_max = std::chrono::minutes(15);     // up to this.
  // How much earlier than its deadline a check of the busiest mailbox may count as due among
  // others: never more than a quarter of the time between its not_before and its deadline.
  Duration arrival_bonus_max = std::chrono::seconds(10);
  // How long a check holds its connection, until a pool has measured it.
  Duration assumed_check = std::chrono::seconds(1);
  // After a refused login: the second attempt, and what follows once the credentials are known to
  // be wrong (until ClearBackoff()).
  Duration login_retry = std::chrono::minutes(5);
  Duration credentials_retry = std::chrono::hours(4);
};

struct Job {
  MailboxId mailbox;
  JobKind kind = JobKind::kNew;
  TimePoint not_before;  // Not granted earlier.
  TimePoint deadline;    // Earliest first while none is late; missing it is counted, never fatal.
  // Somebody waits for it (kNew only): ahead of ordinary checks, but charged to its tenant, so that
  // a flood of them delays only that tenant.
  bool refresh = false;
  // How old the mailbox may become between two checks (kNew only): in overload a tenant's late
  // checks go in proportion to it. To 1 ms, up to 49 days; 0: not known, counts as a minute.
  Duration freshness{};
};

// The right to one connection of one pool for one job. Give it back with Finish() or Continue().
struct Grant {
  Job job;
  HostId host = 0;
  EgressId egress = 0;
  Duration slice = Duration::max();   // Stop at a safe point after this long.
  uint64_t slice_bytes = UINT64_MAX;  // Or after so many bytes.
  uint64_t ticket = 0;                // Identifies the grant.
};

// What a refused login means for the mailbox.
enum class CredentialVerdict : uint8_t {
  kFine,                 // The last login was not refused.
  kUnconfirmed,          // Refused, but not yet twice some time apart.
  kConfirmed,            // Its credentials are wrong: needs_credentials.
  kThrottlingSuspected,  // Many mailboxes of the host fail at once: its pool is slowed instead.
};

// Why a mailbox is not being worked on.
enum class WaitCause : uint8_t {
  kNone,     // It goes next.
  kRunning,  // It is out on a grant.
  kNothingQueued,
  kNotDue,
  kBackoff,        // After failures of its own.
  kCredentials,    // They are wrong; tried rarely.
  kDayLimit,       // Bytes per day, of the pool or the mailbox.
  kEgressBlocked,  // Its egress address is blocked or removed, and there is no other.
  kThrottled,      // The server asked the pool to wait, or refuses it.
  kHostCircuit,    // The host, or its pool, is out of reach: single probes only.
  kLoginRate,
  kPoolFull,    // All connections of the pool's window are out.
  kEgressFull,  // All connections of the egress address are out.
  kBehindOthers,
};
inline constexpr size_t kWaitCauseCount = 14;
std::string_view ToString(WaitCause cause);

struct Explanation {
  WaitCause cause = WaitCause::kNothingQueued;
  JobKind kind = JobKind::kNew;  // Of the job that is explained: the most urgent one queued.
  TimePoint until{};             // When the cause ends by itself; max(): not by time.
  uint32_t ahead = 0;            // Due jobs of its pool that go before it, at most.
  uint32_t limit = 0;            // Connections, logins or failures that the cause speaks of.
  std::string text;              // One sentence for people.
};

// What was drawn of a day's bytes: for a pool or a mailbox. To be stored and restored.
struct DayUse {
  uint32_t day = 0;
  uint64_t new_bytes = 0;
  uint64_t bulk_bytes = 0;  // Window and backfill.
  friend bool operator==(const DayUse&, const DayUse&) = default;
};

struct PoolStats {
  HostId host = 0;
  EgressId egress = 0;
  uint32_t connections_max = 0;  // In force now: throttling and outages lower it.
  uint32_t connections = 0;      // Granted now.
  uint32_t waiting = 0;          // Jobs due.
  TimePoint blocked_until{};     // Throttled or unreachable until then; past: not.
  // How long successful grants of each kind held their connection, on average; zero: not known yet.
  std::array<Duration, kKindCount> service_time{};
  uint32_t window = 0;        // Connections it may use when its circuit is closed.
  bool open_circuit = false;  // The pool's or the host's.
  bool egress_usable = true;  // Neither blocked nor removed.
  // The host refuses the egress address, but not another: mailboxes use that, one at a time tries.
  bool address_blocked = false;
  uint32_t address_blocks = 0;  // Times that it began.
  WaitCause cause{};  // Why due jobs wait now; kNone: nothing waits or nothing is in the way.
  DayUse day{};       // Only with a limit of bytes per day.
  // Since the start.
  std::array<uint64_t, kKindCount> grants{};
  uint64_t logins = 0;
  uint32_t throttles = 0;  // Narrowings; what was under way together counts once.
  uint32_t outages = 0;    // Times its circuit opened, and failed probes.
  std::array<uint32_t, kWaitCauseCount> waits{};  // By cause: times due jobs came to wait for it.
};

// A pool's egress address came to be refused by its host, or is no longer.
struct AddressChange {
  HostId host = 0;
  EgressId egress = 0;
  bool blocked = false;
};

struct TenantStats {
  TenantId tenant;
  uint32_t weight = 1;
  uint64_t checks = 0;           // Complete checks for new mail.
  uint64_t deadline_misses = 0;  // Grants of any kind made after their deadline.
  Duration lag_p50{};            // Of complete checks, past their deadline; to a fifth, rounded up.
  Duration lag_p99{};
  Duration connection_time{};  // Of ended grants.
};

class LagHistogram;  // lag_histogram.h

class Scheduler final {
 public:
  explicit Scheduler(const Options& options);
  ~Scheduler();

  // Egress addresses and hosts. An egress address's `connections` bounds all its pools together.
  // A name that is known already keeps its id and gets the new limits: for a reload. Ids count up
  // from 0. Mailboxes spread over the addresses in proportion to their `connections_max`.
  EgressId AddEgress(std::string_view address, uint32_t connections_max);

  // The mailboxes of a removed or blocked address move to others, those of other addresses stay;
  // what is out finishes where it is. When a block ends, or the address is added again, the same
  // mailboxes return. While no address is left, mailboxes wait where they are. O(mailboxes).
  void RemoveEgress(EgressId egress);
  void BlockEgress(EgressId egress, TimePoint until, TimePoint now);
  HostId AddHost(std::string_view name, const HostLimits& limits);

  // A tenant's share of a pool's connection time when there is not enough for all, in proportion to
  // the others' weights: 1 to kWeightMax, 1 when never set. Counts from the next grant on.
  static constexpr uint32_t kWeightMax = 10'000;
  void SetTenantWeight(TenantId tenant, uint32_t weight);

  // The mailbox's host decides its pool; its egress address is chosen by weighted rendezvous
  // hashing and stays while the address is usable. A mailbox is out on one grant at most, which
  // keeps every server's limit of connections per mailbox. Fails with kResourceExhausted beyond
  // mailboxes_max, kAlreadyExists, kInvalidArgument for an unknown host, mailbox id 0 or when there
  // is no egress address.
  Status AddMailbox(MailboxId mailbox, TenantId tenant, HostId host);

  // Forgets the mailbox and what is queued of it. Fails with kNotFound, or kConflict while it is
  // out on a grant: finish that first.
  Status RemoveMailbox(MailboxId mailbox);

  // Queues `job`; of one mailbox and kind at most one is queued: the earlier deadline and
  // not_before of the two are kept, the freshness of the earlier deadline, and it is a refresh if
  // either is. kNotFound for an unknown
  // mailbox.
  Status Submit(const Job& job);

  // The most urgent job that may start now, if any. Call until it gives none.
  std::optional<Grant> Take(TimePoint now);

  // Says how many new messages the check of this grant found, 0 included; at most once per grant,
  // before it is given back. From the messages per hour follows which of several late mailboxes of
  // a tenant goes first. To be left out for a window or backfill.
  void NoteNewMail(const Grant& grant, TimePoint now, uint32_t messages);

  // A check that needs more than its slice ends with it, and its caller submits the rest as a new
  // job, due a freshness later, so that nobody waits for more than one slice. Only the last part is
  // a complete check: `promised` is the deadline that its lag counts from, the first part's; max():
  // the check of this grant is not complete, it has no lag. Before the grant is given back.
  void NotePromised(const Grant& grant, TimePoint promised);

  // Returns the connection. The outcome steers the pool and the mailbox's back-off: kThrottled
  // narrows the pool at once and blocks it for retry_after (or a back-off); every other failure
  // backs the mailbox off, and several of kUnreachable, kTimeout, kTlsFailed and kProtocol in a row
  // block the pool; kCancelled changes nothing; success clears the back-off. It does not queue the
  // job again: the caller submits what is left. A grant is given back once; anything else aborts.
  // The tenant is charged for the time from the grant until here, or until a TryContinue() that
  // gave none while Shortage() was 0: holding a connection that nobody else needs costs nothing.
  // Of kAuthFailed it says what that means; otherwise kFine.
  CredentialVerdict Finish(const Grant& grant, TimePoint now, const Status& outcome);

  // Like Finish() with success, but keeps the connection if a job of the same mailbox is due and no
  // more urgent one of another mailbox waits for this pool: then returns its grant. Costs no login.
  // A slice is also given up when checks that are due or come soon are going to need the
  // connection, unless it is the guaranteed share.
  std::optional<Grant> Continue(const Grant& grant, TimePoint now);

  // The same, except that when it gives none the grant stays out: its connection counts until the
  // caller has closed it and calls Finish().
  std::optional<Grant> TryContinue(const Grant& grant, TimePoint now);

  // How many more connections due jobs of other mailboxes could use at once of the pool of this
  // grant, if holders like it gave theirs up: 0 while the pool and its egress address have room.
  size_t Shortage(const Grant& grant, TimePoint now) const;
  // Whether its pool has no room itself, so that only giving up connections of this pool helps;
  // else any from its egress address do.
  bool PoolIsFull(const Grant& grant, TimePoint now) const;

  // Bytes per day. How the caller counts UTC days; to be told at the start and now and then, or the
  // first day begins at the zero of time.
  void SetDay(TimePoint now, uint32_t day, Duration since_midnight);
  // Draws up to `wanted` bytes that this grant is about to fetch from the day's bytes of its pool
  // and of its mailbox, and returns how many it may. Fewer: give back what is of no use, and the
  // grant; its kind is granted again as soon as the day allows. Window and backfill leave a fifth
  // to new mail and draw in proportion to the day elapsed, 5 % ahead at most.
  uint64_t DrawBytes(const Grant& grant, TimePoint now, uint64_t wanted);
  // Gives back what this grant drew today, no more: nothing of what it drew before midnight.
  void ReturnBytes(const Grant& grant, TimePoint now, uint64_t unused);
  // A limit of this mailbox alone; 0: none.
  void SetMailboxBytesPerDay(MailboxId mailbox, uint64_t bytes);
  // What was drawn: to be stored whenever it grew by a hundredth of the limit, and restored after a
  // start with the mailboxes added. Restoring twice counts once.
  DayUse PoolDayUse(HostId host, EgressId egress) const;
  DayUse MailboxDayUse(MailboxId mailbox) const;
  void RestorePoolDayUse(HostId host, EgressId egress, const DayUse& use);
  void RestoreMailboxDayUse(MailboxId mailbox, const DayUse& use);

  // After an unclean end: call once all mailboxes are added and before the first Take(). Nothing is
  // granted for one login window, since the logins before the crash are not known; then every pool
  // starts with one connection and gets one more with each success.
  void BeginRampUp(TimePoint now);
  // Nothing is granted before `until`: what a process before this one logged in still counts.
  void HoldLogins(TimePoint until, TimePoint now);

  // What became of egress addresses that a host refuses, oldest first; of many that nobody asked
  // for only the latest. Finish(), Take() and whatever else lets time pass can bring some.
  std::optional<AddressChange> NextAddressChange();

  // Until then, only Submit(), Finish() or Continue() can make Take() give more. max(): never.
  TimePoint NextWake(TimePoint now) const;

  size_t queued() const;   // Jobs waiting, due or not.
  size_t granted() const;  // Grants out.
  // When this mailbox may be granted again after failures; past when it may now.
  TimePoint BackoffUntil(MailboxId mailbox) const;
  uint32_t ConsecutiveFailures(MailboxId mailbox) const;
  // The mailbox may be granted at once: after its configuration changed.
  void ClearBackoff(MailboxId mailbox, TimePoint now);
  CredentialVerdict Credentials(MailboxId mailbox) const;
  uint64_t deadline_misses() const;
  float MessagesPerHour(MailboxId mailbox) const;  // As learned from NoteNewMail().
  size_t pool_count() const;
  PoolStats Pool(size_t index, TimePoint now) const;
  size_t tenant_count() const;
  TenantStats Tenant(size_t index) const;
  const LagHistogram& Lags(size_t tenant_index) const;
  // Why this mailbox is not being worked on now. O(1), for people and status pages.
  Explanation Explain(MailboxId mailbox, TimePoint now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailhaul::scheduler
