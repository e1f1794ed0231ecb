#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/brokers.h"
#include "cli/cli.h"
#include "connectors/kafka/topic_reader.h"
#include "runtime/event_loop.h"

namespace leat {
namespace {

constexpr int kWaitMs = 100;

struct Arguments {
  std::string brokers, topic, from = "earliest";
  bool follow = false, meta = false, uncommitted = false;
  uint64_t most = UINT64_MAX;
  std::vector<std::string> properties;
};

Status Print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return Status::Ok();
  }
  return Status::Io("standard output cannot be written");
}

Status Read(const Arguments& arguments) {
  kafka::TopicReaderOptions options;
  LEAT_ASSIGN_OR_RETURN(options.cluster, ClusterOf(arguments.brokers, arguments.properties));
  options.topic = arguments.topic;
  options.from_end = arguments.from == "latest";
  options.read_committed = !arguments.uncommitted;
  LEAT_ASSIGN_OR_RETURN(const auto reader, kafka::TopicReader::Open(options));
  EventLoop loop;
  std::string out;
  uint64_t count = 0;
  while (!loop.stop_requested() && count < arguments.most) {
    kafka::TopicMessage message;
    // What is at hand first; what has come is shown before anything is waited for.
    LEAT_ASSIGN_OR_RETURN(bool got, reader->Next(0, message));
    if (!got) {
      if (!out.empty()) LEAT_RETURN_IF_ERROR(Print(out));
      out.clear();
      if (reader->at_end() && !arguments.follow) break;
      LEAT_ASSIGN_OR_RETURN(got, reader->Next(kWaitMs, message));
      if (!got) continue;
    }
    if (arguments.meta) {
      out += fmt::format("{}\t{}\t{}\t", message.partition, message.offset, message.key);
    }
    out += message.payload;
    out += '\n';
    ++count;
    if (out.size() < size_t{1} << 16) continue;
    LEAT_RETURN_IF_ERROR(Print(out));
    out.clear();
  }
  return Print(out);
}

}  // namespace

void AddRead(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("read", "Print the messages of a topic, a line each");
  verb->add_option("--kafka", arguments->brokers, "host:port, several with commas")
      ->required()
      ->type_name("BROKERS");
  AddProperties(*verb, arguments->properties);
  verb->add_option("--topic", arguments->topic, "What to read")->required()->type_name("TOPIC");
  verb->add_option("--from", arguments->from,
                   "earliest: all that is kept; latest: what comes from now on, with --follow")
      ->check(CLI::IsMember({"earliest", "latest"}))
      ->type_name("WHERE")
      ->capture_default_str();
  verb->add_flag("--follow,-f", arguments->follow, "Wait for more at the end, until interrupted");
  verb->add_option("--most,-n", arguments->most, "Stop after so many messages")->type_name("N");
  verb->add_flag("--meta", arguments->meta, "Partition, offset and key first, with tabs between");
  verb->add_flag("--uncommitted", arguments->uncommitted,
                 "Show what is in open and aborted transactions, too");
  verb->footer(
      "Examples:\n  leat read --kafka localhost:9092 --topic predictions --follow\n"
      "  leat read --kafka kafka.example.com:9093 --topic predictions \\\n"
      "      --property security.protocol=sasl_ssl --property sasl.mechanism=PLAIN \\\n"
      "      --property sasl.username=engine --property 'sasl.password=${KAFKA_PASSWORD}'");
  verb->callback([arguments, &exit_code] { exit_code = ReportStatus(Read(*arguments)); });
}

}  // namespace leat
