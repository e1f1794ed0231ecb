#include "pipeline/pipeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "base/random.h"
#include "base/time.h"
#include "record/time_format.h"
#include "state/memory/memory_store.h"
#include "tests/pipeline/harness.h"
#include "tests/pipeline/stored.h"

namespace leat {
namespace {

constexpr EventTime kStart{1'522'540'800LL * kSecond};  // 2018-04-01T00:00:00Z

constexpr std::string_view kConfig = R"(
name: cards
source: {file: x.csv}
record:
  id: id
  time: at
  fields: {card: id, amount: {type: number, min: 0}}
label: {field: fraud, type: boolean, available_after: 2d, expires_after: 10d}
features:
  log_amount: log1p(amount)
  card_mean: {mean: amount, over: 7d, by: card}
  risk: {mean: label, over: 30d, by: card}
  clean: {mean: amount, over: 30d, by: card, where: not label}
models:
  linear: {type: logistic_regression, scale: standard, impute: mean, optimizer: adagrad, learning_rate: 0.1, min_labels: 50}
  bayes: {type: gaussian_nb, impute: mean}
drift:
  - {detector: adwin, on: error, then: alert}
  - {detector: ddm, on: error, model: bayes, then: swap}
evaluation: {every: 100, window: 200}
)";

/// Cards whose fraud follows the amount; the rule turns round in the middle.
std::string Stream(int rows, int flip_labels_from = -1) {
  CounterRandom random(7, 1);
  std::string csv = "id,at,card,amount,fraud\n";
  for (int i = 0; i < rows; ++i) {
    const double amount = random.Uniform(1, 200);
    const bool high = amount > 120;
    bool fraud = random.Uniform() < 0.05 ? !high : high;
    if (i > rows / 2) fraud = !fraud;
    if (flip_labels_from >= 0 && i >= flip_labels_from) fraud = !fraud;
    csv += fmt::format("t{},{},c{},{:.2f},{}\n", i, FormatIso(kStart + i * 10 * kMinute),
                       random.Below(20), amount, fraud ? 1 : 0);
  }
  return csv;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Pipeline, TwoRunsGiveTheSameBytesAndDigest) {
  const Config config = Parse(kConfig);
  const std::string csv = Stream(3000);
  Collect first, second;
  const auto a = MakePipeline(config), b = MakePipeline(config);
  ASSERT_TRUE(a && b);
  DriveText(*a, config, csv, first);
  DriveText(*b, config, csv, second);
  EXPECT_EQ(first.all.predictions, second.all.predictions);
  EXPECT_EQ(first.all.events, second.all.events);
  EXPECT_EQ(first.all.metrics, second.all.metrics);
  EXPECT_EQ(a->Digest(), b->Digest());
  EXPECT_FALSE(first.all.events.empty()) << "the turned rule must show as drift";
  EXPECT_GT(Lines(first.all.metrics).size(), 10u);
}

TEST(Pipeline, ARunSavedInTheMiddleContinuesBitForBit) {
  const Config config = Parse(kConfig);
  const std::string csv = Stream(3000);
  Collect whole;
  const auto uninterrupted = MakePipeline(config);
  DriveText(*uninterrupted, config, csv, whole);
  for (const uint64_t cut : {1u, 49u, 700u, 1501u, 2999u}) {
    Collect parts;
    std::string saved;
    Position position;
    {
      const auto pipeline = MakePipeline(config);
      position = DriveText(*pipeline, config, csv, parts, {}, {}, cut).position;
      StateWriter out;
      pipeline->Save(out);
      saved = out.Take();
    }
    const auto pipeline = MakePipeline(config);
    StateReader in(saved);
    ASSERT_TRUE(pipeline->Load(in).ok()) << in.status().message();
    EXPECT_TRUE(in.AtEnd());
    DriveText(*pipeline, config, csv, parts, {}, position);
    EXPECT_EQ(parts.all.predictions, whole.all.predictions) << "cut at " << cut;
    EXPECT_EQ(parts.all.events, whole.all.events) << "cut at " << cut;
    EXPECT_EQ(parts.all.metrics, whole.all.metrics) << "cut at " << cut;
    EXPECT_EQ(pipeline->Digest(), uninterrupted->Digest()) << "cut at " << cut;
  }
}

TEST(Pipeline, ABackgroundLearnerGoesWithTheLastDetectorThatCouldSwapItIn) {
  const Config config = Parse(kConfig);
  std::string yaml(kConfig);
  yaml.erase(yaml.find("  - {detector: ddm"),
             yaml.find("evaluation:") - yaml.find("  - {detector: ddm"));
  const std::string csv = Stream(3000);
  MemoryStore store;
  const auto pipeline = MakePipeline(config);
  pipeline->Track(store);
  const auto has_background = [](const Pipeline& p) {
    return p.TakeModel("bayes")->background.has_value();
  };
  Collect sinks;
  Position position;
  while (!has_background(*pipeline)) {
    const DriveResult step = DriveText(*pipeline, config, csv, sinks, {}, position, 5);
    ASSERT_FALSE(step.at_end) << "no warning";
    position = step.position;
  }
  SaveTo(store, *pipeline);
  const auto as_before = MakePipeline(config), without = MakePipeline(Parse(yaml));
  LoadFrom(store, *as_before);
  LoadFrom(store, *without);
  EXPECT_TRUE(has_background(*as_before));
  EXPECT_FALSE(has_background(*without));
}

TEST(Pipeline, ASettingOfInputsWithoutEffectChangesNoState) {
  std::string yaml(kConfig);
  yaml.insert(yaml.find("min_labels: 50"),
              "bins: 16, tail_bins: 2, warmup: 500, hash_bits: 9, max_values: 7, smoothing: 50, ");
  const Config config = Parse(kConfig), more = Parse(yaml);
  EXPECT_EQ(config.fingerprint, more.fingerprint);
  const std::string csv = Stream(600);
  Collect sinks, others;
  MemoryStore store;
  const auto pipeline = MakePipeline(config);
  pipeline->Track(store);
  const Position half = DriveText(*pipeline, config, csv, sinks, {}, {}, 400).position;
  SaveTo(store, *pipeline);
  const auto changed = MakePipeline(more);
  LoadFrom(store, *changed);
  sinks.all.clear();
  DriveText(*pipeline, config, csv, sinks, {}, half);
  DriveText(*changed, more, csv, others, {}, half);
  EXPECT_EQ(sinks.all.predictions, others.all.predictions);
  EXPECT_EQ(pipeline->Chain(), changed->Chain());
}

TEST(Pipeline, AStateOfAnEarlierVersionKnowsHowManyLogsItHasMergedFromItsConfiguration) {
  std::string yaml(kConfig);
  yaml.replace(yaml.find("{file: x.csv}"), 13, "{file: x.csv, also: [y.csv, z.csv]}");
  const Config config = Parse(yaml);
  const std::string logs = LogsText(config.source);
  SnapshotInfo earlier;
  earlier.shape = config.shape;
  ASSERT_NE(earlier.shape.find(logs), std::string::npos);
  earlier.shape.erase(earlier.shape.find(logs), logs.size());
  EXPECT_EQ(earlier.shape, Parse(kConfig).shape) << "a single log is not mentioned";
  earlier.configuration = config.text;
  MemoryStore store;
  Snapshots snapshots(store);
  const auto pipeline = MakePipeline(config);
  pipeline->Track(store);
  snapshots.Begin(*pipeline, earlier);
  ASSERT_TRUE(snapshots.More([] { return false; }));
  ASSERT_TRUE(snapshots.Write().ok());
  snapshots.End();
  const auto info = Snapshots(store).Read();
  ASSERT_TRUE(info.ok() && *info);
  EXPECT_EQ((*info)->shape, config.shape);
  EXPECT_EQ((*info)->fingerprint, config.fingerprint);
}

TEST(Pipeline, LabelsOfTheFutureChangeNoEarlierPrediction) {
  const Config config = Parse(kConfig);
  const int rows = 2500, flip = 1200;
  Collect truth, swapped;
  const auto a = MakePipeline(config), b = MakePipeline(config);
  DriveText(*a, config, Stream(rows), truth);
  DriveText(*b, config, Stream(rows, flip), swapped);
  const auto p = Lines(truth.all.predictions), q = Lines(swapped.all.predictions);
  ASSERT_EQ(p.size(), q.size());
  // A label of row `flip` becomes available two days, 288 rows, later: until then nothing may
  // differ.
  for (int i = 0; i < flip + 288; ++i) ASSERT_EQ(p[i], q[i]) << "row " << i;
  int differ = 0;
  for (size_t i = flip + 289; i < p.size(); ++i) differ += p[i] != q[i];
  EXPECT_GT(differ, 500) << "the labels must matter once they are known";
}

TEST(Pipeline, TheAccountOfLabelsIsExact) {
  const Config config = Parse(kConfig);
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, Stream(1000), sinks);
  const Report report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.labels, "predicted"), 1000);
  EXPECT_EQ(Of(report.labels, "matched"), 1000 - 288);
  EXPECT_EQ(Of(report.labels, "pending"), 288);
  EXPECT_EQ(Of(report.labels, "expired"), 0);
  EXPECT_EQ(Of(report.labels, "labels"), 1000 - 288);
}

