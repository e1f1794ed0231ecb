/// Which shares of the input this process has, as the processes of a consumer group agree.
///
/// Partition p of the first topic stands for share p: whoever the group gives it to runs that
/// share, and nobody reads its messages here. Shares move one by one (the cooperative-sticky
/// strategy): those that stay go on meanwhile. A member that is gone without a word (kill -9) loses
/// its shares after `session.timeout.ms`, 10 s unless the cluster's properties say otherwise.
///
/// The group only says who should run a share. That no two do at a time, should they disagree for a
/// moment, is for the share's transactional id and the lock of its state's folder.
/// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"

namespace leat::kafka {

struct MembershipOptions {
  Cluster cluster;
  std::string group;  ///< Another one than whose offsets are committed: that must have no members.
  std::string topic;
  int64_t shares = 1;
  /// Shares that this process has from now on, and those that it must have ended when the call
  /// returns. From 0. Called by Poll, and `given_up` for all that are left by the destructor.
  std::function<void(const std::vector<int64_t>&)> taken, given_up;
};

class Membership {
 public:
  static Result<std::unique_ptr<Membership>> Join(MembershipOptions options);
  /// Gives all shares up, and leaves.
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  /// Waits for changes, up to `wait_ms`. Io if the group cannot be joined for good.
  Status Poll(int wait_ms);

 private:
  explicit Membership(MembershipOptions options) : options_(std::move(options)) {}
  static void Rebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                        rd_kafka_topic_partition_list_t* partitions, void* self);
  std::vector<int64_t> SharesOf(const rd_kafka_topic_partition_list_t& partitions) const;

  const MembershipOptions options_;
  Handle<rd_kafka_t> client_;
  Status status_;
};

}  // namespace leat::kafka
