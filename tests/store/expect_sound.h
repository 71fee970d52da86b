// The production audit as an assertion.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "store/audit/audit.h"

namespace mailhaul::store {

// Every row, counter, reference and body of the store is what its placements say.
inline void ExpectSound(KeyValueStore& records, FileSystem& files,
                        const std::string& blob_directory) {
  const Result<AuditReport> report =
      AuditStore(records, files, {.blob_directory = blob_directory, .progress = {}});
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  for (const AuditFinding& finding : report->findings) {
    ADD_FAILURE() << finding.place << ": " << finding.problem;
  }
}

}  // namespace mailhaul::store
