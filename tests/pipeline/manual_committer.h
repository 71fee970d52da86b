// A committer whose operations run when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "engine/pipeline/committer.h"

namespace mailhaul::pipeline {

class ManualCommitter final : public Committer {
 public:
  void Run(std::function<void()> operation) override { operations.push_back(std::move(operation)); }
  void Commit(std::unique_ptr<store::IngestBatch> /*batch*/,
              std::function<void(store::IngestBatch&)> /*done*/) override {
    ADD_FAILURE() << "nothing is to be committed";
  }
  void RunOne() {
    ASSERT_FALSE(operations.empty());
    const std::function<void()> operation = std::move(operations.front());
    operations.pop_front();
    operation();
  }
  std::deque<std::function<void()>> operations;
};

}  // namespace mailhaul::pipeline
