// RocksDB's settings, apart from the code that uses it. Private to rocksdb_*.cc: these two headers
// aside, no RocksDB type appears in a header of the store.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <vector>

#include "store/key_layout.h"

namespace mailhaul::store {

struct RocksDbSettings {
  rocksdb::DBOptions db;
  // Index: the keyspace's value; 0 is RocksDB's default family, which stays empty.
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
};

RocksDbSettings MakeRocksDbSettings();

}  // namespace mailhaul::store
