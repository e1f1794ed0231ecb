#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/state_folder.h"
#include "evaluation/report_text.h"
#include "leat/explain.h"
#include "leat/version.h"
#include "runtime/model_file.h"

namespace leat {
namespace {

using Access = StateFolder::Access;

struct Arguments {
  std::string state, model, file;
  TreeFormat format = TreeFormat::kText;
  bool json = false, shared_inputs = false;
};

Status List(const Arguments& arguments) {
  LEAT_ASSIGN_OR_RETURN(const StateFolder folder,
                        StateFolder::Open(arguments.state, Access::kRead));
  const std::vector<ModelFacts> models = folder.pipeline->Models();
  size_t name = 5, type = 4;
  for (const ModelFacts& model : models) {
    name = std::max(name, model.name.size());
    type = std::max(type, model.type.size());
  }
  std::string out = fmt::format("  {:<{}}  {:<{}}  {:>12}  {:>10}  shares inputs with\n", "model",
                                name, "type", type, "learnt", "memory");
  for (size_t i = 0; i < models.size(); ++i) {
    const ModelFacts& model = models[i];
    std::string sharing;
    for (const std::string& other : model.shares_inputs_with) {
      sharing += (sharing.empty() ? "" : ", ") + other;
    }
    fmt::format_to(std::back_inserter(out), "{} {:<{}}  {:<{}}  {:>12}  {:>10}  {}\n",
                   i == 0 && !model.clustering ? '*' : ' ', model.name, name, model.type, type,
                   FormatCount(model.labels), FormatBytes(static_cast<int64_t>(model.memory)),
                   sharing.empty() ? "-" : sharing);
  }
  std::cout << out;
  return Status::Ok();
}

/// The weights of a linear model, one sum after the other.
std::string WeightsAsText(const std::vector<NamedWeights>& all) {
  std::string out;
  for (const NamedWeights& weights : all) {
    constexpr std::string_view kIntercept = "(constant)";
    size_t width = kIntercept.size();
    for (const auto& [input, weight] : weights.inputs) width = std::max(width, input.size());
    if (!out.empty()) out += '\n';
    out += weights.of.empty() ? "weights\n" : "weights in favour of " + weights.of + '\n';
    const auto line = [&](std::string_view input, double weight) {
      fmt::format_to(std::back_inserter(out), "  {:<{}}  {:>+12.6g}\n", input, width, weight);
    };
    line(kIntercept, weights.intercept);
    for (const auto& [input, weight] : weights.inputs) line(input, weight);
  }
  return out;
}

std::string WeightsAsJson(const std::vector<NamedWeights>& all) {
  std::string out = "[";
  for (const NamedWeights& weights : all) {
    if (out.size() > 1) out += ',';
    out += '{';
    if (!weights.of.empty()) {
      out += "\"class\":";
      AppendJsonString(out, weights.of);
      out += ',';
    }
    out += "\"constant\":";
    AppendJsonNumber(out, weights.intercept);
    out += ",\"weights\":[";
    for (const auto& [input, weight] : weights.inputs) {
      out += out.back() == '[' ? "{\"input\":" : ",{\"input\":";
      AppendJsonString(out, input);
      out += ",\"weight\":";
      AppendJsonNumber(out, weight);
      out += '}';
    }
    out += "]}";
  }
  return out + "]\n";
}

Status Show(const Arguments& arguments) {
  LEAT_ASSIGN_OR_RETURN(const StateFolder folder,
                        StateFolder::Open(arguments.state, Access::kRead));
  LEAT_ASSIGN_OR_RETURN(const Model* const model, folder.pipeline->Learner(arguments.model));
  const TreeFormat format = arguments.json ? TreeFormat::kJson : arguments.format;
  if (const std::string trees = DumpTrees(*model, format); !trees.empty()) {
    std::cout << trees;
    return Status::Ok();
  }
  LEAT_ASSIGN_OR_RETURN(const auto weights, folder.pipeline->Weights(arguments.model));
  if (weights.empty()) {
    return Status::Unsupported(
        fmt::format("models.{}: it has no trees or weights of inputs to show", arguments.model));
  }
  if (format == TreeFormat::kGraphviz) {
    return Status::Unsupported(
        fmt::format("models.{}: its weights are no graph; --format text or json", arguments.model));
  }
  std::cout << (format == TreeFormat::kJson ? WeightsAsJson(weights) : WeightsAsText(weights));
  return Status::Ok();
}

Status Export(const Arguments& arguments) {
  LEAT_ASSIGN_OR_RETURN(const StateFolder folder,
                        StateFolder::Open(arguments.state, Access::kRead));
  ModelFile file;
  LEAT_ASSIGN_OR_RETURN(file.model, folder.pipeline->TakeModel(arguments.model));
  file.program = kVersion;
  file.pipeline = folder.info.pipeline;
  file.state_id = folder.info.state_id;
  file.exported_at = WallTime().micros;
  LEAT_RETURN_IF_ERROR(WriteModelFile(PosixFiles(), arguments.file, file));
  std::cerr << fmt::format("{}: {}, {} labels learnt, as of epoch {}: {}\n", file.model.name,
                           file.model.type, FormatCount(file.model.labels),
                           folder.info.epoch.number, arguments.file);
  return Status::Ok();
}

Status Import(const Arguments& arguments) {
  LEAT_ASSIGN_OR_RETURN(const ModelFile file, ReadModelFile(PosixFiles(), arguments.file));
  LEAT_ASSIGN_OR_RETURN(const StateFolder folder,
                        StateFolder::Open(arguments.state, Access::kWrite));
  if (!folder.journalled.empty()) {
    return Status::Corrupt(fmt::format(
        "{}: {} epochs wait in the journal to be taken again, and would be with another model; "
        "run the pipeline and stop it (SIGTERM), then import",
        arguments.state, folder.journalled.size()));
  }
  if (!folder.same_shape) {
    return Status::Corrupt(fmt::format(
        "{}: environment variables that its configuration refers to are not as they were when the "
        "state was made; set them as for `leat run`",
        arguments.state));
  }
  LEAT_RETURN_IF_ERROR(
      folder.pipeline->PutModel(arguments.model, file.model, arguments.shared_inputs));
  SnapshotInfo info = folder.info;
  info.program = kVersion;
  ++info.incarnation;
  info.written_at = WallTime().micros;
  folder.snapshots->Begin(*folder.pipeline, info);
  folder.snapshots->More([] { return false; });
  LEAT_RETURN_IF_ERROR(folder.snapshots->Write());
  folder.snapshots->End();
  std::cerr << fmt::format("{}: replaced by '{}' of {}, {} labels learnt, exported {}\n",
                           arguments.model, file.model.name, file.pipeline,
                           FormatCount(file.model.labels),
                           FormatTime(EventTime{file.exported_at / kSecond * kSecond}));
  return Status::Ok();
}

}  // namespace

void AddModel(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb =
      app.add_subcommand("model", "Models in a state folder: list, show, export, import");
  verb->require_subcommand(1);
  verb->footer(
      "Example:\n  leat model list state/fraud\n"
      "  leat model export state/fraud --model linear --output linear.leatmodel");
  const auto add = [&](const std::string& name, const std::string& what) {
    CLI::App* action = verb->add_subcommand(name, what);
    action->add_option("state", arguments->state, "A state folder, as of `leat run --state`")
        ->required();
    return action;
  };
  CLI::App* list = add("list", "Print the models of a state");
  list->footer("Example:\n  leat model list state/fraud");
  list->callback([arguments, &exit_code] { exit_code = ReportStatus(List(*arguments)); });

  CLI::App* show = add("show", "Print the trees of a model, or the weights of a linear one");
  show->add_option("--model", arguments->model, "Its name")->required();
  CLI::Option* const format =
      show->add_option("--format", arguments->format, "text, json, or graphviz for `dot` (trees)")
          ->transform(CLI::CheckedTransformer(
              std::map<std::string, TreeFormat>{{"text", TreeFormat::kText},
                                                {"json", TreeFormat::kJson},
                                                {"graphviz", TreeFormat::kGraphviz}}));
  show->add_flag("--json", arguments->json, "The same as --format json")->excludes(format);
  show->footer(
      "Examples:\n  leat model show state/fraud --model linear\n"
      "  leat model show state/fraud --model tree --format graphviz");
  show->callback([arguments, &exit_code] { exit_code = ReportStatus(Show(*arguments)); });

  CLI::App* taken = add("export", "Write a model with its inputs' statistics to a file");
  taken->add_option("--model", arguments->model, "Its name")->required();
  taken->add_option("--output,-o", arguments->file, "The file")->required();
  taken->footer(
      "Example:\n  leat model export state/fraud --model linear --output linear.leatmodel");
  taken->callback([arguments, &exit_code] { exit_code = ReportStatus(Export(*arguments)); });

  CLI::App* put = add("import", "Replace a model of a stopped state by one from a file");
  put->add_option("file", arguments->file, "What `leat model export` wrote")->required();
  put->add_option("--model", arguments->model, "The model that is replaced")->required();
  put->add_flag("--shared-inputs", arguments->shared_inputs,
                "Replace the statistics of inputs even if other models see them as well");
  put->footer("Example:\n  leat model import state/fraud linear.leatmodel --model linear");
  put->callback([arguments, &exit_code] { exit_code = ReportStatus(Import(*arguments)); });
}

}  // namespace leat