TEST(Pipeline, UnlabelledPredictionsExpireByEventTime) {
  const Config config = Parse(kConfig);
  std::string csv = "id,at,card,amount,fraud\n";
  for (int i = 0; i < 100; ++i) {
    csv += fmt::format("t{},{},c1,5,{}\n", i, FormatIso(kStart + i * kDay), i % 2 ? "" : "0");
  }
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, csv, sinks);
  const Report report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.labels, "predicted"), 100);
  EXPECT_EQ(Of(report.labels, "matched"), 49);  // Even rows up to 96 are two days old at row 98/99.
  EXPECT_EQ(Of(report.labels, "expired"), 45);  // Odd rows up to 89.
  EXPECT_EQ(Of(report.labels, "pending"), 6);   // 98 and the odd ones from 91.
}

TEST(Pipeline, AnExpiredPredictionMayCountAsAClass) {
  std::string yaml(kConfig);
  yaml.replace(yaml.find("expires_after: 10d"), 18, "expires_after: 10d, expired_as: false");
  const Config config = Parse(yaml);
  std::string csv = "id,at,card,amount,fraud\n";
  for (int i = 0; i < 30; ++i) {
    csv += fmt::format("t{},{},c1,5,\n", i, FormatIso(kStart + i * kDay));
  }
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, csv, sinks);
  const Report report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.labels, "expired"), 20);
  EXPECT_EQ(Of(report.labels, "matched"), 0);
  // The expired ones were learnt as legitimate.
  EXPECT_NE(sinks.all.metrics.find("\"labels\":20"), std::string::npos) << sinks.all.metrics;
}

