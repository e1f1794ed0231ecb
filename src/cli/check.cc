#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "cli/cli.h"
#include "pipeline/config.h"
#include "pipeline/pipeline.h"

namespace leat {

void AddCheck(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string config;
    bool reference = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb =
      app.add_subcommand("check", "Validate a pipeline and print it with every default filled in");
  auto* file = verb->add_option("config", arguments->config, "The pipeline's YAML file");
  auto* reference = verb->add_flag("--reference", arguments->reference,
                                   "Print the reference of the configuration (Markdown)");
  file->excludes(reference);
  verb->footer("Example:\n  leat check examples/fraud/fraud.yaml");
  verb->callback([arguments, &exit_code] {
    if (arguments->reference) {
      std::cout << ConfigReference();
      return;
    }
    if (arguments->config.empty()) {
      exit_code = ReportStatus(Status::Invalid("check: name the YAML file to validate"));
      return;
    }
    const auto config = LoadConfig(arguments->config);
    if (!config.ok()) {
      exit_code = ReportStatus(config.status());
      return;
    }
    // What only building shows (layouts that a learner refuses) is a problem of the file as well.
    const auto pipeline = Pipeline::Create(*config);
    if (!pipeline.ok()) {
      exit_code = ReportStatus(pipeline.status());
      return;
    }
    std::cout << DescribeConfig(*config);
  });
}

}  // namespace leat
