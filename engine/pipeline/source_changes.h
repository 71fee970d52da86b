// What happened at the source to messages that are stored already: flags changed, messages gone.
//
// With QRESYNC opening a folder tells all of it, with CONDSTORE one question tells the flags; else
// flags are asked for now and then, and what is gone is found by listing the folder, when its
// number of messages shows that something must be.
#pragma once

#include <cstdint>

#include "connectors/connector.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/visit_folder.h"

namespace mailhaul::pipeline {

// A folder without modseq has its flags read again after so long, and whenever its sum of unseen
// messages changes.
inline constexpr std::chrono::minutes kFlagScanEvery{30};

class SourceChanges final {
 public:
  SourceChanges(Context& context, SourceSession& session, MailboxId mailbox)
      : context_(context), session_(session), mailbox_(mailbox) {}

  // `folder` is open, under the UIDVALIDITY of its record. Brings the store up to date with it.
  net::Task<Status> Follow(VisitFolder& folder);

  // Whether flags of a folder without modseq are to be read again.
  bool FlagsDue(const VisitFolder& folder) const;
  // Messages that turned out to be gone in this check, in all folders: any of them may have moved.
  uint64_t vanished() const { return vanished_; }
  void Restart(uint64_t vanished) { vanished_ = vanished; }
  void AddVanished(uint64_t messages) { vanished_ += messages; }

 private:
  net::Task<Status> FindChanges(VisitFolder& folder, store::FolderSync& sync);
  net::Task<Status> ReadFlags(VisitFolder& folder, const UidSet& placed, store::FolderSync& sync);
  net::Task<Status> ReadFlagsOf(UidSet uids, uint64_t changed_since, store::FolderSync& sync);
  net::Task<Status> FindVanished(const VisitFolder& folder, const UidSet& placed,
                                 store::FolderSync& sync);
  net::Task<Status> Apply(store::FolderSync sync);

  Context& context_;
  SourceSession& session_;
  const MailboxId mailbox_;
  uint64_t vanished_ = 0;
};

}  // namespace mailhaul::pipeline
