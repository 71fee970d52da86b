#include "connectors/sasl/login.h"

#include "connectors/sasl/secret_text.h"
#include "connectors/sasl/step.h"

namespace mailhaul::sasl {
namespace {

class Login final : public Mechanism {
 public:
  explicit Login(const Credentials& credentials)
      : username_(credentials.username), password_(credentials.password) {}

  std::string_view name() const override { return "LOGIN"; }
  bool client_first() const override { return false; }

  Result<Secret> Respond(std::string_view challenge) override {
    switch (next_) {
      case Next::kUsername:
        next_ = Next::kPassword;
        return Concatenate({username_});
      case Next::kPassword:
        next_ = Next::kNothing;
        return password_;
      case Next::kNothing:
        break;
    }
    return UnexpectedChallenge(name(), challenge);
  }

  Status Finish() override { return next_ == Next::kNothing ? Status::Ok() : EarlySuccess(name()); }

 private:
  enum class Next : uint8_t { kUsername, kPassword, kNothing };

  const std::string username_;
  const Secret password_;
  Next next_ = Next::kUsername;
};

}  // namespace

std::unique_ptr<Mechanism> MakeLogin(const Credentials& credentials) {
  return std::make_unique<Login>(credentials);
}

}  // namespace mailhaul::sasl
