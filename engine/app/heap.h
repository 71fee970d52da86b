// How the process's heap behaves.
#pragma once

namespace mailhaul::app {

// Parts of messages, up to some MiB each, are taken and given back hundreds of times a second. By
// default each would be mapped anew, or the heap's end given back and grown again, and every page
// of it zeroed by the kernel at its first use: a twentieth of collecting. Up to 16 MiB for each
// arena of the allocator stay with the process instead, and there are two arenas for each
// processor, not eight. Call before other threads begin.
void KeepFreedMemory();

}  // namespace mailhaul::app
