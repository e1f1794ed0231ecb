// Cost of features on a card-like stream: 5000 customers, 10000 terminals, 42 keyed windows over
// 1, 7 and 30 days (13 of them labelled, known after 7 days), 15 expressions, then 59 binned
// inputs. Floor: the same records with only the key lookups (a count per key). CardGraph/500 has a
// tenth of the keys (and of the events a day), whose state fits into the processor's caches.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

#include "base/random.h"
#include "features/features.h"

namespace leat {
namespace {

constexpr size_t kRecords = 600'000;

Schema CardSchema() {
  Schema schema;
  for (const auto& [name, type] : {std::pair<const char*, FieldType>{"customer", FieldType::kId},
                                   {"terminal", FieldType::kId},
                                   {"amount", FieldType::kNumber}}) {
    FieldSpec field;
    field.name = name;
    field.type = type;
    schema.fields.push_back(field);
  }
  return schema;
}

struct Event {
  EventTime time;
  double amount;
  uint32_t customer;
  uint32_t terminal;
};

/// Two events a customer and day.
const std::vector<Event>& Stream(int64_t customers) {
  static int64_t made_for = 0;
  static std::vector<Event> events;
  if (made_for == customers) return events;
  made_for = customers;
  events = [&] {
    CounterRandom random(1, 1);
    std::vector<Event> out(kRecords);
    for (size_t i = 0; i < kRecords; ++i) {
      Event& r = out[i];
      r.time = EventTime{static_cast<int64_t>(i) * (kDay / (2 * customers))};
      const uint64_t customer = random.Below(static_cast<uint64_t>(customers));
      // Each customer knows about 50 terminals.
      const uint64_t terminal =
          Mix64(customer * 64 + random.Below(50)) % static_cast<uint64_t>(2 * customers);
      r.amount = std::floor(100 * random.Exponential() * 50) / 100;
      r.customer = static_cast<uint32_t>(customer + 1);
      r.terminal = static_cast<uint32_t>(terminal + 1);
    }
    return out;
  }();
  return events;
}

FeatureSpec Expr(std::string name, std::string expression) {
  FeatureSpec spec;
  spec.name = std::move(name);
  spec.expression = std::move(expression);
  return spec;
}

FeatureSpec Window(std::string name, Aggregate aggregate, std::string expression, Micros over,
                   std::string by, std::string where = "") {
  FeatureSpec spec = Expr(std::move(name), std::move(expression));
  spec.aggregate = aggregate;
  spec.over = over;
  spec.by = {std::move(by)};
  spec.where = std::move(where);
  return spec;
}

std::vector<FeatureSpec> CardFeatures() {
  std::vector<FeatureSpec> f = {
      Expr("log_amount", "log1p(amount)"),   Expr("hour", "hour(time)"),
      Expr("weekend", "weekday(time) >= 5"), Expr("night", "hour(time) < 6"),
      Expr("day_sin", "sin_of_day(time)"),   Expr("day_cos", "cos_of_day(time)"),
      Expr("large", "amount > 220")};
  for (const int days : {1, 7, 30}) {
    const std::string d = std::to_string(days);
    const Micros over = days * kDay;
    f.push_back(Window("c_count" + d, Aggregate::kCount, "", over, "customer"));
    f.push_back(Window("c_mean" + d, Aggregate::kMean, "amount", over, "customer"));
    f.push_back(Window("c_std" + d, Aggregate::kStd, "amount", over, "customer"));
    f.push_back(Window("c_max" + d, Aggregate::kMax, "amount", over, "customer"));
    f.push_back(Window("t_count" + d, Aggregate::kCount, "", over, "terminal"));
    f.push_back(Window("t_mean" + d, Aggregate::kMean, "amount", over, "terminal"));
    f.push_back(Window("t_min" + d, Aggregate::kMin, "amount", over, "terminal"));
    f.push_back(Window("c_fraud" + d, Aggregate::kSum, "label", (days + 7) * kDay, "customer"));
    f.push_back(Window("t_risk" + d, Aggregate::kMean, "label", (days + 7) * kDay, "terminal"));
    f.push_back(Window("t_known" + d, Aggregate::kCount, "label", (days + 7) * kDay, "terminal"));
  }
  f.push_back(Expr("ratio", "amount / c_mean7"));
  f.push_back(Expr("z", "(amount - c_mean30) / (c_std30 + 1)"));
  for (const int days : {7, 14, 30}) {
    const std::string d = std::to_string(days);
    f.push_back(Window("c_big" + d, Aggregate::kCount, "", days * kDay, "customer", "ratio > 2.2"));
    f.push_back(Window("t_big" + d, Aggregate::kCount, "", days * kDay, "terminal", "ratio > 2.2"));
  }
  f.push_back(Window("c_places", Aggregate::kDistinct, "terminal", 30 * kDay, "customer"));
  f.push_back(Window("c_since", Aggregate::kSince, "", 0, "customer"));
  f.push_back(Window("t_since_fraud", Aggregate::kSince, "label", 0, "terminal"));
  f.push_back(Window("t_fraud_run", Aggregate::kRun, "label", 0, "terminal"));
  f.push_back(Window("c_clean", Aggregate::kMean, "amount", 37 * kDay, "customer", "not label"));
  f.push_back(Window("t_clean", Aggregate::kMean, "amount", 37 * kDay, "terminal", "not label"));
  f.push_back(Expr("speed", "c_count1 / (c_count30 + 1)"));
  f.push_back(Expr("fresh", "coalesce(c_since, 1e6) < 600"));
  f.push_back(Expr("open_big", "c_big14 - coalesce(c_fraud7, 0)"));
  f.push_back(Expr("share", "c_mean1 / c_mean30"));
  f.push_back(Expr("log_gap", "log1p(c_since)"));
  f.push_back(Expr("above_max", "amount >= c_max30"));
  return f;
}

void Fail(const Status& status) {
  std::cerr << status.message() << '\n';
  std::exit(1);
}

std::unique_ptr<FeatureGraph> Make(const std::vector<FeatureSpec>& specs) {
  auto graph = FeatureGraph::Create(CardSchema(), specs, {});
  if (!graph.ok()) Fail(graph.status());
  return std::move(graph).value();
}

/// The whole stream through the graph, labels seven days later.
double Run(const std::vector<Event>& records, FeatureGraph& graph, InputBuilder* inputs) {
  std::vector<double> slots(graph.slot_count());
  const size_t kept = graph.label_payload_size();
  const size_t delay = static_cast<size_t>(7 * kDay / (records[1].time - records[0].time));
  std::vector<double> payloads(delay * std::max<size_t>(kept, 1));
  std::vector<double> dense(inputs ? inputs->dense_size() : 0);
  std::vector<SparseEntry> sparse(inputs ? inputs->max_sparse() : 0);
  Record record;
  record.values.resize(3);
  record.keys.resize(3);
  record.texts.resize(3);
  double check = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::span<double> payload(payloads.data() + (i % delay) * kept, kept);
    if (kept > 0 && i >= delay) {
      const double label = Mix64(i - delay) % 100 == 0 ? 1 : 0;
      graph.OnLabel(records[i - delay].time, label, payload);
    }
    record.time = records[i].time;
    record.values[2] = records[i].amount;
    record.keys[0] = records[i].customer;
    record.keys[1] = records[i].terminal;
    graph.Step(record, slots);
    if (kept > 0) graph.Keep(record, slots, payload);
    if (inputs != nullptr) inputs->BuildAndUpdate(record, slots, dense, sparse);
    check += slots[slots.size() - 1];
  }
  return check;
}

void Report(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRecords));
  state.counters["ns_per_record"] = benchmark::Counter(
      static_cast<double>(kRecords) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void CardGraph(benchmark::State& state) {
  const std::vector<Event>& records = Stream(state.range(0));
  double bytes = 0;
  for (auto _ : state) {
    auto graph = Make(CardFeatures());
    benchmark::DoNotOptimize(Run(records, *graph, nullptr));
    bytes = static_cast<double>(graph->MemoryBytes());
  }
  Report(state);
  state.counters["MB"] = bytes / 1e6;
}

void CardGraphAndInputs(benchmark::State& state) {
  const std::vector<Event>& records = Stream(state.range(0));
  for (auto _ : state) {
    auto graph = Make(CardFeatures());
    std::vector<InputFeatureSpec> specs;
    for (size_t slot = 2; slot < graph->slot_count(); ++slot) {
      InputFeatureSpec spec;
      spec.name = graph->slot_names()[slot];
      spec.encode = Encode::kBins;
      specs.push_back(spec);
    }
    auto inputs = InputBuilder::Create(*graph, specs);
    if (!inputs.ok()) Fail(inputs.status());
    benchmark::DoNotOptimize(Run(records, *graph, inputs->get()));
  }
  Report(state);
}

void Floor(benchmark::State& state) {
  const std::vector<Event>& records = Stream(state.range(0));
  for (auto _ : state) {
    auto graph = Make({Window("c", Aggregate::kCount, "", 0, "customer"),
                       Window("t", Aggregate::kCount, "", 0, "terminal")});
    benchmark::DoNotOptimize(Run(records, *graph, nullptr));
  }
  Report(state);
}

BENCHMARK(Floor)->Arg(5000)->Unit(benchmark::kMillisecond);
BENCHMARK(CardGraph)->Arg(500)->Arg(5000)->Unit(benchmark::kMillisecond);
BENCHMARK(CardGraphAndInputs)->Arg(5000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace leat