constexpr std::string_view kSeparate = R"(
name: joined
source: {file: x.csv}
record: {id: id, time: at, fields: {amount: number}}
label: {field: fraud, type: boolean, file: labels.csv, id: id, time: known, expires_after: 5d}
models:
  linear: {type: logistic_regression, scale: standard, min_labels: 1}
)";

TEST(Pipeline, SeparateLabelsAreJoinedByIdWithEveryCaseCounted) {
  const Config config = Parse(kSeparate);
  const auto day = [](double d) {
    return FormatIso(kStart + static_cast<int64_t>(d * static_cast<double>(kDay)));
  };
  std::string csv = "id,at,amount\n", labels = "id,known,fraud\n";
  csv += fmt::format("a,{},1\n", day(0));
  csv += fmt::format("b,{},2\n", day(1));
  csv += fmt::format("c,{},3\n", day(2));
  csv += fmt::format("d,{},4\n", day(4));  // Its label came first.
  csv += fmt::format("e,{},5\n", day(20));
  csv += fmt::format("f,{},6\n", day(21));
  labels += fmt::format("a,{},1\n", day(0.5));       // Matched.
  labels += fmt::format("a,{},1\n", day(0.6));       // Duplicate.
  labels += fmt::format("a,{},0\n", day(0.7));       // Corrected.
  labels += fmt::format("d,{},0\n", day(3));         // Early, matched at day 4.
  labels += fmt::format("zz,{},0\n", day(3.5));      // Never predicted: orphan.
  labels += fmt::format("b,{},1\n", day(10));        // b expired at day 6: late.
  labels += fmt::format("e,{},maybe\n", day(20.5));  // Not a boolean: a dead letter.
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, csv, sinks, labels);
  const Report report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.labels, "predicted"), 6);
  EXPECT_EQ(Of(report.labels, "matched"), 2);
  EXPECT_EQ(Of(report.labels, "expired"), 2);  // b and c.
  EXPECT_EQ(Of(report.labels, "pending"), 2);  // e and f.
  EXPECT_EQ(Of(report.labels, "labels"), 6);
  EXPECT_EQ(Of(report.labels, "corrected"), 1);
  EXPECT_EQ(Of(report.labels, "early"), 2);
  EXPECT_EQ(Of(report.labels, "late"), 1);
  EXPECT_EQ(Of(report.labels, "duplicate"), 1);
  EXPECT_EQ(Of(report.labels, "orphan"), 1);
  EXPECT_EQ(Of(report.labels, "waiting"), 0);
  EXPECT_EQ(Of(report.rejects, "bad_label"), 1);
  EXPECT_EQ(Of(report.rejects, "late_label"), 1);
  EXPECT_EQ(Of(report.rejects, "duplicate_label"), 1);
  EXPECT_EQ(Of(report.rejects, "corrected_label"), 1);
  EXPECT_EQ(Of(report.rejects, "orphan_label"), 1);
}

