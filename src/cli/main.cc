#include "cli/cli.h"

int main(int argc, char** argv) { return leat::RunCli(argc, argv); }
