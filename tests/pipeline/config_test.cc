#include "pipeline/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "pipeline/config_sections.h"
#include "pipeline/config_text.h"
#include "pipeline/params_doc.h"

namespace leat {
namespace {

using config::ParseDuration;
using config::ParseInteger;
using config::ParseNumber;
using config::ParseSize;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// The example of the documentation, with everything this build has.
constexpr char kCardFraud[] = R"(name: card-fraud
source: {file: transactions.csv.zst}
record:
  id: transaction_id
  time: tx_datetime
  fields:
    customer_id: id
    terminal_id: id
    tx_amount: {type: number, min: 0}
label: {field: tx_fraud, type: boolean, available_after: 7d}
features:
  amount: log1p(tx_amount)
  night: hour(time) < 6
  customer_mean_7d: {mean: tx_amount, over: 7d, by: customer_id}
  customer_count_1d: {count: 1d, by: customer_id}
  amount_ratio: tx_amount / customer_mean_7d
  big_14d: {count: 14d, by: customer_id, where: amount_ratio > 2.2}
  terminal_risk_28d: {mean: label, over: 28d, by: terminal_id}
  terminal_fraud_run: {run: label, by: terminal_id}
  clean_mean: {mean: tx_amount, over: 90d, by: customer_id, where: not label}
models:
  linear: {type: logistic_regression, scale: standard, optimizer: adagrad, learning_rate: 0.1}
drift:
  - {detector: adwin, on: error, delta: 0.002, then: alert}
evaluation: {every: 10000, window: 50000, metrics: [roc_auc, average_precision, log_loss]}
sinks:
  predictions: {file: predictions.csv}
  events: {file: events.jsonl}
  metrics: {file: metrics.jsonl}
  rejects: {file: rejects.jsonl}
state: {path: state/card-fraud}
delivery: exactly_once
)";

constexpr char kSmall[] = R"(
source: {file: log.csv}
record:
  fields:
    amount: number
    country: category
    customer: id
label: {field: fraud}
models:
  linear: {type: logistic_regression}
  tree: {type: hoeffding_tree}
)";

Config Parse(const std::string& yaml, const std::string& path = "p.yaml") {
  auto config = ParseConfig(yaml, path);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : Config();
}

std::string Refusal(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "p.yaml");
  return config.ok() ? "accepted" : std::string(config.status().message());
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

const InputFeatureSpec& InputOf(const ModelConfig& model, const std::string& name) {
  const auto found = std::find_if(model.inputs.begin(), model.inputs.end(),
                                  [&](const auto& i) { return i.name == name; });
  EXPECT_NE(found, model.inputs.end()) << name;
  return *found;
}