TEST(Pipeline, ARunWithoutRecordsLeavesNothingInTheState) {
  std::string yaml(kConfig);
  yaml.replace(yaml.find("id: id"), 6, "id: id\n  allowed_lateness: 1h");
  const Config config = Parse(yaml);
  const auto pipeline = MakePipeline(config);
  const std::string before = pipeline->Digest();
  Outputs out;
  pipeline->Finish(out);
  EXPECT_EQ(pipeline->Digest(), before);
  EXPECT_EQ(out.size(), 0u);
}

TEST(Pipeline, SettledIdsAreKnownAsLongAsIsAskedFor) {
  const std::string csv =
      fmt::format("id,at,amount\na,{},1\nb,{},2\n", FormatIso(kStart), FormatIso(kStart + kDay));
  const std::string labels =
      fmt::format("id,known,fraud\na,{},1\na,{},1\n", FormatIso(kStart + 10 * kMinute),
                  FormatIso(kStart + 2 * kDay));
  for (const bool briefly : {false, true}) {
    std::string yaml(kSeparate);
    if (briefly)
      yaml.replace(yaml.find("expires_after: 5d"), 17, "expires_after: 1h, remember: 2h");
    Config config = Parse(yaml);
    config.tidy_every = 1;
    Collect sinks;
    const auto pipeline = MakePipeline(config);
    DriveText(*pipeline, config, csv, sinks, labels);
    const Report report = pipeline->MakeReport();
    EXPECT_EQ(Of(report.labels, "matched"), 1);
    EXPECT_EQ(Of(report.labels, "duplicate"), briefly ? 0 : 1);
    EXPECT_EQ(Of(report.labels, "early"), briefly ? 1 : 0);  // As if of a prediction to come.
  }
}

/// Few records come, so that the pass over all that matters no more is far away.
TEST(Pipeline, AnEarlyLabelWaitsUntilItsTimeIsOverAndNoLonger) {
  std::string yaml(kSeparate);
  yaml.replace(yaml.find("expires_after: 5d"), 17, "expires_after: 1h");
  const Config config = Parse(yaml);
  const auto minute = [](int m) { return FormatIso(kStart + m * kMinute); };
  std::string csv = "id,at,amount\n", labels = "id,known,fraud\n";
  csv += fmt::format("a,{},1\nb,{},2\nc,{},3\n", minute(0), minute(70), minute(71));
  labels += fmt::format("b,{},1\nc,{},1\nc,{},0\n", minute(10), minute(12), minute(13));
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, csv, sinks, labels);
  Report report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.labels, "early"), 2);
  EXPECT_EQ(Of(report.labels, "orphan"), 1) << "b came just when its label's hour was over";
  EXPECT_EQ(Of(report.labels, "matched"), 1);
  EXPECT_EQ(Of(report.labels, "corrected"), 1);

  // Without records, labels and ticks end their time.
  Outputs out;
  Record label;
  label.has_label = true;
  label.label = 1;
  for (int i = 0; i < 1000; ++i) {
    label.id = KeyOf(fmt::format("unknown{}", i));
    label.time = kStart + (100 + i) * kMinute;
    pipeline->StepLabel(label, out);
    report = pipeline->MakeReport();
    ASSERT_EQ(Of(report.labels, "waiting"), std::min(i + 1, 60));
  }
  EXPECT_EQ(Of(report.labels, "orphan"), 941);
  pipeline->Tick(kStart + 2000 * kMinute, out);
  report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.labels, "waiting"), 0);
  EXPECT_EQ(Of(report.labels, "orphan"), 1001);
  EXPECT_EQ(Of(report.rejects, "orphan_label"), 1001);
  EXPECT_EQ(Lines(out.rejects).size(), 1000u);
}

