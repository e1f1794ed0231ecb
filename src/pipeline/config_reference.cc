// docs/configuration.md, written from the same descriptions that the reader visits.
#include "pipeline/config_bandits.h"
#include "pipeline/config_build.h"
#include "pipeline/config_experiments.h"
#include "pipeline/params_doc.h"

namespace leat {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Written by `leat check --reference`; a test compares. -->

One YAML file describes a pipeline. `leat check FILE` reads it, reports every problem at once with
file, line and column, and prints the resolved pipeline with all defaults filled in.

* **Durations** are numbers with units, from large to small: `7d`, `1h30m`, `250ms`, `1.5h`. Units:
  `w d h m s ms us`; `0` needs none.
* **Sizes** are numbers with a unit: `64MiB`, `10kB`; units `B`, `kB MB GB TB` (powers of 1000) and
  `KiB MiB GiB TiB` (powers of 1024). Without a unit, bytes.
* **Whole numbers** may be written `1e6`. Numbers are finite.
* **Names** of fields, features and models are letters, digits and `_`. `time` and `label` are
  reserved: in expressions they are the event time and the label.
* **Environment variables**: `${NAME}` inside a text is replaced by the variable, which must be set.
  `leat check` prints the reference, never the value.
* A key may be given once. Anchors, aliases and `<<` work, up to 1 MiB of text, 32 levels and
  100,000 values.

)";

constexpr std::string_view kExample = R"(```yaml
name: card-fraud
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
  terminal_risk_28d: {mean: label, over: 28d, by: terminal_id}
models:
  linear: {type: logistic_regression, optimizer: adagrad, learning_rate: 0.1}
  tree: {type: hoeffding_tree}
drift:
  - {detector: adwin, on: error, then: alert}
evaluation: {every: 10000, metrics: [roc_auc, average_precision, log_loss]}
sinks:
  predictions: {file: predictions.csv, features: [tx_amount]}