TEST(Duration, ReadsEveryUnitAndSumsThem) {
  EXPECT_EQ(ParseDuration("7d"), 604'800'000'000);
  EXPECT_EQ(ParseDuration("250ms"), 250'000);
  EXPECT_EQ(ParseDuration("1h30m"), 5'400'000'000);
  EXPECT_EQ(ParseDuration("1.5h"), 5'400'000'000);
  EXPECT_EQ(ParseDuration("2w1us"), 1'209'600'000'001);
  EXPECT_EQ(ParseDuration("0"), 0);
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text : {"", "7", "d", "-1d", "7days", "1m1h", "1h1h", "1.h", ".5h", "1e3s",
                           "7 d", "1h30", "0.5us", "4000000d", "99999999999999999999d", "1..5h"}) {
    EXPECT_FALSE(ParseDuration(text).has_value()) << text;
  }
}

TEST(Duration, IsWrittenAsItIsRead) {
  for (const int64_t micros :
       {0L, 1L, 250'000L, 5'400'000'000L, 604'800'000'000L, 86'461'001'001L}) {
    EXPECT_EQ(ParseDuration(config::FormatDuration(micros)), micros);
  }
  EXPECT_EQ(config::FormatDuration(5'400'000'000), "1h30m");
}

TEST(Size, ReadsDecimalAndBinaryUnits) {
  EXPECT_EQ(ParseSize("64MiB"), 67'108'864);
  EXPECT_EQ(ParseSize("10kB"), 10'000);
  EXPECT_EQ(ParseSize("512"), 512);
  EXPECT_EQ(ParseSize("1.5 KiB"), 1'536);
  for (const char* text : {"", "MiB", "-1", "1MegaByte", "1.5B", "1e3", "9999999TiB"}) {
    EXPECT_FALSE(ParseSize(text).has_value()) << text;
  }
  EXPECT_EQ(config::FormatSize(67'108'864), "64MiB");
  EXPECT_EQ(config::FormatSize(1'000), "1000B");
  EXPECT_EQ(config::FormatIn(config::Unit::kBytes, 1e15), "1000TB") << "the bounds of a setting";
  EXPECT_EQ(config::FormatIn(config::Unit::kBytes, 1e10), "10GB");
  EXPECT_EQ(config::FormatIn(config::Unit::kBytes, 65'536), "64KiB");
}

TEST(Number, IsFiniteAndWholeTexts) {
  EXPECT_EQ(ParseNumber("1e-3"), 0.001);
  EXPECT_EQ(ParseNumber("+.5"), 0.5);
  for (const char* text : {"", "inf", "-inf", "nan", "1e999", "0x10", "1,5", "1 ", "-"}) {
    EXPECT_FALSE(ParseNumber(text).has_value()) << text;
  }
  EXPECT_EQ(ParseInteger("1e6"), 1'000'000);
  EXPECT_EQ(ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_FALSE(ParseInteger("1.5").has_value());
  EXPECT_FALSE(ParseInteger("1e300").has_value());
}

TEST(Config, ReadsTheExampleOfTheDocumentation) {
  const Config c = Parse(kCardFraud);
  EXPECT_EQ(c.name, "card-fraud");
  EXPECT_EQ(c.source.file, "transactions.csv.zst");
  EXPECT_EQ(c.source.format, RecordFormat::kCsv);
  EXPECT_EQ(c.schema.id_column, "transaction_id");
  ASSERT_EQ(c.schema.fields.size(), 3u);
  EXPECT_EQ(c.schema.fields[2].min, 0.0);
  EXPECT_EQ(c.schema.label_column, "tx_fraud");
  EXPECT_EQ(c.label.available_after, 7 * kDay);
  ASSERT_EQ(c.features.size(), 9u);
  EXPECT_FALSE(c.features[0].aggregate.has_value());
  EXPECT_EQ(c.features[2].aggregate, Aggregate::kMean);
  EXPECT_EQ(c.features[2].over, 7 * kDay);
  EXPECT_THAT(c.features[2].by, ElementsAre("customer_id"));
  EXPECT_EQ(c.features[3].aggregate, Aggregate::kCount);
  EXPECT_EQ(c.features[3].over, kDay);
  EXPECT_EQ(c.features[5].where, "amount_ratio > 2.2");
  EXPECT_EQ(c.features[7].aggregate, Aggregate::kRun);
  EXPECT_EQ(c.features[7].over, 0);
  ASSERT_EQ(c.models.size(), 1u);
  EXPECT_EQ(c.models[0].inputs.size(), 9u);
  ASSERT_EQ(c.drift.size(), 1u);
  EXPECT_EQ(c.drift[0].model, "linear");
  EXPECT_EQ(c.evaluation.window, 50'000);
  EXPECT_EQ(c.state_path, "state/card-fraud");
  EXPECT_EQ(c.fingerprint.size(), 32u);
}

TEST(Config, InputsDefaultToTheFieldsByTypeOfModel) {
  const Config c = Parse(kSmall);
  ASSERT_EQ(c.models.size(), 2u);
  for (const ModelConfig& model : c.models) {
    ASSERT_EQ(model.inputs.size(), 2u);
    EXPECT_EQ(model.inputs[0].name, "amount");
    EXPECT_EQ(model.inputs[1].name, "country");
  }
  EXPECT_EQ(c.models[0].inputs[0].scale, Scale::kStandard);
  EXPECT_EQ(c.models[0].inputs[0].impute, Impute::kMean);
  EXPECT_EQ(c.models[0].inputs[1].encode, Encode::kOneHot);
  EXPECT_EQ(c.models[0].inputs[1].scale, Scale::kNone);
  EXPECT_EQ(c.models[1].inputs[0].scale, Scale::kNone);
  EXPECT_EQ(c.models[1].inputs[0].impute, Impute::kNone);
  EXPECT_EQ(c.models[1].inputs[1].encode, Encode::kNumber);
  EXPECT_EQ(c.name, "p");
  EXPECT_EQ(c.state_path, "state/p");
}

TEST(Config, SettingsOfAnInputWinOverThoseOfTheModel) {
  const Config c = Parse(Replace(
      kSmall, "{type: logistic_regression}",
      "{type: logistic_regression, scale: robust, encode: [bins, hash], bins: 16, hash_bits: 10,\n"
      "           features: [amount, country, customer, time],\n"
      "           inputs: {time: {encode: number, scale: minmax, impute: zero},\n"
      "                    country: {encode: frequency}}}"));
  const ModelConfig& m = c.models[0];
  EXPECT_EQ(InputOf(m, "amount").encode, Encode::kBins);
  EXPECT_EQ(InputOf(m, "amount").bins, 16);
  EXPECT_EQ(InputOf(m, "amount").scale, Scale::kNone);
  EXPECT_EQ(InputOf(m, "customer").encode, Encode::kHash);
  EXPECT_EQ(InputOf(m, "customer").hash_bits, 10);
  EXPECT_EQ(InputOf(m, "time").scale, Scale::kMinMax);
  EXPECT_EQ(InputOf(m, "time").impute, Impute::kZero);
  EXPECT_EQ(InputOf(m, "country").encode, Encode::kFrequency);
  EXPECT_EQ(InputOf(m, "country").scale, Scale::kRobust);
}

TEST(Config, ReadsALabelLog) {
  const Config c = Parse(Replace(
      Replace(kSmall, "record:\n", "record:\n  id: tx\n  time: {field: at, format: epoch_ms}\n"),
      "{field: fraud}",
      "{field: fraud, file: labels.csv, time: {field: known, zone: Europe/Zurich}, "
      "expires_after: 30d, expired_as: false}"));
  EXPECT_EQ(c.schema.label_column, "");
  EXPECT_EQ(c.label.id, "tx");
  EXPECT_EQ(c.label.time, "known");
  EXPECT_EQ(c.label.time_format.zone, "Europe/Zurich");
  EXPECT_EQ(c.label.expired_as, ExpiredAs::kClass);
  EXPECT_EQ(c.label.expired_class, "false");
  EXPECT_EQ(c.schema.time.format, "epoch_ms");
}

TEST(Config, ReadsEveryShortForm) {
  const Config c = Parse(R"(
source: log.ndjson.gz
record:
  id: tx
  fields: {amount: number, customer: id, shop: id}
label: {field: fraud}
features:
  a: {mean: amount, over: 1h30m, by: [customer, shop], before: true}
  b: {count: all, by: customer}
  c: {distinct: shop, over: 1d, by: customer}
  d: {since: amount > 3, by: customer}
models: {m: {type: hoeffding_tree, features: a}}
sinks: {predictions: "-", events: none, metrics: m.jsonl}
state: /var/lib/leat
)");
  EXPECT_EQ(c.source.format, RecordFormat::kJsonLines);
  EXPECT_THAT(c.features[0].by, ElementsAre("customer", "shop"));
  EXPECT_TRUE(c.features[0].before);
  EXPECT_EQ(c.features[1].aggregate, Aggregate::kCount);
  EXPECT_EQ(c.features[1].over, 0);
  EXPECT_EQ(c.models[0].inputs.size(), 1u);
  EXPECT_EQ(c.sinks.predictions, "-");
  EXPECT_EQ(c.sinks.events, "");
  EXPECT_EQ(c.sinks.metrics, "m.jsonl");
  EXPECT_EQ(c.sinks.rejects, "rejects.jsonl");
  EXPECT_EQ(c.state_path, "/var/lib/leat");
}

TEST(Config, AnchorsAndMergesFillIn) {
  const Config c = Parse(Replace(kSmall, "  tree: {type: hoeffding_tree}",
                                 "  rare: &rare {type: logistic_regression, learning_rate: 0.5}\n"
                                 "  again: *rare\n"
                                 "  slow: {<<: *rare, learning_rate: 0.01}"));
  ASSERT_EQ(c.models.size(), 4u);
  const std::string text = DescribeConfig(c);
  EXPECT_THAT(text, HasSubstr("learning_rate: 0.5"));
  EXPECT_THAT(text, HasSubstr("learning_rate: 0.01"));
}

TEST(Config, SecretsComeFromTheEnvironmentAndAreNeverShown) {
  ASSERT_EQ(::setenv("LEAT_TEST_SECRET", "hunter2", 1), 0);
  const std::string yaml = Replace(kSmall, "log.csv", "\"/data/${LEAT_TEST_SECRET}/log.csv\"");
  const Config c = Parse(yaml);
  EXPECT_EQ(c.source.file, "/data/hunter2/log.csv");
  const std::string text = DescribeConfig(c);
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("${LEAT_TEST_SECRET}"));
  const std::string refusal = Refusal(yaml + "sinks: {events: \"${LEAT_TEST_SECRET}/x\"}\n");
  EXPECT_THAT(refusal, HasSubstr("sinks.events"));
  EXPECT_THAT(refusal, Not(HasSubstr("hunter2")));
  ::unsetenv("LEAT_TEST_SECRET");
}

TEST(Config, ValuesOfTheEnvironmentAreShownNowhereHoweverTheyAreWritten) {
  const std::string odd = "p\"w\\d\n1", salt = "98765", name = "blue.7";
  ASSERT_EQ(::setenv("LEAT_TEST_ODD", odd.c_str(), 1), 0);
  ASSERT_EQ(::setenv("LEAT_TEST_SALT", salt.c_str(), 1), 0);
  ASSERT_EQ(::setenv("LEAT_TEST_NAME", name.c_str(), 1), 0);
  ASSERT_EQ(::setenv("LEAT_TEST_SHORT", "0", 1), 0);
  std::string yaml = "name: cards-${LEAT_TEST_NAME}\n" +
                     Replace(kSmall, "log.csv", "\"a ${LEAT_TEST_ODD}.csv\"") +
                     "state: /data/${LEAT_TEST_SHORT}/x\n"
                     "experiments:\n  one:\n    unit: customer\n    salt: ${LEAT_TEST_SALT}\n"
                     "    variants: {a: 1, b: 1}\n    metrics: {spent: {of: amount, window: 1d}}\n";
  const Config c = Parse(yaml);
  EXPECT_EQ(c.source.file, "a " + odd + ".csv");
  const std::string text = DescribeConfig(c);
  for (const char* hidden : {"p\"w", "p\\\"w", "98765", "blue.7", "/data/0/x"}) {
    EXPECT_THAT(text, Not(HasSubstr(hidden)));
  }
  for (const char* shown :
       {"name: cards-${LEAT_TEST_NAME}\n", "\"a ${LEAT_TEST_ODD}.csv\"",
        "salt: ${LEAT_TEST_SALT}\n", "/data/${LEAT_TEST_SHORT}/x", "alpha: 0.05\n"}) {
    EXPECT_THAT(text, HasSubstr(shown));
  }
  for (const char* variable :
       {"LEAT_TEST_ODD", "LEAT_TEST_SALT", "LEAT_TEST_NAME", "LEAT_TEST_SHORT"}) {
    ::unsetenv(variable);
  }
}

TEST(Config, TextsOfListsComeFromTheEnvironmentAsOthersDo) {
  ASSERT_EQ(::setenv("LEAT_TEST_PLACE", "visits", 1), 0);
  const std::string yaml = Replace(kSmall, "record:\n", "record:\n  id: number\n");
  const Config logs =
      Parse(Replace(yaml, "log.csv", "log.csv, also: [\"${LEAT_TEST_PLACE}/a.csv\", b.csv]"));
  EXPECT_THAT(logs.source.also, ElementsAre("visits/a.csv", "b.csv"));
  EXPECT_THAT(DescribeConfig(logs), Not(HasSubstr("visits")));
  for (const char* topic : {"\"${LEAT_TEST_PLACE}\"", "[\"${LEAT_TEST_PLACE}\"]"}) {
    const Config topics =
        Parse("kafka: {brokers: localhost:9092}\n" +
              Replace(yaml, "file: log.csv", "kafka: {topic: " + std::string(topic) + "}"));
    EXPECT_THAT(topics.source.kafka.topics, ElementsAre("visits"));
  }
  ::unsetenv("LEAT_TEST_PLACE");
}

TEST(Config, FingerprintFollowsWhatShapesTheState) {
  const std::string base = Parse(kCardFraud).fingerprint;
  EXPECT_EQ(Parse(kCardFraud, "elsewhere.yaml").fingerprint, base);
  const auto with = [](const std::string& from, const std::string& to) {
    return Parse(Replace(kCardFraud, from, to)).fingerprint;
  };
  EXPECT_EQ(with("predictions.csv", "other.csv"), base);
  EXPECT_EQ(with("transactions.csv.zst", "other.csv"), base);
  EXPECT_EQ(with("state/card-fraud", "elsewhere"), base);
  EXPECT_EQ(with("learning_rate: 0.1", "learning_rate: 1e-1"), base);
  EXPECT_NE(with("learning_rate: 0.1", "learning_rate: 0.2"), base);
  EXPECT_NE(with("over: 7d", "over: 8d"), base);
  EXPECT_NE(with("available_after: 7d", "available_after: 6d"), base);
  EXPECT_NE(with("delta: 0.002", "delta: 0.001"), base);
  EXPECT_NE(with("window: 50000", "window: 40000"), base);
  EXPECT_NE(with("scale: standard", "scale: robust"), base);
  EXPECT_NE(with("min: 0", "min: 1"), base);
}

TEST(Config, FingerprintDoesNotFollowTheNumberOfThreads) {
  const auto with = [](const std::string& model) {
    return Parse(Replace(kCardFraud,
                         "{type: logistic_regression, scale: standard, optimizer: adagrad, "
                         "learning_rate: 0.1}",
                         model))
        .fingerprint;
  };
  EXPECT_EQ(with("{type: adaptive_random_forest, threads: 2}"),
            with("{type: adaptive_random_forest}"));
  EXPECT_NE(with("{type: adaptive_random_forest, trees: 2}"),
            with("{type: adaptive_random_forest}"));
}

TEST(Config, ClassWeightsGoByNameWhereTheClassesAreKnown) {
  const auto text = [](const std::string& label, const std::string& weights) {
    std::string config = Replace(kCardFraud, "field: tx_fraud, type: boolean", label);
    return DescribeConfig(Parse(
        Replace(config, "learning_rate: 0.1", "learning_rate: 0.1, class_weights: " + weights)));
  };
  for (const char* weights : {"{true: 10}", "{1: 10}"}) {
    EXPECT_THAT(text("field: tx_fraud, type: boolean", weights),
                HasSubstr("class_weights: {1: 10}"))
        << weights;
  }
  EXPECT_THAT(
      text("field: tx_fraud, type: category, positive: fraud", "{fraud: 10, not fraud: 0.5}"),
      HasSubstr("class_weights: {0: 0.5, 1: 10}"));
}

TEST(Config, DescriptionShowsWhatWasResolved) {
  const std::string text = DescribeConfig(Parse(kCardFraud));
  for (const char* line : {"name: card-fraud", "available_after: 7d", "max_keys: 10000000",
                           "customer_mean_7d: {mean: tx_amount, over: 7d, by: [customer_id]}",
                           "amount: {encode: number, scale: standard, impute: mean}",
                           "- detector: adwin", "fingerprint: "}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Config, ProblemsComeInTheOrderOfTheFile) {
  std::vector<ConfigProblem> problems;
  const auto config =
      ParseConfig("source: {fiel: x}\nrecord: 5\nmodels: []\n", "p.yaml", &problems);
  ASSERT_FALSE(config.ok());
  ASSERT_GE(problems.size(), 3u);
  for (size_t i = 1; i < problems.size(); ++i) EXPECT_LE(problems[i - 1].line, problems[i].line);
}

TEST(Config, RefusesMoreThanOneMebibyte) {
  EXPECT_THAT(Refusal(std::string((1 << 20) + 1, ' ')), HasSubstr("expected at most 1MiB"));
}

TEST(Config, AMatrixFactorizationTakesExactlyTwoIds) {
  const auto refusal = [](const std::string& settings) {
    std::string config =
        Replace(kSmall, "{type: hoeffding_tree}", "{type: matrix_factorization" + settings + "}");
    config = Replace(config, "{type: logistic_regression}", "{type: linear_regression}");
    return Refusal(Replace(config, "field: fraud", "field: fraud, type: number"));
  };
  EXPECT_THAT(refusal(", features: [customer, country]"), "accepted");
  for (const auto& [settings, found] : std::map<std::string, std::string>{
           {", features: [customer]", "models.tree.features: found 1 inputs"},
           {", features: [customer, country, amount]", "models.tree.features: found 3 inputs"},
           {", features: [customer], inputs: {customer: {hash_bits: 10}}",
            "models.tree.features: found 1 inputs"}}) {
    EXPECT_THAT(refusal(settings), HasSubstr(found + ", expected two ids")) << settings;
  }
  EXPECT_THAT(refusal(", features: [customer, cuontry]"), Not(HasSubstr("expected two ids")));
}

TEST(Config, AModelThatCannotTakeItsInputsIsRefusedByName) {
  EXPECT_THAT(
      Refusal(Replace(kSmall, "{type: hoeffding_tree}", "{type: gaussian_nb, encode: one_hot}")),
      HasSubstr("models.tree"));
}

TEST(Config, MissingFileIsAUsageError) {
  const auto config = LoadConfig("tests/no/such/file.yaml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().code(), StatusCode::kInvalid);
}

TEST(Reference, PageIsTheOneInTheRepository) {
  std::ifstream in("docs/configuration.md", std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), ConfigReference())
      << "write it again: leat check --reference > docs/configuration.md";
}

TEST(Reference, NoOptionOfAModelIsNamedLikeASettingOfItsInputs) {
  config::DocParams shared;
  ModelConfig model;
  InputFeatureSpec input;
  config::DescribeModel(shared, model);
  config::DescribeInput(shared, input, false);
  std::set<std::string> names;
  for (const auto& row : shared.rows()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
  for (const std::string_view type : ModelTypes()) {
    config::DocParams own;
    NewModelFactory(type)->Describe(own);
    for (const auto& row : own.rows()) EXPECT_EQ(names.count(row.name), 0u) << type << row.name;
  }
}

TEST(Reference, NoOptionOfADetectorIsNamedLikeASettingOfDrift) {
  config::DocParams shared;
  DriftConfig drift;
  config::DescribeDrift(shared, drift);
  std::set<std::string> names;
  for (const auto& row : shared.rows()) names.insert(row.name);
  for (const std::string_view type : DetectorTypes()) {
    config::DocParams own;
    NewDetectorFactory(type)->Describe(own);
    for (const auto& row : own.rows()) EXPECT_EQ(names.count(row.name), 0u) << type << row.name;
  }
}

}  // namespace
}  // namespace leat
