// How many files and connections the process may have open.
#pragma once

namespace mailhaul::app {

// Raises the soft limit to the hard one, at most to 65,536: the usual soft limit of 1,024 is for
// programs that call select(). What cannot be raised stays; accepting then waits for descriptors.
void RaiseFileLimit();

}  // namespace mailhaul::app
