/// The quality of clusters, by hand, and the sample that it is taken over.
#include "evaluation/cluster_quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace leat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(ClusterQuality, IsAsWorkedByHand) {
  const std::vector<double> points = {0, 4, 1, 6};
  const std::vector<size_t> clusters = {0, 7, 0, 7};
  const ClusterQuality q = MeasureClusters(points, 1, clusters);
  EXPECT_EQ(q.clusters, 2u);
  // Centres 0.5 and 5, scatters 0.5 and 1.
  EXPECT_NEAR(q.davies_bouldin, 1.5 / 4.5, 1e-12);
  EXPECT_NEAR(q.calinski_harabasz, 20.25 / (2.5 / 2), 1e-12);
  EXPECT_NEAR(q.silhouette, (4.0 / 5 + 3.0 / 4 + 1.5 / 3.5 + 3.5 / 5.5) / 4, 1e-12);
}

TEST(ClusterQuality, APointAloneHasASilhouetteOfNought) {
  const std::vector<double> points = {0, 1, 4};
  const ClusterQuality q = MeasureClusters(points, 1, std::vector<size_t>{0, 0, 1});
  EXPECT_NEAR(q.silhouette, (3.0 / 4 + 2.0 / 3) / 3, 1e-12);
}

TEST(ClusterQuality, LeavesMissingCoordinatesOut) {
  // Nobody has the second coordinate: all distances grow alike, and no figure changes.
  const std::vector<double> points = {0, kNaN, 1, kNaN, 4, kNaN, 6, kNaN};
  const std::vector<double> one = {0, 1, 4, 6};
  const std::vector<size_t> clusters = {0, 0, 1, 1};
  const ClusterQuality two = MeasureClusters(points, 2, clusters);
  const ClusterQuality same = MeasureClusters(one, 1, clusters);
  EXPECT_NEAR(two.silhouette, same.silhouette, 1e-12);
  EXPECT_NEAR(two.davies_bouldin, same.davies_bouldin, 1e-12);
  EXPECT_NEAR(two.calinski_harabasz, same.calinski_harabasz, 1e-9);
}

TEST(ClusterQuality, IsUndefinedWithoutTwoClustersAndMorePoints) {
  const std::vector<double> points = {0, 1, 2};
  for (const auto& clusters : {std::vector<size_t>{3, 3, 3}, std::vector<size_t>{0, 1, 2}}) {
    const ClusterQuality q = MeasureClusters(points, 1, clusters);
    EXPECT_TRUE(std::isnan(q.silhouette));
    EXPECT_TRUE(std::isnan(q.davies_bouldin));
    EXPECT_TRUE(std::isnan(q.calinski_harabasz));
  }
  EXPECT_EQ(MeasureClusters({}, 1, {}).clusters, 0u);
  // Two clusters at one place.
  const ClusterQuality q =
      MeasureClusters(std::vector<double>{1, 1, 1}, 1, std::vector<size_t>{0, 0, 1});
  EXPECT_TRUE(std::isnan(q.davies_bouldin));
  EXPECT_TRUE(std::isnan(q.calinski_harabasz));
}

TEST(ClusterSample, HoldsEverythingWhileThereIsLittle) {
  ClusterSample sample(2, 50'000, 1);
  for (int i = 0; i < 511; ++i) {
    sample.Add(std::vector<double>{1.0 * i, 0}, i < 10 ? kNaN : 2.0 * i);
  }
  ASSERT_EQ(sample.size(), 511u);
  EXPECT_EQ(sample.Points()[2 * 500], 500);
  EXPECT_DOUBLE_EQ(sample.Inertia(), 520);  // The mean of 20, 22, ..., 1020.
  EXPECT_DOUBLE_EQ(sample.WindowInertia(), 520);
}

TEST(ClusterSample, IsSpreadOverTheLastRecordsAndBounded) {
  ClusterSample sample(1, 4096, 1);
  const size_t bytes = sample.MemoryBytes();
  for (int i = 0; i < 100'000; ++i) sample.Add(std::vector<double>{1.0 * i}, 1.0 * i);
  EXPECT_EQ(sample.size(), 512u);
  EXPECT_EQ(sample.MemoryBytes(), bytes);
  const std::vector<double> points = sample.Points();
  for (size_t i = 0; i < points.size(); ++i) {
    // One of each run of eight, oldest first.
    EXPECT_LT(std::fabs(points[i] - (100'000 - 4096 + 8 * static_cast<double>(i))), 16) << i;
    if (i > 0) {
      EXPECT_GT(points[i], points[i - 1]);
    }
  }
  EXPECT_NEAR(sample.Inertia(), 49'999.5, 1e-6);
  EXPECT_NEAR(sample.WindowInertia(), 100'000 - 2048, 16);
}

TEST(ClusterSample, PassesOverWhatHasNoValue) {
  ClusterSample sample(2, 1000, 1);
  sample.Add(std::vector<double>{kNaN, kNaN}, 0);
  EXPECT_EQ(sample.size(), 0u);
  EXPECT_TRUE(std::isnan(sample.Inertia()));
  EXPECT_TRUE(std::isnan(sample.WindowInertia()));
}

TEST(ClusterSample, ContinuesBitEqualAfterLoading) {
  for (const int cut : {0, 1, 512, 700, 9000}) {
    ClusterSample whole(1, 4096, 3);
    int i = 0;
    for (; i < cut; ++i) whole.Add(std::vector<double>{0.1 * i}, 0.3 * i);
    StateWriter out;
    whole.Save(out);
    ClusterSample loaded(1, 4096, 3);
    StateReader in(out.bytes());
    ASSERT_TRUE(loaded.Load(in).ok());
    EXPECT_TRUE(in.AtEnd());
    EXPECT_EQ(std::isnan(loaded.WindowInertia()), cut == 0);
    for (; i < cut + 5000; ++i) {
      whole.Add(std::vector<double>{0.1 * i}, 0.3 * i);
      loaded.Add(std::vector<double>{0.1 * i}, 0.3 * i);
    }
    StateWriter a, b;
    whole.Save(a);
    loaded.Save(b);
    EXPECT_EQ(a.bytes(), b.bytes()) << cut;
    EXPECT_EQ(loaded.WindowInertia(), whole.WindowInertia());
    StateReader less(std::string_view(out.bytes()).substr(0, out.bytes().size() - 1));
    EXPECT_EQ(loaded.Load(less).code(), StatusCode::kCorrupt);
  }
}

}  // namespace
}  // namespace leat
