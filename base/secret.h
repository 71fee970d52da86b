// A string that cannot be printed by accident: passwords, tokens, keys. Wiped when it dies.
#pragma once

#include <string>
#include <string_view>

namespace mailhaul {

class Secret final {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Wipe(); }

  // The one way to the value. Call it only where the value goes on the wire or into a cipher.
  std::string_view Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  // Takes the same time wherever the two differ.
  bool EqualsInConstantTime(std::string_view other) const;

 private:
  void Wipe();
  std::string value_;
};

}  // namespace mailhaul
