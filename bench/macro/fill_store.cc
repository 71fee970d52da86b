// Fills the store of a data directory with small messages, as if they had been collected.
//
//   fill_store DATA_DIRECTORY TENANT MAILBOX MESSAGES BODY_BYTES
//
// No mailhaul may run on the directory. The mailbox's address is MAILBOX@bench.test.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/clock.h"
#include "bench/micro/many_messages.h"
#include "store/mail_store.h"
#include "store/rocksdb_store.h"

namespace {

using namespace mailhaul::store;  // NOLINT(google-build-using-namespace): all of it is about this.

constexpr size_t kPerAppend = 5000;

mailhaul::Status Fill(const std::string& directory, const std::string& tenant_name,
                      const std::string& mailbox_name, size_t messages, size_t body_bytes) {
  PosixFileSystem files;
  const mailhaul::SystemClock clock;
  MH_RETURN_IF_ERROR(files.CreateDirectories(directory));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<EmbeddedStore> records,
                      OpenRocksDb(directory + "/records", {}));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore> blobs,
                      BlobStore::Open(files, {.directory = directory + "/blobs"}));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<MailStore> store,
                      MailStore::Open(*records, *blobs, clock));
  MH_ASSIGN_OR_RETURN(const mailhaul::TenantId tenant, store->EnsureTenant(tenant_name));
  const MailStore::NewMailbox wanted = {.name = mailbox_name,
                                        .address = mailbox_name + "@bench.test"};
  MH_ASSIGN_OR_RETURN(const auto mailboxes, store->EnsureMailboxes(tenant, {&wanted, 1}));
  MH_ASSIGN_OR_RETURN(const FolderId folder,
                      store->EnsureFolder(mailboxes.front(), "INBOX", "inbox"));
  for (size_t done = 0; done < messages; done += kPerAppend) {
    const size_t count = std::min(kPerAppend, messages - done);
    const auto batch = ManyMessages(mailboxes.front(), folder, done, count, body_bytes);
    IngestBatch* const one = batch.get();
    store->Append({&one, 1});
    MH_RETURN_IF_ERROR(batch->status);
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: fill_store DATA_DIRECTORY TENANT MAILBOX MESSAGES BODY_BYTES\n", stderr);
    return 2;
  }
  const mailhaul::Status filled =
      Fill(argv[1], argv[2], argv[3], std::strtoull(argv[4], nullptr, 10),
           std::strtoull(argv[5], nullptr, 10));
  if (!filled.ok()) {
    std::fprintf(stderr, "%s\n", filled.ToString().c_str());
    return 1;
  }
  return 0;
}
