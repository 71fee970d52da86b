// What a server says it can do: the answer to CAPA (RFC 2449).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mailhaul::pop3 {

class Capabilities final {
 public:
  // One line of the answer. Lines beyond kCapabilitiesMax are dropped.
  void AddLine(std::string_view line);

  // Whether the server answered CAPA at all; many old ones do not know it.
  bool known() const { return !names_.empty(); }
  bool Has(std::string_view name) const { return names_.count(std::string(name)) > 0; }  // "TOP"
  const std::vector<std::string>& sasl() const { return sasl_; }     // Mechanisms, upper case.
  std::chrono::seconds login_delay() const { return login_delay_; }  // 0: none.
  std::optional<uint32_t> expire_days() const { return expire_days_; }
  // LOGIN-DELAY or EXPIRE depend on the user: asked again after the login they say what holds.
  bool depends_on_user() const { return depends_on_user_; }

 private:
  std::set<std::string> names_;
  std::vector<std::string> sasl_;
  std::chrono::seconds login_delay_{0};
  std::optional<uint32_t> expire_days_;
  bool depends_on_user_ = false;
};

}  // namespace mailhaul::pop3
