// Awaiting what runs on the committer's thread.
#pragma once

#include <functional>
#include <utility>

#include "connectors/net/run_on.h"
#include "engine/pipeline/committer.h"

namespace mailhaul::pipeline {

using net::RunOn;

template <typename T>
net::Task<T> RunOn(Committer& committer, std::function<T()> work) {
  const auto submit = [&committer](std::function<void()> job) { committer.Run(std::move(job)); };
  return net::RunThrough<T>(submit, std::move(work));
}

}  // namespace mailhaul::pipeline
