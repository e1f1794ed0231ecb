/// What calls of librdkafka fail with, and what kinds of errors there are.
#pragma once

#include <string>

#include "connectors/kafka/client.h"

namespace leat::kafka {

/// Whether an error stays until somebody puts it right.
bool IsPermanent(rd_kafka_resp_err_t error);
/// Whether a topic is said not to exist: for some time, brokers may say so of one that is new.
bool IsUnknownTopic(rd_kafka_resp_err_t error);
/// Whether it only says that brokers do not answer for now.
bool IsAbsence(rd_kafka_resp_err_t error);

/// What a call failed with. No code: it did not.
struct CallError {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool fatal = false, retriable = false, abort = false;
  std::string text;

  explicit operator bool() const { return code != RD_KAFKA_RESP_ERR_NO_ERROR; }
};
/// Takes `error`, which may be null.
CallError Take(rd_kafka_error_t* error);
CallError Take(rd_kafka_resp_err_t error);

}  // namespace leat::kafka