TEST(Pipeline, DuplicatesAndLateRecordsAreRejectedAsConfigured) {
  std::string yaml(kSeparate);
  yaml.replace(
      yaml.find("record: {id: id, time: at,"), 26,
      "record: {id: id, time: at, allowed_lateness: 1h, late: reject, duplicate_window: 1d,");
  const Config config = Parse(yaml);
  const std::string csv =
      fmt::format("id,at,amount\na,{0},1\na,{0},1\nb,{1},2\nc,{0},3\nd,{2},4\n", FormatIso(kStart),
                  FormatIso(kStart + 2 * kHour), FormatIso(kStart + 90 * kMinute));
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, csv, sinks);
  const Report report = pipeline->MakeReport();
  EXPECT_EQ(Of(report.records, "read"), 5);
  EXPECT_EQ(Of(report.records, "scored"), 3);
  EXPECT_EQ(Of(report.rejects, "duplicate_id"), 1);
  EXPECT_EQ(Of(report.rejects, "late"), 1);  // c, two hours behind; d is within the hour.
  EXPECT_EQ(Lines(sinks.all.rejects).size(), 2u);
}

TEST(Pipeline, NewClassesMayAppearAndNoneExistsBeforeItsLabelIsKnown) {
  const Config config = Parse(R"(
name: multi
source: {file: x.csv}
record: {id: id, time: at, fields: {x: number}}
label: {field: y, type: category, available_after: 1d}
models:
  bayes: {type: gaussian_nb, min_labels: 10}
  soft: {type: logistic_regression, scale: standard, min_labels: 10}
sinks: {predictions: {file: p.jsonl}}
)");
  std::string csv = "id,at,x,y\n";
  for (int i = 0; i < 600; ++i) {
    const int c = i < 200 ? i % 2 : i % 3;
    csv += fmt::format("{},{},{},class{}\n", i, FormatIso(kStart + i * kHour), c * 10 + i % 4, c);
  }
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, csv, sinks);
  const auto lines = Lines(sinks.all.predictions);
  ASSERT_EQ(lines.size(), 600u);
  // The first class2 is row 200; its label is known at row 224.
  for (int i = 0; i < 224; ++i) EXPECT_EQ(lines[i].find("class2"), std::string::npos) << lines[i];
  EXPECT_NE(lines[599].find("class2"), std::string::npos);
  EXPECT_EQ(pipeline->MakeReport().class_names,
            (std::vector<std::string>{"class0", "class1", "class2"}));
}

/// As many labels are held back (early, or not yet available) as there may be classes.
TEST(Pipeline, ALabelThatWouldBeOneClassTooManyIsRejected) {
  for (const std::string label : {"available_after: 800d", "file: labels.csv, time: known"}) {
    for (const bool expires : {false, true}) {
      const bool separate = label.starts_with("file");
      const Config config = Parse(
          "name: multi\nsource: {file: x.csv}\n"
          "record: {id: id, time: at, fields: {x: number}}\n"
          "label: {field: y, type: category, " +
          label + (expires ? ", expires_after: 900d, expired_as: none_came" : "") +
          "}\nmodels: {bayes: {type: gaussian_nb}}\n");
      const auto pipeline = MakePipeline(config);
      Outputs out;
      Record record;
      record.values.assign(1, 1);
      record.keys.assign(1, 0);
      record.texts.resize(1);
      record.has_label = true;
      const auto step = [&](int id, const std::string& text) {
        record.id = KeyOf(std::to_string(id));
        record.time = kStart + id * kSecond;
        record.label_text = text;
        separate ? pipeline->StepLabel(record, out) : pipeline->Step(record, out);
      };
      const int most = expires ? 4095 : 4096;  // The class of expiry is one of them.
      for (int i = 0; i < most; ++i) step(i, std::to_string(i));
      EXPECT_EQ(out.rejects, "");
      step(5000, "one more");
      step(5001, "17");
      step(5002, "none_came");
      step(5003, "one more");
      EXPECT_EQ(Of(pipeline->MakeReport().rejects, "too_many_classes"), expires ? 2 : 3);
      EXPECT_EQ(Of(pipeline->MakeReport().records, "rejected"), separate ? 0 : expires ? 2 : 3);
    }
  }
}

