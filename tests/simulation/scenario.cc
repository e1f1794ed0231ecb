#include "simulation/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "base/random.h"

namespace leat {
namespace {

/// Which draws are whose, so that one more of one kind does not change the others.
enum Component : uint64_t { kShape = 1, kRecords, kLabels, kTopics, kEarly };

const Config& ConfigOf(const std::string& yaml) {
  static std::map<std::string, std::unique_ptr<Config>> known;
  std::unique_ptr<Config>& config = known[yaml];
  if (!config) {
    Result<Config> parsed = ParseConfig(yaml, "simulation.yaml");
    if (!parsed.ok()) {
      std::fprintf(stderr, "%s\n", std::string(parsed.status().message()).c_str());
      std::abort();
    }
    config = std::make_unique<Config>(std::move(*parsed));
    config->tidy_every = 40;
  }
  return *config;
}

template <size_t kCount>
uint64_t OneOf(CounterRandom& random, const uint64_t (&values)[kCount]) {
  return values[random.Below(kCount)];
}

std::string Yaml(CounterRandom& random, bool own_log, bool category) {
  constexpr const char* kModels[] = {
      "  linear: {type: logistic_regression, min_labels: 5, learning_rate: 0.2}\n",
      "  tree: {type: hoeffding_tree, grace_period: 15, delta: 0.05, min_labels: 5}\n",
      "  linear: {type: logistic_regression, optimizer: ftrl, encode: bins, bins: 8,\n"
      "           warmup: 30, min_labels: 5}\n"
      "  bayes: {type: gaussian_nb, features: [amount, card_mean], min_labels: 5}\n"};
  const uint64_t model = random.Below(std::size(kModels));
  std::string yaml = "name: simulation\nsource: {file: records.csv}\nrecord:\n  id: id\n";
  yaml += "  time: {field: at, format: epoch_s}\n";
  yaml += "  fields: {card: id, shop: category, amount: {type: number, min: 0}}\n";
  yaml += fmt::format("  allowed_lateness: 30s\n  late: {}\n",
                      random.Below(2) == 0 ? "score" : "reject");
  if (random.Below(2) == 0) yaml += "  duplicate_window: 10m\n";
  yaml += own_log ? "label: {file: labels.csv, time: {field: known_at, format: epoch_s}, "
                  : "label: {available_after: 5m, ";
  yaml += category ? "type: category, field: y" : "field: y";
  if (random.Below(3) > 0) yaml += ", expires_after: 20m";
  yaml += "}\n";
  yaml +=
      "features:\n"
      "  amount_log: log1p(amount)\n"
      "  card_count: {count: 10m, by: card}\n"
      "  card_mean: {mean: amount, over: 30m, by: card}\n"
      "  card_std: {std: amount, over: 10m, by: card, before: true}\n"
      "  card_max: {max: amount, over: 20m, by: card}\n"
      "  card_shops: {distinct: shop, over: 20m, by: card}\n";
  if (!category) {
    yaml += "  shop_risk: {mean: label, over: 30m, by: shop}\n  shop_run: {run: label, by: shop}\n";
    if (random.Below(2) == 0) yaml += "  card_last: {last: label, by: card}\n";
  } else {
    yaml += "  shop_mean: {mean: amount, over: 15m, by: shop}\n";
  }
  if (random.Below(3) == 0) yaml += "  shop_since: {since: amount > 60, by: shop}\n";
  yaml += fmt::format("limits: {{max_keys: {}, max_events_per_window: {}}}\n",
                      OneOf(random, {5, 20, 1'000'000}), OneOf(random, {16, 4096}));
  yaml += "models:\n";
  yaml += kModels[model];
  switch (random.Below(3)) {
    case 0:
      break;
    case 1:
      yaml += "drift:\n  - {detector: ddm, on: error, warm_start: 10, then: reset}\n";
      break;
    default:
      yaml +=
          "drift:\n  - {detector: adwin, on: amount, delta: 0.05, then: alert}\n"
          "  - {detector: ddm, on: error, warm_start: 10, drift_threshold: 1, "
          "warning_threshold: 0.5, then: swap}\n";
  }
  yaml += "evaluation: {every: 20, window: 50, metrics: [accuracy, log_loss]}\n";
  yaml += fmt::format("sinks: {{predictions: {{file: predictions.{}, features: [card_mean]}}}}\n",
                      random.Below(2) == 0 ? "csv" : "jsonl");
  return yaml;
}

}  // namespace

Scenario DrawScenario(uint64_t seed) {
  CounterRandom shape(seed, kShape);
  Scenario scenario;
  const bool own_log = shape.Below(2) == 0;
  const bool category = shape.Below(5) == 0;
  // Few kinds of pipelines, so that their configurations are read only once.
  CounterRandom kind(shape.Below(64), kShape);
  scenario.config = &ConfigOf(Yaml(kind, own_log, category));
  const uint64_t count = OneOf(shape, {60, 150, 300, 300, 600, 1500});
  scenario.epoch_records = 1 + count / OneOf(shape, {3, 10, 30, 60});
  scenario.memory = OneOf(shape, {0, 16 << 10, 64 << 10, 256 << 10, 256 << 10, uint64_t{1} << 30,
                                  uint64_t{1} << 30, uint64_t{1} << 30});
  scenario.items_at_once = OneOf(shape, {1, 4, 64});
  scenario.tick = OneOf(shape, {0, 100, 500});
  scenario.commit = OneOf(shape, {1000, 600, 200});
  scenario.snapshot = OneOf(shape, {0, 30, 30, 150, 500});
  scenario.flush = OneOf(shape, {0, 300, 1000});
  scenario.slow_clock = shape.Below(2) == 0;
  scenario.disasters = 1 + shape.Below(6);
  scenario.topics = CounterRandom(seed, kTopics).Below(3) == 0;
  CounterRandom early(seed, kEarly);
  scenario.snapshot_after = OneOf(early, {10, 100, 20'000, 20'000});

  CounterRandom random(seed, kRecords);
  const uint64_t cards = OneOf(shape, {8, 40, 200}), shops = OneOf(shape, {3, 15});
  const bool gaps = shape.Below(3) == 0;
  struct Known {
    int64_t at;
    std::string line;
  };
  std::vector<Known> known;
  scenario.records = own_log ? "id,at,card,shop,amount\n" : "id,at,card,shop,amount,y\n";
  int64_t now = 1'700'000'000;
  for (uint64_t i = 1; i <= count; ++i) {
    now += static_cast<int64_t>(random.Below(8));
    if (gaps && random.Below(100) == 0) now += 1800;
    const int64_t at = random.Below(20) == 0 ? now - static_cast<int64_t>(random.Below(120)) : now;
    const uint64_t id = random.Below(30) == 0 && i > 5 ? i - 1 - random.Below(5) : i;
    const uint64_t card = random.Below(cards), shop = random.Below(shops);
    double amount = random.Exponential() * 40;
    const bool turned = i > count / 2;
    const double chance = (shop % 3 == 0) == turned ? 0.1 : 0.6;
    const bool y = random.Uniform() < (amount > 60 ? 0.9 : chance);
    const std::string label = category ? (y               ? "no"
                                          : shop % 2 == 0 ? "yes"
                                                          : "perhaps")
                                       : (y ? "1" : "0");
    std::string text = fmt::format("{:.2f}", amount);
    const uint64_t broken = random.Below(100);
    if (broken == 0) text = "-1";
    if (broken == 1) text = "much";
    scenario.times.push_back(EventTime{at * kSecond});
    scenario.records += fmt::format("{},{},c{},s{},{}", id, at, card, shop, text);
    const bool labelled = random.Below(10) > 0;
    if (!own_log) {
      scenario.records += fmt::format(",{}\n", labelled ? label : "");
      continue;
    }
    scenario.records += '\n';
    const uint64_t fate = random.Below(100);
    const int64_t known_at = at + 10 + static_cast<int64_t>(random.Below(fate < 5 ? 4000 : 900));
    if (labelled) known.push_back({known_at, fmt::format("{},{},{}", id, known_at, label)});
    if (fate == 6) known.push_back({at - 100, fmt::format("{},{},{}", id, at - 100, label)});
    if (fate == 7) known.push_back({known_at, fmt::format("{},{},", id, known_at)});
    if (fate == 8) known.push_back({known_at, fmt::format("x{},{},{}", id, known_at, label)});
    if (fate == 9) known.push_back({known_at, fmt::format("{},soon,{}", id, label)});
  }
  if (own_log) {
    std::stable_sort(known.begin(), known.end(),
                     [](const Known& a, const Known& b) { return a.at < b.at; });
    scenario.labels = "id,known_at,y\n";
    for (const Known& label : known) scenario.labels += label.line + "\n";
  }
  return scenario;
}

}  // namespace leat
