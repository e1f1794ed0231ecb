// state/FORMAT.md says what a state folder holds: folders of real runs are read by the page alone,
// to the last byte, and hold what it says they do.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "cli/fixture.h"
#include "state/folder.h"
#include "state/meaning.h"

namespace leat {
namespace {

using format::Folder;
using format::FolderReader;
using format::Notation;
using format::Value;

// ---- Runs ----

struct Scenario {
  std::string name;
  std::string pipeline;  ///< YAML.
  std::string input, labels;
  std::string more;   ///< Options.
  std::string crash;  ///< LEAT_CRASH.
};

class StateFormat : public Cli {
 protected:
  std::string Generate(const std::string& what, const std::string& more) {
    const std::string path = Path(what + ".csv");
    const Ran ran = Leat("generate " + what + " " + more + " --output " + path);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return path;
  }

  Folder Run(const Scenario& s) {
    Write(s.name + ".yaml", s.pipeline);
    const std::string labels = s.labels.empty() ? "" : " --labels " + s.labels;
    const Ran ran = Leat(
        fmt::format("run {} --quiet --input {}{} --output {} --state {} {}", Path(s.name + ".yaml"),
                    s.input, labels, Path(s.name), Path(s.name + "-state"), s.more),
        s.crash.empty() ? "" : "LEAT_CRASH=" + s.crash);
    EXPECT_EQ(ran.code, s.crash.empty() ? 0 : 128 + 9) << s.name << ran.err;
    Folder folder = FolderReader(notation_).Read(Path(s.name + "-state"));
    EXPECT_EQ(folder.manifest["configuration"].text, s.pipeline);
    format::CheckMeaning(folder);
    if (s.crash.empty()) {  // Sinks are as long as the snapshot says.
      EXPECT_EQ(folder.entries, 0u);
      for (size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(folder.manifest["epoch"]["lengths"][i].bits,
                  Slurp(folder.manifest["sinks"][i].text).size());
      }
    }
    return folder;
  }

  Notation notation_ = Notation::Load("state/FORMAT.md");
};

/// The next of some numbers that look random.
uint64_t Draw(uint64_t& state) { return format::Mix(state += 0x632be59bd9b4e019); }

/// Shops, people and amounts; every twentieth row lacks its amount, and some ids come twice.
std::string Purchases(int rows) {
  std::string csv = "id,time,person,shop,amount,weight,good,kind,price\n";
  uint64_t state = 7;
  for (int i = 0; i < rows; ++i) {
    const uint64_t person = Draw(state) % 12, shop = Draw(state) % 5;
    const double amount = static_cast<double>(Draw(state) % 10'000) / 100;
    const bool good = amount + 10 * static_cast<double>(shop) > 70;
    const std::string shown = i % 20 == 3 ? "" : fmt::format("{}", amount);
    const int id = i % 50 == 9 ? i - 1 : i;
    const char* const kind = i % 97 == 5   ? "rare"
                             : amount < 30 ? "small"
                             : amount < 80 ? "large"
                                           : "huge";
    csv += fmt::format("r{},{},{},shop {},{},{},{},{},{}\n", id, 1'600'000'000 + 10 * i, person,
                       shop, shown, static_cast<double>(Draw(state) % 7), good ? "true" : "false",
                       i % 41 == 40 ? "" : kind, amount * 2 + static_cast<double>(shop));
  }
  return csv;
}

constexpr const char* kRecord = R"(
source: {file: in.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  duplicate_window: 1h
  fields: {person: id, shop: category, amount: number, weight: number}
limits: {max_events_per_window: 16, max_keys: 1000}
)";

constexpr const char* kFeatures = R"(
features:
  big: amount > 50
  sum_1h: {sum: amount, over: 1h, by: person}
  count_1h: {count: 1h, by: person}
  count_all: {count: all, by: person}
  std_6h: {std: amount, over: 6h, by: shop}
  std_all: {std: amount, by: shop}
  min_2h: {min: amount, over: 2h, by: shop}
  max_2h: {max: amount, over: 2h, by: shop, before: true}
  mean_all: {mean: weight}
  last_amount: {last: amount, by: person}
  people: {distinct: person, over: 6h, by: shop}
  since_big: {since: big, by: [person, shop]}
  run_big: {run: big, over: 6h, by: [person, shop]}
  risk: {mean: label, over: 3h, by: shop}
  risk_run: {run: label, by: person}
  risk_people: {distinct: person, over: 6h, by: shop, where: label}
)";

constexpr const char* kClusters = R"(
  clusters: {type: kmeans, features: [amount, weight], clusters: 3, seed_buffer: 50}
  late_clusters: {type: kmeans, features: [amount, weight], clusters: 3, seed_buffer: 90000}
  flow: {type: clustream, features: [amount, weight], clusters: 3, micro_clusters: 20,
         quality: true}
  dense: {type: denstream, features: [amount, weight], radius: 0.3}
  shared: {type: dbstream, features: [amount, weight], radius: 0.8, cleanup_every: 7}
  odd: {type: half_space_trees, features: [amount, weight], trees: 10, window: 70}
  rare: {type: loda, features: [amount, weight], projections: 10, window: 70}
  apart: {type: isolation_forest, features: [amount, weight], trees: 3, window: 64, leaf: 8}
  far: {type: robust_zscore, features: [amount, weight], window: 70}
  all: {type: committee, features: [amount, weight], balance: sampling,
        members: [hoeffding_tree, hoeffding_tree grace_period=50],
        calibrate: beta, coverage: 0.9, coverage_window: 40}
  asks: {type: naive_bayes, features: [amount, shop], ask: split, ask_budget: 0.5}
  near: {type: knn, features: [amount, weight], window: 60}
  race: {type: committee, features: [amount, weight], method: race, round: 100,
         members: [gaussian_nb, hoeffding_tree]}
)";

/// Every encoder, scaler and imputer.
constexpr const char* kInputs = R"(
    features: [person, shop, amount, weight, sum_1h, std_6h, min_2h, max_2h, last_amount, people]
    inputs:
      person: {encode: target, scale: minmax}
      shop: {encode: one_hot, max_values: 3}
      amount: {scale: robust, impute: median, missing_indicator: true}
      weight: {encode: bins, bins: 4, tail_bins: 2, warmup: 600}
      sum_1h: {encode: bins, bins: 4, tail_bins: 2, warmup: 100000}
      std_6h: {impute: last, impute_key: person, scale: minmax}
      min_2h: {impute: zero, scale: none}
      max_2h: {impute: constant, impute_constant: 3, scale: standard}
      last_amount: {impute: mean}
)";

