#include "connectors/kafka/membership.h"

#include <algorithm>
#include <utility>

namespace leat::kafka {

Result<std::unique_ptr<Membership>> Membership::Join(MembershipOptions options) {
  std::unique_ptr<Membership> self(new Membership(std::move(options)));
  LEAT_ASSIGN_OR_RETURN(Handle<rd_kafka_conf_t> conf,
                        MakeConf(self->options_.cluster, RD_KAFKA_CONSUMER,
                                 {{"session.timeout.ms", "10000"},
                                  {"heartbeat.interval.ms", "2000"},
                                  {"allow.auto.create.topics", "false"}}));
  rd_kafka_conf_set_opaque(conf.get(), self.get());
  rd_kafka_conf_set_rebalance_cb(conf.get(), Rebalance);
  LEAT_RETURN_IF_ERROR(Insist(*conf, {{"group.id", self->options_.group},
                                      {"partition.assignment.strategy", "cooperative-sticky"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.auto.offset.store", "false"},
                                      // A share that ends may have to wait for its brokers first.
                                      {"max.poll.interval.ms", "3600000"}}));
  LEAT_ASSIGN_OR_RETURN(self->client_, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_poll_set_consumer(self->client_.get());
  const Handle<rd_kafka_topic_partition_list_t> topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), self->options_.topic.c_str(),
                                    RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(self->client_.get(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Failed("kafka: group " + self->options_.group + " cannot be joined", error);
  }
  return self;
}

Membership::~Membership() {
  if (client_) rd_kafka_consumer_close(client_.get());
}

Status Membership::Poll(int wait_ms) {
  const Handle<rd_kafka_message_t> event(rd_kafka_consumer_poll(client_.get(), wait_ms));
  // Messages are the shares' business. What passes is heard of in librdkafka's log.
  if (event && status_.ok()) {
    switch (event->err) {
      case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      case RD_KAFKA_RESP_ERR__FATAL:
        status_ = Failed("kafka: group " + options_.group, event->err,
                         rd_kafka_message_errstr(event.get()));
        break;
      default:
        break;
    }
  }
  return status_;
}

std::vector<int64_t> Membership::SharesOf(const rd_kafka_topic_partition_list_t& partitions) const {
  std::vector<int64_t> shares;
  for (int i = 0; i < partitions.cnt; ++i) {
    // There may be more partitions than shares; those stand for none.
    if (partitions.elems[i].partition < options_.shares) {
      shares.push_back(partitions.elems[i].partition);
    }
  }
  std::sort(shares.begin(), shares.end());
  return shares;
}

void Membership::Rebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto& self = *static_cast<Membership*>(opaque);
  const std::vector<int64_t> shares = self.SharesOf(*partitions);
  rd_kafka_error_t* failed = nullptr;
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    for (int i = 0; i < partitions->cnt; ++i) {
      partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    }
    failed = rd_kafka_incremental_assign(client, partitions);
    if (failed == nullptr) {
      rd_kafka_pause_partitions(client, partitions);  // Nothing is to be fetched.
      if (!shares.empty()) self.options_.taken(shares);
    }
  } else {
    if (!shares.empty()) self.options_.given_up(shares);
    failed = rd_kafka_incremental_unassign(client, partitions);
  }
  if (failed == nullptr) return;
  self.status_ = Failed("kafka: group " + self.options_.group, rd_kafka_error_code(failed),
                        rd_kafka_error_string(failed));
  rd_kafka_error_destroy(failed);
}

}  // namespace leat::kafka
