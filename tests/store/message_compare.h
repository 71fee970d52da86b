// A stored message against what a model says of it.
#pragma once

#include <set>
#include <string>

#include "tests/store/store_model.h"

namespace mailhaul::store {

inline UidSet ToUidSet(const std::set<Uid>& uids) {
  UidSet set;
  for (const Uid uid : uids) {
    set.Add(uid);
  }
  return set;
}

inline bool IsSame(const StoredMessage& stored, const ModelMessage& message) {
  return stored.folder == message.folder && stored.uid_validity == message.uid_validity &&
         stored.uid == message.uid && stored.flags == message.flags &&
         stored.gone == message.gone && stored.internal_date == message.date &&
         stored.local_state == message.local && stored.has_body() == !message.body.empty() &&
         stored.sha256 == ComputeSha256(message.body);
}

inline std::string Describe(const StoredMessage& message) {
  return "folder " + std::to_string(message.folder) + " validity " +
         std::to_string(message.uid_validity) + " uid " + std::to_string(message.uid) +
         (message.gone ? " gone" : "");
}

}  // namespace mailhaul::store
