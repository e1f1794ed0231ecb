#include "live/stream.h"

#include <algorithm>
#include <chrono>

#include "base/random.h"

namespace leat {
namespace {

constexpr int64_t kStepMs = 20;
constexpr int kLabelDelay = 500;

KafkaRecord Bad(int i, int64_t time) {
  KafkaRecord record{{}, std::string("{\"id\":"), {}, time};
  switch (i / 500 % 4) {
    case 1:
      record.payload = "";
      break;
    case 2:
      record.payload.reset();
      record.key = "gone";
      break;
    case 3:
      record.payload = "{\"id\":\"\xff\xfe\"}";
      break;
    default:
      break;
  }
  return record;
}

}  // namespace

int64_t StreamStart() {
  static const int64_t start = std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count() -
                               int64_t{6} * 3'600'000;
  return start;
}

Status ProduceStream(const std::string& brokers, const std::string& prefix,
                     const StreamOptions& options) {
  const std::string topic = prefix + "payments", label_topic = prefix + "labels";
  if (options.first == 0) LEAT_RETURN_IF_ERROR(CreateTopic(brokers, topic, options.partitions));
  if (options.first == 0 && options.labels_apart) {
    LEAT_RETURN_IF_ERROR(CreateTopic(brokers, label_topic, options.partitions));
  }
  const auto partitions = static_cast<size_t>(options.partitions);
  std::vector<std::vector<KafkaRecord>> records(partitions), labels(partitions);
  for (int i = options.first; i < options.records; ++i) {
    const auto n = static_cast<uint64_t>(i);
    CounterRandom random(7, n);
    const int64_t time = StreamStart() + i * kStepMs;
    const auto key = static_cast<int>(random.Below(static_cast<uint64_t>(options.keys)));
    const auto partition = static_cast<size_t>(key % options.partitions);
    if (options.bad && i % 500 == 499) records[partition].push_back(Bad(i, time));
    const double amount = static_cast<double>(random.Below(20'000)) / 100;
    // After half of it fraud looks different, for the detector.
    const bool risky = i < options.records / 2 ? amount > 150 : amount < 20;
    const bool fraud = random.Below(100) < (risky ? 60u : 3u);
    std::string payload =
        fmt::format(R"({{"id":"p{}","card":"c{}","shop":{},"amount":{},"at":{},"country":"{}")", i,
                    key, random.Below(50), amount, time, random.Below(2) == 0 ? "DE" : "FR");
    payload += options.labels_apart ? "}" : fmt::format(R"(,"fraud":{}}})", fraud);
    KafkaRecord record{fmt::format("c{}", key), std::move(payload), {}, time};
    if (i % 3 == 0) record.headers = {{"traceparent", fmt::format("00-{:032x}-{:016x}-01", i, i)}};
    records[partition].push_back(std::move(record));
    if (!options.labels_apart) continue;
    const int64_t known = time + kLabelDelay * kStepMs;
    labels[partition].push_back(
        {fmt::format("c{}", key),
         fmt::format(R"({{"id":"p{}","fraud":{},"known":{}}})", i, fraud, known),
         {},
         known});
  }
  for (size_t p = 0; p < partitions; ++p) {
    LEAT_RETURN_IF_ERROR(Produce(brokers, topic, static_cast<int32_t>(p), records[p]));
    if (options.labels_apart) {
      LEAT_RETURN_IF_ERROR(Produce(brokers, label_topic, static_cast<int32_t>(p), labels[p]));
    }
  }
  return Status::Ok();
}

std::string StreamPipeline(bool labels_apart, const std::string& extra) {
  std::string yaml = R"(name: RUN
kafka:
  brokers: "BROKERS"
  group: RUN
  idle: 0s
)" + extra + R"(source: {kafka: {topic: IN-payments, start: earliest}}
record:
  id: id
  time: {field: at, format: epoch_ms}
  fields: {card: id, shop: id, amount: {type: number, min: 0}, country: category}
)";
  yaml += labels_apart
              ? "label: {kafka: {topic: IN-labels}, field: fraud, time: {field: known, format: "
                "epoch_ms}, expires_after: 1h}\n"
              : "label: {field: fraud, available_after: 10s, expires_after: 1h}\n";
  return yaml + R"(features:
  seen: {count: all, by: card}
  spent: {sum: amount, over: 1h, by: card}
  mean: {mean: amount, over: 10m, by: shop}
  ratio: amount / mean
  risk: {mean: label, over: 10m, by: shop}
models:
  linear: {type: logistic_regression, scale: standard}
  tree: {type: hoeffding_tree, grace_period: 100}
drift: [{detector: adwin, on: error, then: alert}]
evaluation: {every: 2000}
sinks:
  predictions: {kafka: {topic: RUN-predictions}, features: [seen, spent]}
  events: {kafka: {topic: RUN-events}}
  metrics: {kafka: {topic: RUN-metrics}}
  rejects: {kafka: {topic: RUN-rejects}}
state: {path: STATE, snapshot_every: 300ms}
commit_every: 50ms
)";
}

}  // namespace leat
