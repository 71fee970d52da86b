#include "store/family_name.h"

namespace mailhaul::store {

std::string FamilyName(Keyspace keyspace) {
  switch (keyspace) {
    case Keyspace::kMeta:
      return "meta";
    case Keyspace::kTenant:
      return "tenant";
    case Keyspace::kAssignment:
      return "assignment";
    case Keyspace::kMailbox:
      return "mailbox";
    case Keyspace::kFolder:
      return "folder";
    case Keyspace::kLedger:
      return "ledger";
    case Keyspace::kContent:
      return "content";
    case Keyspace::kPlacement:
      return "placement";
    case Keyspace::kMailboxDate:
      return "mailbox_date";
    case Keyspace::kTenantDate:
      return "tenant_date";
    case Keyspace::kContentHash:
      return "content_hash";
    case Keyspace::kUid:
      return "uid";
    case Keyspace::kBlob:
      return "blob";
    case Keyspace::kChange:
      return "change";
    case Keyspace::kIdentity:
      return "identity";
    case Keyspace::kGone:
      return "gone";
    case Keyspace::kUidl:
      return "uidl";
    case Keyspace::kDayUse:
      return "day_use";
    case Keyspace::kCheckTime:
      return "check_time";
    case Keyspace::kSubmission:
      return "submission";
    case Keyspace::kDue:
      return "due";
    case Keyspace::kIdempotency:
      return "idempotency";
    case Keyspace::kSecret:
      return "secret";
    case Keyspace::kRemoval:
      return "removal";
    case Keyspace::kWebhook:
      return "webhook";
    case Keyspace::kThread:
    case Keyspace::kShownUnder:
      break;  // Stores have had their families since before there was something in them.
  }
  return "reserved_" + std::to_string(static_cast<int>(keyspace));
}

}  // namespace mailhaul::store
