// Tells bytes that no compression makes smaller, so that none is tried. Private to compression.cc.
#pragma once

#include <string_view>

namespace mailhaul::store {

// Whether samples of these bytes look like what is compressed or encrypted already: photographs,
// archives, office documents. Of what begins or ends otherwise, as such files do, some hundred
// bytes may go unnoticed. False for what is short. Any thread.
bool LooksLikeNoise(std::string_view bytes);

}  // namespace mailhaul::store
