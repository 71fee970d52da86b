#include "connectors/sasl/plain.h"

#include "connectors/sasl/secret_text.h"
#include "connectors/sasl/step.h"

namespace mailhaul::sasl {
namespace {

using namespace std::string_view_literals;

class Plain final : public Mechanism {
 public:
  explicit Plain(const Credentials& credentials)
      : username_(credentials.username), password_(credentials.password) {}

  std::string_view name() const override { return "PLAIN"; }
  bool client_first() const override { return true; }

  Result<Secret> Respond(std::string_view challenge) override {
    if (sent_ || !challenge.empty()) {
      return UnexpectedChallenge(name(), challenge);
    }
    sent_ = true;
    // No authorization identity: the user's own.
    return Concatenate({"\0"sv, username_, "\0"sv, password_.Reveal()});
  }

  Status Finish() override { return sent_ ? Status::Ok() : EarlySuccess(name()); }

 private:
  const std::string username_;
  const Secret password_;
  bool sent_ = false;
};

}  // namespace

std::unique_ptr<Mechanism> MakePlain(const Credentials& credentials) {
  return std::make_unique<Plain>(credentials);
}

}  // namespace mailhaul::sasl
