/// A real broker of Kafka for tests, and what tests ask of it beside the code under test.
///
/// The broker is scripts/kafka's: one node on loopback, with a folder of its own. It ends with the
/// process that started it, however that ends. Most tests share one and keep apart by the names of
/// their topics; only those that stop or kill it start their own (some 2 s). Without Java or Maven
/// there is none: tests are skipped, but fail where CI=true is in the environment.
///
///   TEST(Reader, Reads) {
///     LEAT_NEED_KAFKA(broker);
///     const std::string topic = UniqueName("reader");
///     ASSERT_TRUE(CreateTopic(broker.brokers(), topic, 3).ok());
///
/// Thread safety: a broker belongs to one thread; the functions may run concurrently. Errors are
/// Io, with librdkafka's words, or the script's.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "leat/status.h"

namespace leat {

class KafkaBroker {
 public:
  struct Options {
    std::string folder;  ///< Empty: a temporary one, which goes with the broker.
    int port = 0;        ///< 0: one that is free, with the one behind it.
    /// Of the broker, such as auto.create.topics.enable.
    std::vector<std::pair<std::string, std::string>> settings;
  };
  /// Waits until it answers and its coordinators are there.
  static Result<std::unique_ptr<KafkaBroker>> Start(const Options& options);
  static Result<std::unique_ptr<KafkaBroker>> Start() { return Start(Options()); }
  /// Kills it.
  ~KafkaBroker();
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;

  Status Stop();     ///< Cleanly.
  Status Kill();     ///< As a crash would.
  Status Restart();  ///< With the same data and ports, after Stop or Kill or while it runs.
  Status Pause();    ///< It keeps its connections and answers nothing, until Resume.
  Status Resume();

  const std::string& brokers() const { return brokers_; }  ///< 127.0.0.1:PORT.
  const std::string& folder() const { return folder_; }
  /// Of the process, which a restart changes; 0 while it is stopped.
  pid_t pid() const;

 private:
  KafkaBroker() = default;
  Status Command(const std::string& command);

  std::string folder_, brokers_;
  bool temporary_ = false;
  bool attached_ = false;  ///< Somebody else's, from the environment.

  friend KafkaBroker* SharedKafka();
};

/// The broker of this process, started at the first call: or the one that LEAT_KAFKA_BROKERS and
/// LEAT_KAFKA_FOLDER name (see tests/kafka/with-broker). Null if there is none; see KafkaProblem.
/// Tests leave it as it was: running.
KafkaBroker* SharedKafka();
/// Why there is none.
const std::string& KafkaProblem();
/// Whether a test may be skipped for that: not under CI=true, and not if it is broken.
bool KafkaMayBeAbsent();

/// Declares a reference to the shared broker, or skips or fails the test.
#define LEAT_NEED_KAFKA(broker)                                          \
  if (leat::SharedKafka() == nullptr) {                                  \
    if (!leat::KafkaMayBeAbsent()) FAIL() << leat::KafkaProblem();       \
    GTEST_SKIP() << "needs a broker of Kafka: " << leat::KafkaProblem(); \
  }                                                                      \
  [[maybe_unused]] leat::KafkaBroker& broker = *leat::SharedKafka()

/// The value; without one the test fails, with the error, and goes on with an empty value.
template <typename T>
T Got(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  ADD_FAILURE() << result.status().message();
  return T();
}

/// `prefix` with what no other test, process or run has.
std::string UniqueName(const std::string& prefix);

using KafkaConfigs = std::vector<std::pair<std::string, std::string>>;

Status CreateTopic(const std::string& brokers, const std::string& topic, int partitions,
                   const KafkaConfigs& configs = {});
Status DeleteTopic(const std::string& brokers, const std::string& topic);
/// So many in all.
Status AddPartitions(const std::string& brokers, const std::string& topic, int partitions);
/// Replaces the topic's own settings; what is not named falls back to the broker's.
Status AlterTopicConfig(const std::string& brokers, const std::string& topic,
                        const KafkaConfigs& configs);
/// All before `offset`.
Status DeleteRecords(const std::string& brokers, const std::string& topic, int32_t partition,
                     int64_t offset);
Status DeleteGroup(const std::string& brokers, const std::string& group);

struct KafkaRecord {
  std::optional<std::string> key = {};
  std::optional<std::string> payload = {};  ///< None: a tombstone.
  std::vector<std::pair<std::string, std::string>> headers = {};
  int64_t timestamp = 0;   ///< Milliseconds since 1970; 0: now.
  int32_t partition = -1;  ///< When read.
  int64_t offset = -1;     ///< When read.
};

/// By an idempotent producer, in order; returns when all are acknowledged. Partition -1: by key.
Status Produce(const std::string& brokers, const std::string& topic, int32_t partition,
               const std::vector<KafkaRecord>& records);
/// The same in one transaction, of a producer with that transactional id (empty: a new one). When
/// it returns readers see the outcome.
Status ProduceTransaction(const std::string& brokers, const std::string& topic, int32_t partition,
                          const std::vector<KafkaRecord>& records, bool commit,
                          const std::string& transactional_id = {});

/// A transaction that is left open until Commit, Abort or, by the broker, its timeout; the
/// destructor leaves it to the latter. For tests of what stands in the way of readers.
class OpenTransaction {
 public:
  static Result<std::unique_ptr<OpenTransaction>> Begin(const std::string& brokers,
                                                        const std::string& transactional_id,
                                                        int timeout_ms = 60'000);
  ~OpenTransaction();
  /// Acknowledged, and not yet visible to those who read what is committed.
  Status Produce(const std::string& topic, int32_t partition,
                 const std::vector<KafkaRecord>& records);
  Status Commit();
  Status Abort();

 private:
  struct Impl;
  explicit OpenTransaction(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum class Isolation { kCommitted, kUncommitted };
/// Everything from the start to the end, by partition and offset. Committed: what stands behind an
/// open transaction is waited for up to `patience_ms`, and then not there.
Result<std::vector<KafkaRecord>> ReadTopic(const std::string& brokers, const std::string& topic,
                                           Isolation isolation = Isolation::kCommitted,
                                           int patience_ms = 1'000);
/// Of each partition; committed: where the first open transaction begins.
Result<std::map<int32_t, int64_t>> EndOffsets(const std::string& brokers, const std::string& topic,
                                              Isolation isolation = Isolation::kUncommitted);
Result<std::map<int32_t, int64_t>> StartOffsets(const std::string& brokers,
                                                const std::string& topic);

struct KafkaOffset {
  int64_t offset = -1;
  std::string metadata = {};
};
/// By partition; those without are absent. Waits for a transaction that is about to change them.
Result<std::map<int32_t, KafkaOffset>> CommittedOffsets(const std::string& brokers,
                                                        const std::string& group,
                                                        const std::string& topic);
/// As a tool for people would: the group must have no members.
Status SetCommittedOffsets(const std::string& brokers, const std::string& group,
                           const std::string& topic, const std::map<int32_t, KafkaOffset>& offsets);

}  // namespace leat