std::string Binary() {
  return std::string("name: binary\n") + kRecord +
         "label: {field: good, type: boolean, available_after: 1h, expires_after: 5h}\n" +
         kFeatures +
         "models:\n  sgd:\n    type: logistic_regression\n    optimizer: sgd\n    l1: 0.001\n" +
         kInputs +
         "  ftrl:\n    type: logistic_regression\n    optimizer: ftrl\n    features: [person, "
         "shop]\n"
         "    inputs: {person: {encode: hash, hash_bits: 6}, shop: {encode: frequency}}\n"
         "  distances:\n    type: logistic_regression\n    features: [amount]\n"
         "    distances_of: clusters\n"
         "  gaussian: {type: gaussian_nb, features: [amount, std_6h, risk]}\n"
         "  multinomial: {type: multinomial_nb, features: [amount, weight]}\n"
         "  bernoulli:\n    type: bernoulli_nb\n    features: [amount, weight, shop]\n"
         "    inputs: {shop: {encode: one_hot}}\n"
         "  bayes: {type: naive_bayes, features: [amount, weight, shop]}\n"
         "  tree: {type: hoeffding_tree, features: [amount, shop, risk], grace_period: 50}\n"
         "  branches: {type: hoeffding_tree, features: [shop], grace_period: 50, delta: 0.1}\n"
         "  values: {type: hoeffding_tree, features: [amount, shop], grace_period: 50,\n"
         "           numeric_observer: histogram, histogram_bins: 8, split_criterion: hellinger}\n"
         "  adaptive_values: {type: hoeffding_adaptive_tree, features: [amount, shop],\n"
         "                    numeric_observer: exhaustive, max_bytes: 80KiB}\n"
         "  fast_values: {type: extremely_fast_tree, features: [amount, shop],\n"
         "                numeric_observer: histogram}\n"
         "  each: {type: one_vs_rest, features: [amount, shop], member: naive_bayes}\n"
         "  poor: {type: hoeffding_tree, features: [amount, shop, weight], grace_period: 50,\n"
         "         leaf_prediction: majority_class, remove_poor_attributes: true}\n"
         "  boosted: {type: gradient_boosted_trees, features: [amount, shop, risk], trees: 5}\n"
         "  gradient: {type: stochastic_gradient_tree, features: [amount, shop, risk],\n"
         "    class_weight: balanced}\n"
         "  machine: {type: factorization_machine, features: [amount, shop], factors: 2}\n"
         "  raced:\n    type: committee\n    features: [amount, weight]\n    method: race\n"
         "    members: [naive_bayes, hoeffding_tree]\n"
         "  mondrian: {type: mondrian_forest, features: [amount, shop, risk], trees: 2}\n"
         "  forest: {type: adaptive_random_forest, features: [amount, shop, risk], trees: 3,\n"
         "           grace_period: 20, warning_delta: 0.99, drift_delta: 1e-9}\n"
         "  patches: {type: streaming_random_patches, features: [weight], trees: 12, lambda: 1,\n"
         "            leaf_prediction: naive_bayes, warning_delta: 0.99, drift_delta: 1e-9}\n"
         "  adaptive: {type: hoeffding_adaptive_tree, features: [amount, shop, risk],\n"
         "             grace_period: 50, delta: 0.1, drift_delta: 0.99, max_bytes: 120KiB}\n"
         "  fast: {type: extremely_fast_tree, features: [amount, shop, risk], grace_period: 50,\n"
         "         delta: 0.1}\n"
         "  bagging: {type: online_bagging, features: [amount, shop], trees: 2}\n"
         "  crowded: {type: leveraging_bagging, features: [amount, shop, weight], trees: 4,\n"
         "            grace_period: 20, delta: 0.1, max_bytes: 64KiB}\n" +
         kClusters +
         "drift:\n"
         "  - {detector: ddm, on: error, warning_threshold: 0.001, drift_threshold: 900, then: "
         "swap}\n"
         "  - {detector: adwin, on: loss, then: alert}\n"
         "  - {detector: adwin, on: amount, then: alert}\n"
         "  - {detector: cusum, on: amount}\n"
         "  - {detector: eddm}\n"
         "  - {detector: ewma_chart}\n"
         "  - {detector: fhddm}\n"
         "  - {detector: hddm_a}\n"
         "  - {detector: hddm_w, two_sided: true}\n"
         "  - {detector: kswin, on: amount}\n"
         "  - {detector: page_hinkley, on: amount}\n"
         "  - {detector: rddm}\n"
         "  - {detector: seed, on: weight}\n"
         "  - {detector: stepd}\n"
         "evaluation: {every: 500, window: 400, top: 5, period: 1h}\n";
}

