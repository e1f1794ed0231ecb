#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "drift/drift_test_util.h"

namespace leat {
namespace {

std::unique_ptr<DriftDetector> Make(const DdmOptions& options = {}) {
  auto made = MakeDdm(options);
  EXPECT_TRUE(made.ok());
  return std::move(made).value();
}

TEST(Ddm, FollowsTheArithmeticOfASmallStream) {
  // warm_start 2. Items 1 0 0 0: p = 1/4, s = sqrt(3)/8; level 0.4665 is the lowest so far.
  // Then 1: p = 2/5, s = sqrt(0.24/5) = 0.2191; level 0.6191. Bound for a warning with 0.5
  // deviations: 0.25 + 0.5 * 0.2165 = 0.3583; for a drift with 2: 0.6830.
  DdmOptions options;
  options.warm_start = 2;
  options.warning_threshold = 0.5;
  options.drift_threshold = 2;
  auto ddm = Make(options);
  EXPECT_EQ(ddm->Update(1), DriftState::kStable);
  EXPECT_EQ(ddm->Update(0), DriftState::kStable);
  ddm->Update(0);
  ddm->Update(0);
  EXPECT_EQ(ddm->Update(1), DriftState::kWarning);
  const DriftDetector::Evidence evidence = ddm->evidence();
  EXPECT_NEAR(evidence.statistic, 0.4 + std::sqrt(0.24 / 5), 1e-12);
  EXPECT_NEAR(evidence.threshold, 0.25 + 2 * std::sqrt(0.1875 / 4), 1e-12);
  EXPECT_NEAR(evidence.mean_before, 0.25, 1e-12);
  EXPECT_NEAR(evidence.mean_after, 0.4, 1e-12);
  // Again 1: p = 1/2, s = sqrt(0.25/6) = 0.2041; level 0.7041 > 0.6830.
  EXPECT_EQ(ddm->Update(1), DriftState::kDrift);
}

TEST(Ddm, VariantsDifferByOneItemAtTheStart) {
  // A warm-up without errors, then one: the minimum is (0, 0), so the first tested error drifts.
  for (const int errors_from : {2, 3, 4, 5}) {
    DdmOptions options;
    options.warm_start = 3;
    auto river = Make(options);
    options.variant = DdmVariant::kMoa;
    auto moa = Make(options);
    std::vector<double> values(10, 0.0);
    values[static_cast<size_t>(errors_from)] = 1;
    const auto river_found = Detections(*river, values);
    const auto moa_found = Detections(*moa, values);
    // River keeps minima from the fourth item on (index 3), MOA from the second (index 1) and can
    // report from the third (index 2) on.
    EXPECT_EQ(river_found.empty(), errors_from < 4) << errors_from;
    EXPECT_EQ(moa_found.empty(), errors_from < 2) << errors_from;
  }
}

TEST(Ddm, ReportsARiseAfterAWarning) {
  auto ddm = Make();
  const std::vector<double> values = BitStream(21, 4000, 2000, 0.2, 0.6);
  bool warned = false;
  for (size_t i = 0; i < values.size(); ++i) {
    const DriftState state = ddm->Update(values[i]);
    warned |= i >= 2000 && state == DriftState::kWarning;
    if (i >= 2000 && state == DriftState::kDrift) {
      EXPECT_TRUE(warned);
      EXPECT_LT(i, 2300u);
      return;
    }
  }
  FAIL() << "the change was not found";
}

TEST(Ddm, KeepsQuietAboutAFall) {
  auto ddm = Make();
  std::vector<double> values(3000, 0.0);
  for (size_t i = 0; i < 1000; ++i) values[i] = i % 2 == 0;  // Exactly half, then none.
  EXPECT_TRUE(Detections(*ddm, values).empty());
}

TEST(Ddm, StartsAgainAfterADrift) {
  auto ddm = Make();
  std::vector<double> values = BitStream(22, 3000, 1000, 0.1, 0.7);
  const std::vector<size_t> found = Detections(*ddm, values);
  ASSERT_FALSE(found.empty());
  auto fresh = Make();
  for (size_t i = found.back() + 1; i < values.size(); ++i) fresh->Update(values[i]);
  EXPECT_EQ(Saved(*ddm), Saved(*fresh));
}

TEST(Ddm, IgnoresWhatIsNoErrorRate) {
  auto with = Make(), without = Make();
  for (const double x : BitStream(23, 500, 250, 0.1, 0.5)) {
    const double inf = std::numeric_limits<double>::infinity();
    for (const double bad : {std::nan(""), inf, -inf, -0.1, 1.1}) {
      EXPECT_EQ(with->Update(bad), DriftState::kStable);
    }
    EXPECT_EQ(with->Update(x), without->Update(x));
  }
  EXPECT_EQ(Saved(*with), Saved(*without));
}

TEST(Ddm, SurvivesALongRunOfErrors) {
  auto ddm = Make();
  for (int i = 0; i < 100'000; ++i) EXPECT_NE(ddm->Update(1), DriftState::kDrift);
  EXPECT_EQ(ddm->evidence().mean_after, 1);
}

TEST(Ddm, ResumesBitForBit) {
  const std::vector<double> values = BitStream(24, 3000, 1000, 0.1, 0.5);
  for (const DdmVariant variant : {DdmVariant::kRiver, DdmVariant::kMoa}) {
    DdmOptions options;
    options.variant = variant;
    auto probe = Make(options);
    const std::vector<size_t> found = Detections(*probe, values);
    ASSERT_FALSE(found.empty());
    for (const size_t cut :
         {size_t{0}, size_t{1}, size_t{30}, size_t{31}, size_t{1500}, found[0] + 1}) {
      ExpectResumes(*Make(options), values, cut);
    }
  }
}

TEST(Ddm, RefusesStateThatIsCutShort) {
  auto ddm = Make();
  for (const double x : BitStream(25, 100, 100, 0.2, 0.2)) ddm->Update(x);
  ExpectRefusesTruncation(*ddm);
}

TEST(Ddm, RefusesOptionsOutOfRange) {
  DdmOptions options;
  options.warm_start = 0;
  EXPECT_EQ(MakeDdm(options).status().code(), StatusCode::kInvalid);
  options = {};
  options.drift_threshold = 0;
  EXPECT_EQ(MakeDdm(options).status().code(), StatusCode::kInvalid);
  options = {};
  options.warning_threshold = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(MakeDdm(options).status().code(), StatusCode::kInvalid);
}

}  // namespace
}  // namespace leat
