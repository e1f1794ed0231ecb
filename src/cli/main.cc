#include <csignal>

#include "cli/cli.h"

int main(int argc, char** argv) {
  // A file that may not grow is a disk that is full: an error to report, not a reason to die.
  std::signal(SIGXFSZ, SIG_IGN);
  return leat::RunCli(argc, argv);
}
