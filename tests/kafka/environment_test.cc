// The broker of these tests: the one of the environment, or one that they start.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "support/kafka_broker.h"

namespace leat {
namespace {

class WithBroker : public ::testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("LEAT_KAFKA_BROKERS") != nullptr) return;
    const KafkaBroker* broker = SharedKafka();
    if (broker == nullptr) {
      // Each test is skipped, and says so; but not where there must be a broker.
      if (!KafkaMayBeAbsent()) FAIL() << KafkaProblem();
      return;
    }
    setenv("LEAT_KAFKA_BROKERS", broker->brokers().c_str(), 1);
    setenv("LEAT_KAFKA_FOLDER", broker->folder().c_str(), 1);
    setenv("LEAT_KAFKA_PID", std::to_string(broker->pid()).c_str(), 1);
  }
};

const ::testing::Environment* const kWithBroker =
    ::testing::AddGlobalTestEnvironment(new WithBroker);

}  // namespace
}  // namespace leat
