#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "leat/version.h"

namespace leat {

int ReportStatus(const Status& status) {
  if (!status.ok()) std::cerr << "leat: " << status.message() << '\n';
  return ExitCode(status.code());
}

int RunCli(int argc, const char* const* argv) {
  int exit_code = 0;
  CLI::App app(
      "A streaming learning engine: event logs in; features, delayed labels, online models,\n"
      "drift detection and honest evaluation out; the same bytes every time.");
  app.name("leat");
  app.set_version_flag("--version", "leat " + std::string(kVersion));
  app.require_subcommand(1);
  app.footer(
      "Example:\n  leat generate card-fraud --rows 100000 --output transactions.csv.zst\n"
      "  leat replay examples/fraud/fraud.yaml --input transactions.csv.zst --report report.html");
  AddRun(app, exit_code);
  AddReplay(app, exit_code);
  AddCheck(app, exit_code);
  AddGenerate(app, exit_code);
  AddRead(app, exit_code);
  AddInspect(app, exit_code);
  AddModel(app, exit_code);
  AddExperiment(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with code 0; every other one is a usage error.
    return app.exit(error) == 0 ? 0 : ExitCode(StatusCode::kInvalid);
  } catch (const std::bad_alloc&) {
    return ReportStatus(Status::Io("out of memory"));
  } catch (const std::exception& error) {
    return ReportStatus(Status::Io(std::string("unexpected: ") + error.what()));
  }
  return exit_code;
}

}  // namespace leat
