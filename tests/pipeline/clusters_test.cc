// Clustering models in a pipeline: distances as inputs, the quality of clusters, state.
#include <gmock/gmock.h>

#include "base/random.h"
#include "pipeline/go_on.h"
#include "pipeline/stored.h"
#include "state/memory/memory_store.h"

namespace leat {
namespace {

constexpr char kYaml[] = R"(
name: groups
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {x: number, y: number, z: number}
label: {field: odd, type: boolean}
models:
  means: {type: kmeans, features: [x, y], scale: none, clusters: 3, seed_buffer: 100, quality: true}
  flow: {type: clustream, features: [x, y], scale: none, clusters: 3, micro_clusters: 30, quality: true}
  dense: {type: denstream, features: [x, y], scale: none, radius: 0.5, quality: true}
  shared: {type: dbstream, features: [x, y], scale: none, radius: 1.5, minimum_weight: 8, quality: true}
  by_distance: {type: hoeffding_tree, features: [z], distances_of: shared, min_labels: 20}
  by_place: {type: logistic_regression, features: [z], distances_of: flow, min_labels: 20}
sinks: {predictions: predictions.csv}
)";

/// Three groups of two numbers; every tenth record lies anywhere. A third number says nothing.
std::string Log(int rows) {
  std::string out = "id,time,x,y,z,odd\n";
  CounterRandom random(4, 4);
  const auto text = [](double v) { return std::to_string(v) + ","; };
  for (int i = 0; i < rows; ++i) {
    const bool odd = i % 10 == 9;
    const double centre = 10.0 * static_cast<double>(random.Below(3));
    const double x = odd ? random.Uniform(-5, 25) : centre + 0.4 * random.Normal();
    const double y = odd ? random.Uniform(-8, 8) : 0.4 * random.Normal();
    out += "r" + std::to_string(i) + "," + std::to_string(1000 + i) + "," + text(x) + text(y) +
           text(random.Normal()) + (odd ? "true\n" : "false\n");
  }
  return out;
}

double Value(const MetricValues& values, std::string_view name) {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name;
  return 0;
}

TEST(ClustersOfAPipeline, AreMeasuredAndServeAsInputs) {
  const Config config = Parse(kYaml);
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Log(6000), sink);
  const Report report = pipeline->MakeReport();
  ASSERT_EQ(report.clusters.size(), 4u);
  for (const Report::ClusterRow& row : report.clusters) {
    SCOPED_TRACE(row.name);
    EXPECT_GT(row.sampled, 250);
    EXPECT_LE(row.sampled, 512);
    EXPECT_GE(Value(row.values, "clusters"), 2);
    EXPECT_GT(Value(row.values, "silhouette"), 0.3);
    EXPECT_GT(Value(row.values, "inertia"), 0);
    EXPECT_LT(Value(row.values, "inertia"), 20);
    EXPECT_GT(Value(row.values, "davies_bouldin"), 0);
    EXPECT_GT(Value(row.values, "calinski_harabasz"), 50);
    EXPECT_EQ(row.summary.at(0), (std::pair<std::string, std::string>("records", "6000")));
  }
  EXPECT_EQ(Value(report.clusters.at(0).values, "clusters"), 3);
  // What lies far from every cluster is odd, and the tree sees nothing else of it.
  EXPECT_GT(Value(report.rows.at(0).window, "roc_auc"), 0.9);
}

TEST(ClustersOfAPipeline, GoOnAfterSavingAsIfNothingHadHappened) {
  ExpectGoesOn(Parse(kYaml), Log(3000), 1700);
}

/// How many labels a supervised model has learnt.
int64_t Learnt(const Pipeline& pipeline, std::string_view model) {
  for (const ModelFacts& facts : pipeline.Models()) {
    if (facts.name == model) return facts.labels;
  }
  ADD_FAILURE() << model;
  return 0;
}

TEST(ClustersOfAPipeline, AreInputsOfRecordsWhoseOwnInputsAreMissing) {
  Config config = Parse(kYaml);
  std::string log = Log(1000);
  for (size_t at = 0; (at = log.find(",true\n", at)) != std::string::npos; ++at) {
    const size_t z = log.rfind(',', at - 1) + 1;
    log.erase(z, at - z);
    at = z;
  }
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, log, sink);
  EXPECT_EQ(Learnt(*pipeline, "by_distance"), 1000);
  EXPECT_EQ(Learnt(*pipeline, "by_place"), 1000);
}

TEST(ClustersOfAPipeline, AreNoInputsOfWhatWasPredictedBeforeTheModelCame) {
  std::string yaml = kYaml;
  yaml.replace(yaml.find("type: boolean"), 13, "type: boolean, available_after: 100s");
  // One that sees the same inputs is there before, so that only the distances are lacking.
  yaml.insert(yaml.find("sinks:"), "  plain: {type: hoeffding_tree, features: [z]}\n");
  std::string fewer = yaml;
  const size_t at = fewer.find("  by_distance:");
  fewer.erase(at, fewer.find("  by_place:") - at);
  MemoryStore store;
  Config config = Parse(fewer);
  auto pipeline = MakePipeline(config);
  pipeline->Track(store);
  Collect sink;
  const std::string log = Log(400);
  const DriveResult cut = DriveText(*pipeline, config, log, sink, {}, {}, 300);
  SaveTo(store, *pipeline);
  config = Parse(yaml);
  pipeline = MakePipeline(config);
  LoadFrom(store, *pipeline);
  DriveText(*pipeline, config, log, sink, {}, cut.position);
  EXPECT_EQ(Learnt(*pipeline, "by_place"), 300);
  EXPECT_EQ(Learnt(*pipeline, "by_distance"), 0) << "of the last hundred no label is known";
}

TEST(ClustersOfAPipeline, NeedNoLabelToBeMeasured) {
  const Config config = Parse(R"(
name: groups
source: {file: log.csv}
record: {id: id, time: {field: time, format: epoch_s}, fields: {x: number, y: number}}
models:
  means: {type: kmeans, features: [x, y], clusters: 3, seed_buffer: 100, quality: true}
sinks: {predictions: none}
)");
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Log(300), sink);
  const Report report = pipeline->MakeReport();
  ASSERT_EQ(report.clusters.size(), 1u);
  EXPECT_EQ(report.clusters.at(0).sampled, 300);
  EXPECT_THAT(RenderTable(report), testing::HasSubstr("means"));
}

TEST(ClustersOfAPipeline, AreMeasuredOnlyWhereThatIsAskedFor) {
  std::string yaml = kYaml;
  for (size_t at; (at = yaml.find(", quality: true")) != std::string::npos;) yaml.erase(at, 15);
  const Config config = Parse(yaml);
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Log(300), sink);
  EXPECT_TRUE(pipeline->MakeReport().clusters.empty());
  EXPECT_EQ(config.shape.find("quality"), std::string::npos);
}

}  // namespace
}  // namespace leat
