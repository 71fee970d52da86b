// A value, or the Status that says why there is none. See status.h.
#pragma once

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace mailhaul {

template <typename T>
class [[nodiscard]] Result final {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    MH_CHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const& { return status_; }
  Status status() && { return std::move(status_); }

  // Only when ok().
  T& value() & {
    MH_CHECK(value_.has_value());
    return *value_;
  }
  const T& value() const& {
    MH_CHECK(value_.has_value());
    return *value_;
  }
  T value() && {
    MH_CHECK(value_.has_value());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace mailhaul

#define MH_CONCAT_INNER(a, b) a##b
#define MH_CONCAT(a, b) MH_CONCAT_INNER(a, b)

// MH_ASSIGN_OR_RETURN(Type name, expression): the value, or returns the failure. Not in coroutines.
#define MH_ASSIGN_OR_RETURN(declaration, ...)                   \
  auto MH_CONCAT(mh_result_, __LINE__) = (__VA_ARGS__);         \
  if (!MH_CONCAT(mh_result_, __LINE__).ok()) {                  \
    return std::move(MH_CONCAT(mh_result_, __LINE__)).status(); \
  }                                                             \
  declaration = std::move(MH_CONCAT(mh_result_, __LINE__)).value()