/// More than two classes, and labels from a file: some early, some twice, some never.
std::string Multiclass() {
  return std::string("name: multiclass\n") + kRecord +
         "label: {field: kind, type: category, file: labels.csv, expires_after: 2h,\n"
         "        time: {field: time, format: epoch_s}}\n" +
         "features:\n  big: amount > 50\n"
         "  twice: {count: 1h, by: shop, where: label == 1 and amount > 20}\n"
         "models:\n"
         "  tree: {type: hoeffding_tree, features: [amount, shop], grace_period: 20, delta: 0.1}\n"
         "  equals:\n    type: hoeffding_tree\n    features: [shop, weight]\n    grace_period: 20\n"
         "    delta: 0.1\n    binary_splits: true\n    leaf_prediction: majority_class\n"
         "    remove_poor_attributes: true\n"
         "  small: {type: hoeffding_tree, features: [amount, weight], grace_period: 20, delta: "
         "0.1,\n"
         "          tie_threshold: 0.5, max_bytes: 16KiB}\n"
         "  softmax: {type: logistic_regression, features: [amount, shop]}\n"
         "evaluation: {every: 500, window: 5000}\n";
}

std::string LabelsOf(const std::string& purchases) {
  std::vector<std::pair<int64_t, std::string>> labels;
  std::istringstream in(purchases);
  std::string line;
  std::getline(in, line);
  for (int i = 0; std::getline(in, line); ++i) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    const int64_t time = std::stoll(cells[1]);
    if (i % 13 == 5) continue;
    const int64_t at = i % 17 == 3 ? time - 600 : i % 101 == 20 ? time + 10'000 : time + 900;
    labels.emplace_back(at, cells[0] + "," + cells[7]);
    if (i % 29 == 1) labels.emplace_back(at + 60, cells[0] + "," + cells[7]);
    if (i % 31 == 1) labels.emplace_back(at, "nobody " + cells[0] + "," + cells[7]);
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string csv = "time,id,kind\n";
  for (const auto& [time, rest] : labels) csv += fmt::format("{},{}\n", time, rest);
  return csv;
}

