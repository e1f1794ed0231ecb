#include "cli/brokers.h"

#include <CLI/CLI.hpp>

#include "pipeline/params_yaml.h"

namespace leat {

CLI::Option* AddProperties(CLI::App& verb, std::vector<std::string>& properties) {
  return verb
      .add_option("--property", properties,
                  "A setting of librdkafka, as in kafka.properties; may be repeated. ${NAME} is an "
                  "environment variable, so that a password need not be on the command line")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

Result<kafka::Cluster> ClusterOf(const std::string& brokers,
                                 const std::vector<std::string>& properties) {
  kafka::Cluster cluster;
  cluster.brokers = brokers;
  config::Problems problems;
  config::Environment environment;
  for (const std::string& property : properties) {
    const size_t equals = property.find('=');
    // What was given is not shown: it may be a secret.
    if (equals == std::string::npos || equals == 0) {
      return Status::Invalid("--property: expected NAME=VALUE, such as security.protocol=sasl_ssl");
    }
    const std::string name = property.substr(0, equals);
    cluster.properties.emplace_back(
        name, config::ExpandEnvironment(property.substr(equals + 1), config::YamlNode(),
                                        "--property " + name, problems, environment));
  }
  LEAT_RETURN_IF_ERROR(problems.AsStatus([](const std::string& where) { return where; }));
  return cluster;
}

}  // namespace leat
