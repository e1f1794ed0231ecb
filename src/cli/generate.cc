#include "connectors/generate/generate.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/brokers.h"
#include "cli/cli.h"
#include "cli/packed_output.h"
#include "cli/produce.h"
#include "cli/progress.h"
#include "pipeline/config_text.h"
#include "pipeline/params_doc.h"
#include "pipeline/params_yaml.h"
#include "record/log_name.h"

namespace leat {
namespace {

struct Arguments {
  std::string name;
  std::string output = "-";
  bool quiet = false;
  ProduceOptions kafka;
  std::string brokers, labels_after;
  std::vector<std::string> properties;
  std::map<std::string, std::string> settings;  ///< By the name of the option.
};

std::string Flag(std::string name) {
  for (char& c : name) {
    if (c == '_') c = '-';
  }
  return "--" + name;
}

/// Descriptions are written for Markdown; a terminal shows no back quotes.
std::string Plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != '`') out += c;
  }
  return out;
}

/// Reads the settings as a configuration would be read: the same types, ranges and messages.
Result<GenerateOptions> ReadOptions(const Arguments& arguments) {
  config::YamlNode node;
  node.kind = config::YamlNode::Kind::kMap;
  for (const auto& [name, value] : arguments.settings) {
    if (value.empty()) continue;
    config::YamlNode item;
    item.kind = config::YamlNode::Kind::kScalar;
    item.key = name;
    item.scalar = value;
    node.items.push_back(std::move(item));
  }
  config::Problems problems;
  config::Environment environment;
  GenerateOptions options;
  options.name = arguments.name;
  if (!arguments.brokers.empty() || FormatOfName(arguments.output) == RecordFormat::kJsonLines) {
    options.format = GenerateFormat::kJsonLines;
  }
  config::YamlParams params(node, "", problems, environment);
  Describe(params, options);
  LEAT_RETURN_IF_ERROR(problems.AsStatus(Flag));
  return options;
}

Status Generate(const Arguments& arguments) {
  LEAT_ASSIGN_OR_RETURN(const GenerateOptions options, ReadOptions(arguments));
  LEAT_ASSIGN_OR_RETURN(const auto generator, MakeGenerator(options));
  const auto total = static_cast<uint64_t>(options.rows);
  if (!arguments.brokers.empty()) {
    if (options.format != GenerateFormat::kJsonLines) {
      return Status::Invalid("--format: messages are JSON");
    }
    ProduceOptions kafka = arguments.kafka;
    kafka.progress = !arguments.quiet;
    LEAT_ASSIGN_OR_RETURN(kafka.cluster, ClusterOf(arguments.brokers, arguments.properties));
    if (!arguments.labels_after.empty()) {
      const auto after = config::ParseDuration(arguments.labels_after);
      if (!after) {
        return Status::Invalid("--labels-after: found \"" + arguments.labels_after +
                               "\", expected a duration such as 30s, 15m or 7d");
      }
      kafka.labels_after = *after;
    }
    return ProduceStream(*generator, total, arguments.name, kafka);
  }
  LEAT_ASSIGN_OR_RETURN(const auto output, PackedOutput::Create(arguments.output));
  Progress progress("generate " + arguments.name, !arguments.quiet && arguments.output != "-");
  std::string line = generator->Header();
  std::string block;
  if (!line.empty()) block = line + '\n';
  uint64_t rows = 0;
  while (generator->Next(line)) {
    block += line;
    block += '\n';
    ++rows;
    if (block.size() < size_t{1} << 16) continue;
    LEAT_RETURN_IF_ERROR(output->Append(block));
    block.clear();
    progress.Update(rows, rows, total);
  }
  LEAT_RETURN_IF_ERROR(output->Append(block));
  return output->Close();
}

void AddKafkaOptions(CLI::App& verb, CLI::Option& output, Arguments& arguments) {
  ProduceOptions& kafka = arguments.kafka;
  const std::string group = "To topics of Kafka, as JSON, instead of a file";
  CLI::Option* brokers =
      verb.add_option("--kafka", arguments.brokers, "host:port, several with commas")
          ->type_name("BROKERS")
          ->excludes(&output)
          ->group(group);
  const auto add = [&](CLI::Option* option) { return option->needs(brokers)->group(group); };
  brokers->needs(
      add(verb.add_option("--topic", kafka.topic, "Where the stream goes")->type_name("TOPIC")));
  add(AddProperties(verb, arguments.properties));
  add(verb.add_option("--rate", kafka.rate, "Records a second; 0 is as fast as possible")
          ->check(CLI::Range(0.0, 1e7))
          ->type_name("N")
          ->capture_default_str());
  add(verb.add_option("--key", kafka.key, "Column whose value is the key, such as customer_id")
          ->type_name("COLUMN"));
  CLI::Option* live = add(verb.add_flag("--live", kafka.live, "Event time is the time of sending"));
  add(verb.add_flag("--stamped", kafka.stamped,
                    "Messages carry event times, as if they had been sent then")
          ->excludes(live));
  CLI::Option* labels =
      add(verb.add_option("--labels-topic", kafka.labels_topic,
                          "Labels leave the records and go here when they become known")
              ->type_name("TOPIC"));
  add(verb.add_option("--labels-after", arguments.labels_after,
                      "How much event time later they become known (default 0s)")
          ->needs(labels)
          ->type_name("DURATION"));
  add(verb.add_option("--partitions", kafka.partitions,
                      "Of topics that are missing, which are made; 0: none is made")
          ->check(CLI::Range(0, 10'000))
          ->type_name("N")
          ->capture_default_str());
}

}  // namespace

void AddGenerate(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("generate", "Write a synthetic stream, with drift if wanted");
  std::string names = "The stream:";
  for (const std::string_view name : GeneratorNames()) {
    names += "\n" + std::string(name) + ": " + std::string(GeneratorSummary(name));
  }
  verb->add_option("name", arguments->name, names)->required()->type_name("NAME");
  CLI::Option* output =
      verb->add_option("--output,-o", arguments->output,
                       "File to write; .zst and .gz compress; .jsonl, .ndjson and .json give JSON "
                       "lines; - is stdout")
          ->type_name("FILE")
          ->capture_default_str();
  AddKafkaOptions(*verb, *output, *arguments);
  GenerateOptions defaults;
  config::DocParams described;
  Describe(described, defaults);
  for (const auto& row : described.rows()) {
    verb->add_option(Flag(row.name), arguments->settings[row.name],
                     Plain(row.help + " (" + row.type + "; default " + row.fallback + ")"))
        ->type_name("");
  }
  verb->add_flag("--quiet,-q", arguments->quiet, "No progress line");
  verb->footer(
      "Example:\n"
      "  leat generate card-fraud --rows 1e6 --seed 7 --drift gradual -o transactions.csv.zst\n"
      "  leat generate card-fraud --rows 1e6 --kafka localhost:9092 --topic transactions --key "
      "customer_id \\\n      --rate 2000 --live --labels-topic labels --labels-after 20s");
  verb->callback([arguments, &exit_code] { exit_code = ReportStatus(Generate(*arguments)); });
}

}  // namespace leat
