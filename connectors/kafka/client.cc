#include "connectors/kafka/client.h"

#include <fmt/format.h>

namespace leat::kafka {

Status Failed(std::string_view what, rd_kafka_resp_err_t error, std::string_view detail) {
  return Status::Io(fmt::format("{}: {}", what, detail.empty() ? rd_kafka_err2str(error) : detail));
}

}  // namespace leat::kafka
