// Lets RocksDB work on an injected FileSystem. Private to rocksdb_store.cc.
#pragma once

#include <memory>

#include "store/file_system.h"

namespace mailhaul::store {

// A rocksdb::Env, untyped because no header names RocksDB's types. Its threads and clock are those
// of rocksdb::Env::Default(); all files are in `files`, which must outlive it. Paths are absolute.
// Without hard links: a checkpoint is not possible on it.
std::shared_ptr<void> MakeRocksDbEnv(FileSystem& files);

}  // namespace mailhaul::store
