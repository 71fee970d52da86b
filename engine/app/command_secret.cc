#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/text.h"
#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/runtime.h"
#include "engine/app/secrets.h"
#include "store/sealed_secrets.h"

namespace mailhaul::app {
namespace {

constexpr size_t kHexBytes = 2 * store::kMasterKeyBytes;

Result<store::SecretBox> ReadBox(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kHexBytes, '\0');
  in.read(text.data(), kHexBytes);
  const Secret hex(std::move(text));
  std::string rest;
  const bool whole = in && (!std::getline(in, rest) || rest.empty() || rest == "\r") &&
                     in.peek() == std::ifstream::traits_type::eof();
  std::optional<std::string> key = whole ? HexDecode(hex.Reveal()) : std::nullopt;
  if (!key) {
    return Status(Code::kInvalidArgument,
                  "--to: " + EscapeForLog(file) +
                      " does not hold a master key: 64 hexadecimal digits, as `openssl rand -hex "
                      "32` makes them");
  }
  return store::SecretBox::FromKey(Secret(std::move(*key)));
}

Result<size_t> Rotate(const config::Config& config, const std::string& file) {
  const std::optional<store::SecretBox> from = BoxOf(config);
  if (!from) {
    return Status(Code::kInvalidArgument,
                  "the configuration has no master_key, so nothing is sealed yet");
  }
  MH_ASSIGN_OR_RETURN(const store::SecretBox to, ReadBox(file));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<OpenStore> store, OpenForWriting(config));
  SystemRandom random;
  Result<size_t> sealed = store::SealAnew(*store->records, *from, to, random);
  if (!store->after_unclean_end) {
    NoteCleanEnd(*store, config);
  }
  return sealed;
}

}  // namespace

int RunSecretRotate(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  const Result<size_t> sealed = Rotate(*config, options.to);
  if (!sealed.ok()) {
    return ExplainFailure(sealed.status());
  }
  std::printf("%zu secrets are sealed with the new key: set master_key to it now\n", *sealed);
  return kExitDone;
}

}  // namespace mailhaul::app