TEST(Pipeline, AModelThatIsNotWarmGivesThePrior) {
  const Config config = Parse(kConfig);
  Collect sinks;
  const auto pipeline = MakePipeline(config);
  DriveText(*pipeline, config, Stream(400), sinks);
  const auto lines = Lines(sinks.all.predictions);
  // 50 labels are known two days after row 49, at row 337, which is the first warm one.
  EXPECT_NE(lines[0].find(",0,"), std::string::npos) << lines[0];
  EXPECT_NE(lines[336].find("e,0,"), std::string::npos) << lines[336];
  EXPECT_EQ(lines[337].find("e,0,"), std::string::npos) << lines[337];
}

TEST(Pipeline, SetsOfClassesStandBesideThePredictionsOfModelsWithCoverage) {
  std::string text(kConfig);
  text.replace(text.find("bayes: {type: gaussian_nb"), 25,
               "bayes: {type: gaussian_nb, coverage: 0.9");
  const Config config = Parse(text);
  const auto pipeline = MakePipeline(config);
  ASSERT_TRUE(pipeline);
  EXPECT_EQ(pipeline->PredictionsHeader(), "id,score,class,warm,bayes.score,bayes.set\n");
  Collect run;
  DriveText(*pipeline, config, Stream(1400), run);
  const auto csv = Lines(Stream(1400)), lines = Lines(run.all.predictions);
  ASSERT_EQ(lines.size(), 1400u);
  const auto set_of = [&](size_t i) { return lines[i].substr(lines[i].rfind(',') + 1); };
  EXPECT_EQ(set_of(0), "") << "no class is known yet";
  EXPECT_EQ(set_of(300), "false|true") << "too few labels for a bound";
  // The rule stands until row 700.
  size_t held = 0, singles = 0;
  for (size_t i = 400; i < 700; ++i) {
    const std::string set = set_of(i);
    held += set.find(csv[i + 1].back() == '1' ? "true" : "false") != std::string::npos ? 1 : 0;
    singles += set == "true" || set == "false" ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(held) / 300, 0.9, 0.06);
  EXPECT_GT(singles, 150u);
}

TEST(Pipeline, IntervalsStandBesideThePredictionsOfModelsWithCoverage) {
  constexpr std::string_view kNumbers = R"(
name: numbers
source: {file: x.csv}
record: {id: id, time: at, fields: {card: id, amount: number}}
label: {field: fraud, type: number}
models:
  plain: {type: linear_regression, features: [amount]}
  wide: {type: bayesian_linear_regression, features: [amount], coverage: 0.9}
sinks: {predictions: {file: p.jsonl}}
)";
  const Config config = Parse(kNumbers);
  const auto pipeline = MakePipeline(config);
  ASSERT_TRUE(pipeline);
  Collect run;
  DriveText(*pipeline, config, Stream(600), run);
  const auto lines = Lines(run.all.predictions);
  ASSERT_EQ(lines.size(), 600u);
  EXPECT_NE(lines[3].find("\"wide.lower\":null,\"wide.upper\":null}"), std::string::npos)
      << lines[3];
  const auto number = [&](const std::string& line, const std::string& name) {
    return std::stod(line.substr(line.find("\"" + name + "\":") + name.size() + 3));
  };
  const double low = number(lines[299], "wide.lower"), high = number(lines[299], "wide.upper");
  EXPECT_LT(low, high);
  EXPECT_NEAR((low + high) / 2, number(lines[299], "wide.score"), 1e-9);
  EXPECT_EQ(lines[299].find("plain.lower"), std::string::npos);
}

TEST(Pipeline, StateOfAnotherConfigurationIsRefused) {
  const Config config = Parse(kConfig);
  const auto pipeline = MakePipeline(config);
  StateWriter out;
  pipeline->Save(out);
  std::string yaml(kConfig);
  yaml.replace(yaml.find("over: 7d"), 8, "over: 9d");
  const auto other = MakePipeline(Parse(yaml));
  StateReader in(out.bytes());
  EXPECT_EQ(other->Load(in).code(), StatusCode::kCorrupt);
}

TEST(Pipeline, DamagedStateIsRefusedAtEveryLength) {
  const Config config = Parse(kConfig);
  const auto pipeline = MakePipeline(config);
  Collect sinks;
  DriveText(*pipeline, config, Stream(400), sinks);
  StateWriter out;
  pipeline->Save(out);
  const std::string& bytes = out.bytes();
  for (size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 97) {
    const auto other = MakePipeline(config);
    StateReader in(std::string_view(bytes).substr(0, length));
    EXPECT_FALSE(other->Load(in).ok()) << length << " of " << bytes.size();
  }
}

}  // namespace
}  // namespace leat
