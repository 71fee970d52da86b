// Environment and files of a test, in memory.
#pragma once

#include <map>
#include <string>

#include "engine/config/load_providers.h"
#include "engine/config/references.h"

namespace mailhaul::config {

class FakeReferences final : public References {
 public:
  std::map<std::string, std::string> environment;
  std::map<std::string, FileText> files;

  const char* Environment(const std::string& name) override {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  }
  Result<FileText> ReadFile(const std::string& path, size_t bytes_max) override {
    const auto found = files.find(path);
    if (found == files.end()) {
      return Status(Code::kInvalidArgument, "No such file or directory");
    }
    if (found->second.bytes.size() > bytes_max) {
      return Status(Code::kInvalidArgument, "larger than " + std::to_string(bytes_max) + " bytes");
    }
    return found->second;
  }
};

// Loaded once.
inline const Providers& Builtin() {
  static const Providers kProviders = LoadBuiltinProviders();
  return kProviders;
}

// The problems of `report`, one a line.
inline std::string Shown(Report& report) {
  std::string shown;
  for (const Problem& problem : report.Take()) {
    shown += problem.ToString() + "\n";
  }
  return shown;
}

// Each line of `lines` with "file:" before it.
inline std::string WithFile(const std::string& file, const std::string& lines) {
  std::string all;
  size_t start = 0;
  while (start < lines.size()) {
    const size_t end = lines.find('\n', start) + 1;
    all += file + ":" + lines.substr(start, end - start);
    start = end;
  }
  return all;
}

}  // namespace mailhaul::config
