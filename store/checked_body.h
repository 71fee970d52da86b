// Bodies compared with the check they were written with, or, where they have none, with their hash:
// none is taken for good that is damaged.
#pragma once

#include <memory>

#include "base/byte_source.h"
#include "base/result.h"
#include "store/blob_store.h"

namespace mailhaul::store {

// The body, read once and compared before this returns. kCorrupt: it is damaged.
Result<std::unique_ptr<ByteSource>> OpenChecked(const BlobStore& blobs,
                                                const BlobLocation& location, const Sha256& sha256);

// For one reader who reads it once, from its first byte to its last: one that does not lie in
// memory is compared on the way. The read that would reach the end fails with kCorrupt if it is
// damaged; reads out of order fail with kInvalidArgument.
Result<std::unique_ptr<ByteSource>> OpenInOrder(const BlobStore& blobs,
                                                const BlobLocation& location, const Sha256& sha256);

}  // namespace mailhaul::store
