#include "store/sealed_secrets.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "store/control_rows.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kSecretBytesMax = size_t{16} << 10;

}  // namespace

Status SaveSecret(KeyValueStore& records, const SecretBox& box, std::string_view name,
                  std::string_view secret, Random& random) {
  MH_CHECK(!name.empty() && name.size() <= kControlNameBytesMax);
  if (secret.size() > kSecretBytesMax) {
    return {Code::kInvalidArgument, "a secret is too long to be kept"};
  }
  const ControlRow row{.key = SecretKey(name), .value = box.Seal(name, secret, random)};
  return SaveControlRows(records, {&row, 1});
}

Status ReadSecrets(KeyValueStore& records, const SecretBox& box, std::string_view prefix,
                   const std::function<void(std::string_view name, Result<Secret> secret)>& visit) {
  return ReadControlRows(records, SecretKey(prefix),
                         [&](std::string_view rest, std::string_view value) {
                           const std::string name = std::string(prefix).append(rest);
                           visit(name, box.Open(name, value));
                           return Status::Ok();
                         });
}

Result<size_t> SealAnew(KeyValueStore& records, const SecretBox& from, const SecretBox& to,
                        Random& random) {
  std::vector<ControlRow> rows;
  MH_RETURN_IF_ERROR(ReadControlRows(
      records, SecretKey(""), [&](std::string_view name, std::string_view value) -> Status {
        if (to.IsSealedWithThis(value)) {
          return Status::Ok();
        }
        const Result<Secret> secret = from.Open(name, value);
        if (!secret.ok()) {
          return secret.status().WithContext(EscapeForLog(name));
        }
        rows.push_back({.key = SecretKey(name), .value = to.Seal(name, secret->Reveal(), random)});
        return Status::Ok();
      }));
  MH_RETURN_IF_ERROR(SaveControlRows(records, rows));
  return rows.size();
}

}  // namespace mailhaul::store
