// Whether this is a sanitizer's build, where the heaviest tests take a tenth of their rounds: the
// release build has them all.
#pragma once

namespace mailhaul::test_support {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif
inline constexpr int kRoundsShare = kSanitized ? 10 : 1;

}  // namespace mailhaul::test_support
