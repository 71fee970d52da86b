// The process log: one line per event on standard error, level and UTC time first. Backed by
// spdlog.
//
// Never log a secret or message contents; text from outside passes EscapeForLog() (text.h) first.
// Thread-safe.
#pragma once

#include <string_view>

namespace mailhaul {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

void SetLogLevel(LogLevel level);
void Log(LogLevel level, std::string_view message);
inline void LogDebug(std::string_view message) { Log(LogLevel::kDebug, message); }
inline void LogInfo(std::string_view message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(std::string_view message) { Log(LogLevel::kWarning, message); }
inline void LogError(std::string_view message) { Log(LogLevel::kError, message); }

}  // namespace mailhaul