std::string Regression() {
  return std::string("name: regression\n") + kRecord +
         "label: {field: price, type: number, available_after: 30m}\n"
         "models:\n"
         "  sgd: {type: linear_regression, optimizer: sgd, learning_rate: 0.001, features: "
         "[amount]}\n"
         "  adagrad: {type: linear_regression, features: [amount, shop], l1: 0.01}\n"
         "  ftrl: {type: linear_regression, optimizer: ftrl, features: [weight, shop]}\n"
         "  adam: {type: linear_regression, optimizer: adam, features: [amount, shop], l1: 0.01}\n"
         "  amsgrad: {type: linear_regression, optimizer: amsgrad, features: [weight, shop]}\n"
         "  passive: {type: linear_regression, optimizer: passive_aggressive, loss: "
         "epsilon_insensitive,\n"
         "            features: [amount]}\n"
         "  arow: {type: linear_regression, optimizer: arow, loss: epsilon_insensitive,\n"
         "         features: [amount, shop]}\n"
         "  averaged: {type: linear_regression, optimizer: averaged_sgd, learning_rate: 0.001,\n"
         "             features: [amount, shop]}\n"
         "  bayesian: {type: bayesian_linear_regression, features: [amount, weight], coverage: "
         "0.8}\n"
         "  tree: {type: hoeffding_regression_tree, features: [amount, shop], grace_period: 50,\n"
         "         tie_threshold: 0.5}\n"
         "  watched: {type: hoeffding_regression_tree, features: [amount, weight], delta: 0.1,\n"
         "            grace_period: 50, split_criterion: deviation, drift_threshold: 1,\n"
         "            drift_tolerance: 0}\n"
         "  forest: {type: forest_regressor, features: [amount, weight], trees: 8, lambda: 1,\n"
         "           warning_delta: 0.99, drift_delta: 1e-9, max_bytes: 400KiB, grace_period: 10,\n"
         "           tie_threshold: 0.9}\n"
         "  machine: {type: factorization_machine_regressor, features: [amount, shop], factors: "
         "2}\n"
         "  taste: {type: matrix_factorization, features: [person, shop], factors: 2}\n"
         "  several: {type: committee_regressor, features: [amount, weight],\n"
         "            members: [knn_regressor window=50, hoeffding_regression_tree]}\n"
         "  raced: {type: committee_regressor, features: [amount, weight], method: race, round: "
         "50,\n"
         "          members: [knn_regressor window=20, hoeffding_regression_tree]}\n"
         "  boosted: {type: gradient_boosted_regressor, features: [amount, shop], trees: 6, "
         "max_depth: 1,\n"
         "            grace_period: 10}\n"
         "drift:\n  - {detector: adwin, on: loss, then: reset}\n"
         "evaluation: {every: 500, window: 5000}\n";
}

std::string Electricity(int rows) {
  std::string csv = "day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,class\n";
  uint64_t state = 11;
  const auto share = [&] { return static_cast<double>(Draw(state) % 1000) / 1000; };
  for (int i = 0; i < rows; ++i) {
    const double price = share(), demand = share();
    csv += fmt::format("{},{},{},{},{},{},{},{}\n", 1 + i / 48 % 7, i % 48, price, demand, share(),
                       share(), share(), price + demand > 1 ? "UP" : "DOWN");
  }
  return csv;
}

/// Long words, none of them twice.
std::string Word(int i) { return fmt::format("{}{}", i, std::string(1000, 'x')); }

std::string Words() {
  std::string csv = "word,x\n";
  for (int i = 0; i < 5000; ++i) csv += fmt::format("{},{}\n", Word(i), i % 17);
  return csv;
}

constexpr const char* kWords = R"(
name: words
source: {file: words.csv}
record: {fields: {word: category, x: number}}
models:
  clusters: {type: kmeans, features: [x]}
)";

/// Experiments and bandits with every method that keeps something of its own.
constexpr const char* kTrials = R"(
name: trials
source: {file: visits.csv}
record:
  id: event_id
  time: time
  allowed_lateness: 10m
  fields: {user_id: id, country: category, offer: category, banner: category, revenue: number,
           errors: number}
features:
  bought: revenue > 0
  rich: revenue > 60
  coin: 0.5 + 0 * revenue
