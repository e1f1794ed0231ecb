/// How verbs that reach for brokers without a pipeline are told of them.
#pragma once

#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "leat/status.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace leat {

/// Adds --property, which may be given several times.
CLI::Option* AddProperties(CLI::App& verb, std::vector<std::string>& properties);

/// A cluster of NAME=VALUE texts; ${NAME} in a value is an environment variable, as in
/// kafka.properties. Invalid for another text, or a variable that is not set.
Result<kafka::Cluster> ClusterOf(const std::string& brokers,
                                 const std::vector<std::string>& properties);

}  // namespace leat
