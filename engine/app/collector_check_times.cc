// What checks without news took, kept per host for `mailhaul plan`. Main loop.
#include <utility>

#include "base/log.h"
#include "engine/app/collector.h"

namespace mailhaul::app {

void Collector::NoteCheckTime(const scheduler::Grant& grant, const MailboxState& mailbox) {
  host_states_[grant.host].check_time.Record(context_.clock.Now() - mailbox.granted_at);
}

void Collector::SaveCheckTimes(uint32_t samples_min) {
  std::vector<store::CheckTimeRow> rows;
  for (HostState& host : host_states_) {
    const uint32_t samples = host.check_time.samples();
    if (samples - host.check_samples_saved >= samples_min) {
      host.check_samples_saved = samples;
      rows.push_back(host.check_time.ToRow(host.name));
    }
  }
  store::KeyValueStore* const records = options_.records;
  if (records == nullptr || rows.empty()) {
    return;
  }
  context_.committer.Run([records, moved = std::move(rows)] {
    const Status saved = store::SaveCheckTimes(*records, moved);
    if (!saved.ok()) {
      LogWarning("cannot save how long checks take: " + saved.ToString());
    }
  });
}

// A damaged row is measured anew: no mail hangs on it.
void Collector::RestoreCheckTimes() {
  if (options_.records == nullptr) {
    return;
  }
  const Result<std::vector<store::CheckTimeRow>> rows = store::ReadCheckTimes(*options_.records);
  if (!rows.ok()) {
    LogWarning("how long checks take is measured anew: " + rows.status().ToString());
    return;
  }
  for (const store::CheckTimeRow& row : *rows) {
    const auto host = hosts_.find(row.host);
    if (host != hosts_.end()) {
      host_states_[host->second].check_time = CheckTime(row);
      host_states_[host->second].check_samples_saved = row.samples;
    }
  }
}

}  // namespace mailhaul::app