sinks: {predictions: none}
experiments:
  offer:
    unit: user_id
    variants: [control, treatment]
    assigned: offer
    bot: rich
    starts: 2026-03-02
    segments: [country]
    every: 1h
    minimum: 50
    planned: 2000
    days_before: 1
    metrics:
      bought: {type: proportion, of: bought, window: 2h, role: primary, cuped: true}
      bets: {type: proportion, of: bought, window: 2h, method: betting}
      spread: {of: errors, cap: 3, window: 1h, method: empirical_bernstein}
      high: {of: revenue, window: 2h, quantile: 0.9}
      broken: {of: errors, window: 2h, role: guardrail, better: down, margin: 0.01}
  sequential:
    unit: user_id
    variants: [control, treatment]
    assigned: banner
    method: group_sequential
    planned: 600
    every: 6h
    metrics: {spent: {type: ratio, of: revenue, per: bought, window: 1h, cuped: true}}
bandits:
  offer:
    actions: [control, treatment]
    taken: offer
    propensity: coin
    reward: bought
    reward_window: 1h
    policy: linucb
    window: 12h
    context: [errors]
    candidates: [thompson_beta]
    every: 6h
)";

/// Lines of the page that no run can show.
const std::set<std::string> kNeverSeen = {
    "binary: f64 weights[] (always empty)",
    // Of format 1: fixture_test reads them.
    "id-key", "id-item",
    // Only after a tree has met its limit, which it mostly stops short of.
    "revising-node: observers observers if observing (never missing)",
    // Of stacking, which a race does not do.
    "race: f64 values[] (always empty)", "race: f64 spreads[] (always empty)",
    "race-of-regressors: f64 values[] (always empty)",
    "race-of-regressors: f64 spreads[] (always empty)",
    // Of older ledgers: fixture_test reads them.
    "old-ledger", "unit", "old-entry", "timer", "minute", "experiment-2", "comparison-2",
    "experiment-part: experiment | experiment-2 experiment (never experiment-2)",
    // Of older label joins.
    "labels-2", "label-part: labels | labels-2 account (never labels-2)",
    // And of older bandits.
    "bandit-2", "bandit-decision-2", "ridge-1", "off-policy-1",
    "bandit-part: bandit | bandit-2 bandit (never bandit-2)",
    "bandit: off-policy | off-policy-1 scores[count(candidates) + 1 + actions] (never "
    "off-policy-1)",
    "bandit: ridge | ridge-1 rewards[actions] (never ridge-1)",
    "policy: ridge | ridge-1 models[] (never ridge-1)",
    // Errors only fall here.
    "regression-member: regression-tree background if has_background (never there)",
    "gradient-boosting: u64 scouted if scouting (never there)",
    "gradient-boosting: f64 scout_loss if scouting (never there)",
    "gradient-boosting: f64 own_loss if scouting (never there)",
    "gradient-boosting: gradient-boosting scout if scouting (never there)"};

TEST_F(StateFormat, HasTheMessagesThatAreCompiledIn) {
  const format::Messages compiled = Notation::LoadMessages("state/proto/state.proto");
  EXPECT_EQ(compiled.size(), 7u);
  EXPECT_TRUE(notation_.messages() == compiled);
}

