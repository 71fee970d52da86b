// Prints the manual page; the build runs it.
#include <cstdio>

#include "engine/app/command_line.h"
#include "engine/app/manual.h"
#include "engine/app/version.h"

int main() {
  const mailhaul::app::CommandLine line;
  std::fputs(mailhaul::app::ManualPage(line.model(), mailhaul::app::kVersion).c_str(), stdout);
  return 0;
}
