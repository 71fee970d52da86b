// The name of a keyspace's column family, as it stands in the files. Private to rocksdb_store.cc.
#pragma once

#include <string>

#include "store/key_layout.h"

namespace mailhaul::store {

std::string FamilyName(Keyspace keyspace);

}  // namespace mailhaul::store
