#include "store/sealed_secrets.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "store/control_rows.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

constexpr size_t kSecretBytesMax = size_t{32} << 10;
static_assert(kSecretsAtOnceMax * (kSecretBytesMax + 2 * kControlNameBytesMax) < kBatchBytesMax);

}  // namespace

Status SaveSecret(KeyValueStore& records, const SecretBox& box, std::string_view name,
                  std::string_view secret, Random& random) {
  const NamedSecret one{.name = std::string(name), .secret = Secret(std::string(secret))};
  return SaveSecrets(records, box, {&one, 1}, random);
}

Status SaveSecrets(KeyValueStore& records, const SecretBox& box,
                   std::span<const NamedSecret> secrets, Random& random) {
  MH_CHECK(secrets.size() <= kSecretsAtOnceMax);
  std::vector<ControlRow> rows;
  for (const auto& [name, secret] : secrets) {
    MH_CHECK(!name.empty() && name.size() <= kControlNameBytesMax);
    if (secret.Reveal().size() > kSecretBytesMax) {
      return {Code::kInvalidArgument, "a secret is too long to be kept"};
    }
    rows.push_back({.key = SecretKey(name), .value = box.Seal(name, secret.Reveal(), random)});
  }
  return SaveControlRows(records, rows);
}

Status DeleteSecret(KeyValueStore& records, std::string_view name) {
  Batch batch;
  batch.shard = kControlShard;
  batch.Delete(SecretKey(name));
  Outcome outcome;
  records.Commit({&batch, 1}, {&outcome, 1});
  return outcome.kind == Outcome::Kind::kDone ? Status::Ok() : outcome.detail;
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

Result<size_t> CountSecrets(KeyValueStore& records, std::string_view prefix) {
  size_t count = 0;
  MH_RETURN_IF_ERROR(
      ReadControlRows(records, SecretKey(prefix), [&count](std::string_view, std::string_view) {
        ++count;
        return Status::Ok();
      }));
  return count;
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