TEST_F(StateFormat, IsReadByThePageAlone) {
  // The examples.
  const std::string cards =
      Generate("card-fraud", "--customers 300 --terminals 600 --rows 20000 --seed 3");
  const std::string fraud = Slurp("examples/fraud/fraud.yaml");
  Run({"fraud", fraud, cards, "", "", ""});
  Run({"cards", Slurp("examples/fraud/card-transactions.yaml"), cards, "", "", ""});
  Run({"churn", Slurp("examples/churn/churn.yaml"),
       Generate("churn", "--subscribers 500 --rows 6000"), "", "", ""});
  Run({"rule", Slurp("examples/replay/changed-rule.yaml"),
       Generate("random-tree", "--rows 12000 --drift abrupt"), "", "", ""});
  Write("electricity.csv", Electricity(2000));
  Run({"electricity", Slurp("examples/replay/electricity.yaml"), Path("electricity.csv"), "", "",
       ""});

  // What they leave out.
  Write("purchases.csv", Purchases(3000));
  const std::string purchases = Path("purchases.csv");
  const Folder binary = Run({"binary", Binary(), purchases, "", "", ""});
  std::vector<std::vector<std::string>> people, shops, both;
  for (int shop = 0; shop < 5; ++shop) shops.push_back({fmt::format("shop {}", shop)});
  for (int person = 0; person < 12; ++person) {
    people.push_back({fmt::format("{}", person)});
    for (const auto& shop : shops) both.push_back({people.back()[0], shop[0]});
  }
  format::CheckKeys(binary, 0, people);
  format::CheckKeys(binary, 1, shops);
  format::CheckKeys(binary, 2, {{}});
  format::CheckKeys(binary, 3, both);
  Write("labels.csv", LabelsOf(Purchases(3000)));
  const std::string labels = Path("labels.csv");
  Run({"multiclass", Multiclass(), purchases, labels, "", ""});
  format::CheckChain(Run({"early", Multiclass(), purchases, labels, "--max-records 400", ""}));
  Run({"regression", Regression(), purchases, "", "", ""});

  // Models and detectors come and go; waiting predictions are older than some of them.
  std::string other = Binary() + "sinks: {predictions: {file: predictions.jsonl}}\n";
  Run({"changed", other, purchases, "", "--max-records 1500", ""});
  for (const char* gone : {"  gaussian: ", "  - {detector: adwin, on: loss"}) {
    const size_t at = other.find(gone);
    other.erase(at, other.find('\n', at) + 1 - at);
  }
  other.insert(other.find("  bernoulli:"),
               "  fresh:\n    type: logistic_regression\n    features: [weight, risk, big]\n");
  const Folder changed = Run({"changed", other, purchases, "", "--max-records 10", ""});
  EXPECT_FALSE(changed.parts.contains("model/gaussian"));
  EXPECT_TRUE(changed.parts.contains("model/fresh"));
  ASSERT_FALSE(changed.Of("pending").empty());
  size_t older = 0;
  for (const Value& place : changed.parts.at("layout")["places"].items) {
    const Value& inputs = changed.Of("pending")[0].value["inputs"];
    older += std::isnan(inputs[place["marker"].bits].Real()) ? 1 : 0;
  }
  EXPECT_EQ(older, 1u);

  // So much at once that it is taken in as files; parts of many pieces.
  Write("words.csv", Words());
  const Folder words = Run({"words", kWords, Path("words.csv"), "", "", ""});
  const Value& dictionary = words.parts.at("features")["dictionaries"][0];
  ASSERT_EQ(dictionary["words"].size(), 5000u);
  EXPECT_EQ(dictionary["words"][4999]["value"].text, Word(4999));

  const Folder trials = Run(
      {"trials", kTrials,
       Generate("shop", "--rows 20001 --interval 15s --start 2026-03-01 --seed 2"), "", "", ""});
  EXPECT_GT(trials.parts.at("experiment/sequential")["experiment"]["decisions"].size(), 0u);
  EXPECT_GT(trials.parts.at("experiment/offer")["experiment"]["ledger"]["bots"].bits, 0u);
  EXPECT_GT(trials.parts.at("bandit/offer")["bandit"]["waiting"].size(), 0u);

  // Ends in the middle: before the first record, with a journal, between journal and snapshot.
  EXPECT_EQ(
      Run({"genesis", fraud, cards, "", "", "before_journal:1"}).manifest["epoch"]["number"].bits,
      0u);
  const Folder crashed = Run({"crashed", fraud, cards, "", "", "after_output:3"});
  ASSERT_GE(crashed.epochs.size(), 3u);
  uint64_t records = 0, bytes = 0;
  for (const Value& epoch : crashed.epochs) {
    EXPECT_GT(epoch["records"].bits, records);
    EXPECT_LE(epoch["records"].bits, records + 4096);
    records = epoch["records"].bits;
    ASSERT_EQ(epoch["lengths"].size(), 4u);
    EXPECT_GT(epoch["lengths"][0].bits, bytes);
    bytes = epoch["lengths"][0].bits;
  }
  Run({"crashed", fraud, cards, "", "", ""});
  Run({"dropped", fraud, cards, "", "", "after_snapshot:2"});
  const size_t state = fraud.find("state:");
  const std::string often = fraud.substr(0, state) + "state: {path: state, snapshot_every: 15ms}\n";
  Run({"often", often, cards, "", "", "before_snapshot:3"});

  for (const std::string& gap : notation_.NeverSeen()) {
    EXPECT_TRUE(kNeverSeen.contains(gap)) << gap;
  }
}

}  // namespace
}  // namespace leat
