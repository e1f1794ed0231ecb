/// The command line: one file a verb.
///
/// Results go to stdout, everything else to stderr. Exit codes: 0 done; 2 usage or configuration;
/// 3 input or output failed; 4 state refused; 5 fenced by another instance.
#pragma once

#include "leat/status.h"

namespace CLI {
class App;
}

namespace leat {

/// Runs the program; returns the exit code. Nothing throws out of it.
int RunCli(int argc, const char* const* argv);

/// Prints an error to stderr and gives the exit code for an outcome.
int ReportStatus(const Status& status);

// Each adds its verb, which leaves its exit code in `exit_code`.
void AddCheck(CLI::App& app, int& exit_code);
void AddExperiment(CLI::App& app, int& exit_code);
void AddGenerate(CLI::App& app, int& exit_code);
void AddInspect(CLI::App& app, int& exit_code);
void AddModel(CLI::App& app, int& exit_code);
void AddRead(CLI::App& app, int& exit_code);
void AddReplay(CLI::App& app, int& exit_code);
void AddRun(CLI::App& app, int& exit_code);

}  // namespace leat
