// Clustering models in a pipeline: distances as inputs, the quality of clusters, state.
#include <gmock/gmock.h>

#include "base/random.h"
#include "pipeline/go_on.h"

namespace leat {
namespace {

constexpr char kYaml[] = R"(
name: groups
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {x: number, y: number}
label: {field: good, type: boolean}
models:
  means: {type: kmeans, features: [x, y], clusters: 3, seed_buffer: 100}
  flow: {type: clustream, features: [x, y], clusters: 3, micro_clusters: 30}
  dense: {type: denstream, features: [x, y], radius: 0.5}
  shared: {type: dbstream, features: [x, y]}
  by_place: {type: logistic_regression, features: [y], distances_of: flow, min_labels: 20}
  by_distance: {type: hoeffding_tree, features: [y], distances_of: shared, min_labels: 20}
sinks: {predictions: predictions.csv}
)";

/// Three groups; what is good lies in none of them.
std::string Log(int rows) {
  std::string out = "id,time,x,y,good\n";
  CounterRandom random(4, 4);
  for (int i = 0; i < rows; ++i) {
    const bool odd = i % 10 == 9;
    const double centre = 10.0 * static_cast<double>(random.Below(3)) + (odd ? 5 : 0);
    out += "r" + std::to_string(i) + "," + std::to_string(1000 + i) + "," +
           std::to_string(centre + 0.4 * random.Normal()) + "," +
           std::to_string(0.4 * random.Normal()) + (odd ? ",true\n" : ",false\n");
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
    EXPECT_GT(Value(row.values, "silhouette"), 0.5);
    EXPECT_GT(Value(row.values, "inertia"), 0);
    EXPECT_LT(Value(row.values, "inertia"), 10);
    EXPECT_GT(Value(row.values, "davies_bouldin"), 0);
    EXPECT_GT(Value(row.values, "calinski_harabasz"), 100);
    EXPECT_EQ(row.summary.at(0), (std::pair<std::string, std::string>("records", "6000")));
  }
  EXPECT_EQ(Value(report.clusters.at(0).values, "clusters"), 3);
  EXPECT_EQ(Value(report.clusters.at(1).values, "clusters"), 3);
  // y says nothing; what lies between the groups is a tenth of all.
  EXPECT_GT(Value(report.rows.at(0).window, "roc_auc"), 0.9);
}

TEST(ClustersOfAPipeline, GoOnAfterSavingAsIfNothingHadHappened) {
  ExpectGoesOn(Parse(kYaml), Log(3000), 1700);
}

TEST(ClustersOfAPipeline, NeedNoLabelToBeMeasured) {
  const Config config = Parse(R"(
name: groups
source: {file: log.csv}
record: {id: id, time: {field: time, format: epoch_s}, fields: {x: number, y: number}}
models:
  means: {type: kmeans, features: [x, y], clusters: 3, seed_buffer: 100}
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

}  // namespace
}  // namespace leat
