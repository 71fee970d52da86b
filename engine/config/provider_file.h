// One file of configs/providers: the profile of one provider.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/config/provider.h"
#include "engine/config/report.h"

namespace mailhaul::config {

inline constexpr size_t kProviderFilesMax = 10'000;
inline constexpr size_t kProviderNameBytesMax = 64;
inline constexpr size_t kProviderDomainsMax = 1000;  // And as many suffixes and hosts.
inline constexpr size_t kBrokenExtensionsMax = 100;

// `report` names the file. Nothing is returned when it has failed.
std::optional<ProviderProfile> ParseProvider(std::string_view text, Report& report);

// The profiles that are compiled in: the files of configs/providers when the program was built.
struct BuiltinProvider {
  const char* file;  // "configs/providers/gmail.yaml"
  const char* text;
};
const std::vector<BuiltinProvider>& BuiltinProviders();

}  // namespace mailhaul::config
