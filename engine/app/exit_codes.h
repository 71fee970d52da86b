// Exit codes of the command line; stable.
#pragma once

namespace mailhaul::app {

inline constexpr int kExitDone = 0;
inline constexpr int kExitSomeFailed = 1;   // Some mailboxes failed; they are listed.
inline constexpr int kExitUsage = 2;        // Command line or configuration.
inline constexpr int kExitStore = 3;        // Store damaged, locked or not writable.
inline constexpr int kExitInterrupted = 4;  // State is kept.

}  // namespace mailhaul::app
