#include "engine/app/command_line.h"
#include "engine/app/file_limit.h"
#include "engine/app/heap.h"

int main(int argc, char** argv) {
  mailhaul::app::KeepFreedMemory();
  mailhaul::app::RaiseFileLimit();
  mailhaul::app::CommandLine line;
  const std::optional<int> over = line.Parse(argc, argv);
  return over.has_value() ? *over : line.Run();
}
