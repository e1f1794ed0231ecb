/// What every client of Kafka here has in common: settings, log, errors, and handles that close
/// themselves.
///
/// Source: librdkafka's C interface, 2.0.2 and later. Thread safety: as librdkafka's.
#pragma once

#include <librdkafka/rdkafka.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/status.h"

namespace leat::kafka {

/// How to reach a cluster.
struct Cluster {
  std::string brokers;  ///< host:port, several with commas.
  /// Further settings of librdkafka, such as security.protocol; they win over ours.
  std::vector<std::pair<std::string, std::string>> properties;
  std::string client_id = "leat";
};

struct Destroy {
  void operator()(rd_kafka_t* p) const { rd_kafka_destroy(p); }
  void operator()(rd_kafka_conf_t* p) const { rd_kafka_conf_destroy(p); }
  void operator()(rd_kafka_queue_t* p) const { rd_kafka_queue_destroy(p); }
  void operator()(rd_kafka_topic_t* p) const { rd_kafka_topic_destroy(p); }
  void operator()(rd_kafka_error_t* p) const { rd_kafka_error_destroy(p); }
  void operator()(rd_kafka_event_t* p) const { rd_kafka_event_destroy(p); }
  void operator()(rd_kafka_message_t* p) const { rd_kafka_message_destroy(p); }
  void operator()(rd_kafka_headers_t* p) const { rd_kafka_headers_destroy(p); }
  void operator()(rd_kafka_topic_partition_list_t* p) const {
    rd_kafka_topic_partition_list_destroy(p);
  }
  void operator()(const rd_kafka_metadata_t* p) const { rd_kafka_metadata_destroy(p); }
  void operator()(rd_kafka_consumer_group_metadata_t* p) const {
    rd_kafka_consumer_group_metadata_destroy(p);
  }
};
template <typename T>
using Handle = std::unique_ptr<T, Destroy>;

/// A configuration: where the cluster is, then `settings`, then the cluster's properties, which
/// win. What applies to the other type of client only is left out. Invalid, naming the property, if
/// librdkafka refuses one.
Result<Handle<rd_kafka_conf_t>> MakeConf(
    const Cluster& cluster, rd_kafka_type_t type,
    const std::vector<std::pair<std::string, std::string>>& settings);
/// Sets what no property of the user may change.
Status Insist(rd_kafka_conf_t& conf,
              std::initializer_list<std::pair<const char*, std::string>> settings);
/// Takes `conf`. Logs of librdkafka go to standard error, warnings and worse only, each once a
/// minute at most.
Result<Handle<rd_kafka_t>> MakeClient(rd_kafka_type_t type, Handle<rd_kafka_conf_t> conf);

/// Destroys a consumer at once, without leaving its group. librdkafka waits for ever after one of
/// its topics was deleted (its issue 3470): such a consumer is left to itself after some seconds.
void Discard(Handle<rd_kafka_t> consumer);

/// A line on standard error, as those of librdkafka's log are: each once a minute at most.
void Warn(std::string_view text);

/// Our words for an error of librdkafka; `what` was being done.
Status Failed(std::string_view what, rd_kafka_resp_err_t error, std::string_view detail = {});

}  // namespace leat::kafka