```

)";

template <typename Function>
std::string Table(Function&& describe) {
  config::DocParams p;
  describe(p);
  return p.Table() + "\n";
}

std::string Section(std::string_view title, std::string_view text) {
  return "## " + std::string(title) + "\n\n" +
         (text.empty() ? std::string() : std::string(text) + "\n\n");
}

}  // namespace

std::string ConfigReference() {
  using config::SectionParams;
  std::string out(kIntroduction);
  out += kExample;
  config::TopLevel top;
  out += Section("Top level", "");
  out += Table([&](SectionParams& p) { config::DescribeTop(p, top); });

  Config c;
  out += Section("kafka",
                 "Needed where topics are named. See docs/kafka.md for what each setting does to "
                 "delivery and latency.");
  out += Table([&](SectionParams& p) { config::DescribeKafka(p, c.kafka); });

  out += Section("source", "A path alone stands for `{file: PATH}`.");
  out += Table([&](SectionParams& p) { config::DescribeSource(p, c.source); });

  out += "### source.kafka\n\n";
  std::string start = "committed";
  out += Table([&](SectionParams& p) { config::DescribeTopicSource(p, c.source.kafka, start); });

  out += Section("record", "");
  out += Table([&](SectionParams& p) { config::DescribeRecord(p, c.schema, c.time); });
  out += "### record.time\n\nA column alone stands for `{field: COLUMN}`.\n\n";
  std::string column;
  TimeFormat time;
  out += Table([&](SectionParams& p) { config::DescribeTime(p, column, time); });
  out +=
      "### record.fields\n\nA type alone stands for `{type: TYPE}`. `id` and `category` fields "
      "are text and can be keys; `category` fields can also be inputs of models, and in "
      "expressions are codes in the order of first appearance.\n\n";
  FieldSpec field;
  out += Table([&](SectionParams& p) { config::DescribeField(p, field); });

  out += Section("label", "The answer: a column of the record, or a log of its own.");
  std::string expired = "drop";
  out += Table([&](SectionParams& p) { config::DescribeLabel(p, c.label, expired); });

  out += Section("features",
                 "A text is an expression over fields, `time` and earlier features. A map is a "
                 "window: exactly one aggregate, and where and over what it runs. One that "
                 "mentions `label` aggregates labelled events only. docs/features.md has the "
                 "functions and the exact meaning.");
  FeatureSpec feature;
  out += Table([&](SectionParams& p) { config::DescribeWindow(p, feature); });
  out += Section("limits", "");
  out += Table([&](SectionParams& p) { config::DescribeLimits(p, c.feature_options); });

  out += Section("models", "Each model: its type, the options of that type, and its inputs.");
  ModelConfig model;
  out += Table([&](SectionParams& p) { config::DescribeModel(p, model); });
  out += "### Inputs\n\nFor a whole model:\n\n";
  InputFeatureSpec input;
  out += Table([&](SectionParams& p) { config::DescribeInput(p, input, false); });
  out +=
      "Defaults by type: linear models and clustering take numbers with `scale: standard` and "
      "`impute: mean`, and categories as `one_hot`; the others take numbers as they are, gaps "
      "included, and categories by code. For one input, under `inputs: {NAME: {...}}`, beginning "
      "with what the model says:\n\n";
  out += Table([&](SectionParams& p) { config::DescribeInput(p, input, true); });
  for (const std::string_view type : ModelTypes()) {
    out += "### type: " + std::string(type) + "\n\n" + std::string(ModelSummary(type)) + "\n\n";
    config::DocParams p;
    NewModelFactory(type)->Describe(p);
    out += p.empty() ? "No options.\n\n" : p.Table() + "\n";
  }

  out += Section("drift", "A list; each entry is a detector, its options, and what it does.");
  DriftConfig drift;
  out += Table([&](SectionParams& p) { config::DescribeDrift(p, drift); });
  for (const std::string_view type : DetectorTypes()) {
    out +=
        "### detector: " + std::string(type) + "\n\n" + std::string(DetectorSummary(type)) + "\n\n";
    config::DocParams p;
    NewDetectorFactory(type)->Describe(p);
    out += p.empty() ? "No options.\n\n" : p.Table() + "\n";
  }

  out += Section("evaluation", "");
  out += Table([&](SectionParams& p) { Describe(p, c.evaluation); });
  std::vector<std::string> metrics;
  for (const std::string_view name : MetricNames())
    metrics.push_back("`" + std::string(name) + "`");
  out += "Metrics: " + config::Join(metrics, ", ") + ".\n\n";

  out += Section("experiments",
                 "Each experiment by its name; docs/experiments.md has the meaning. Where a "
                 "setting names a number, it is a field or a feature: expressions are written "
                 "under `features`.");
  ExperimentConfig experiment;
  out += Table([&](SectionParams& p) { config::DescribeExperiment(p, experiment); });
  out += "### experiments.variants\n\n";
  double weight = 1;
  VariantRoute route;
  out += Table([&](SectionParams& p) { config::DescribeVariant(p, weight, route); });
  out += "### experiments.ramp\n\n";
  experiments::RampSteps ramp;
  out += Table([&](SectionParams& p) { config::DescribeRamp(p, ramp); });
  out += "### experiments.metrics\n\n";
  experiments::AnalysedMetric analysed;
  std::string of, per;
  out += Table([&](SectionParams& p) { config::DescribeExperimentMetric(p, analysed, of, per); });

  out += Section("bandits", "Each bandit by its name; docs/experiments.md has the meaning.");
  BanditConfig bandit;
  out += Table([&](SectionParams& p) { config::DescribeBandit(p, bandit); });
  out += "### bandits.candidates\n\nWhat is not said is as the bandit has it.\n\n";
  experiments::PolicyOptions candidate;
  out += Table([&](SectionParams& p) { config::DescribeCandidate(p, candidate); });

  out += Section("sinks",
                 "A path alone stands for `{file: PATH}`; `none` is no sink. docs/outputs.md has "
                 "every member of what they get.");
  out += Table([&](SectionParams& p) { config::DescribeSinks(p, c.sinks); });
  SinkConfig sinks;
  out += "### sinks.predictions\n\n";
  out += Table([&](SectionParams& p) { config::DescribePredictions(p, sinks); });

  out += Section("state", "A path alone stands for `{path: PATH}`.");
  Config state;
  out += Table([&](SectionParams& p) { config::DescribeState(p, state); });
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace leat
