/// What all detectors have in common, over the registry; and what each finds, by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "drift/drift_test_util.h"
#include "drift/registry.h"

namespace leat {
namespace {

std::unique_ptr<DriftDetector> Default(const std::string& type) {
  auto made = NewDetectorFactory(type)->Make();
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

template <typename Made>
std::unique_ptr<DriftDetector> Take(Made made) {
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

std::vector<std::string> Types() {
  std::vector<std::string> names;
  for (const std::string_view type : DetectorTypes()) names.emplace_back(type);
  return names;
}

class EveryDetector : public testing::TestWithParam<std::string> {};

TEST_P(EveryDetector, ResumesBitForBit) {
  const std::vector<double> values = BitStream(41, 4000, 2000, 0.1, 0.5);
  const auto probe = Default(GetParam());
  const std::vector<size_t> found = Detections(*probe, values);
  ASSERT_FALSE(found.empty());
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{29}, size_t{130}, size_t{1999}, found[0],
                           found[0] + 1, found.back() + 1}) {
    ExpectResumes(*Default(GetParam()), values, cut);
  }
}

TEST_P(EveryDetector, RefusesStateThatIsCutShort) {
  auto detector = Default(GetParam());
  for (const double x : BitStream(42, 150, 75, 0.2, 0.6)) detector->Update(x);
  ExpectRefusesTruncation(*detector);
}

TEST_P(EveryDetector, RefusesTheStateOfAnother) {
  for (const std::string& other : Types()) {
    if (other == GetParam()) continue;
    StateWriter out;
    Default(other)->Save(out);
    StateReader in(out.bytes());
    EXPECT_FALSE(Default(GetParam())->Load(in).ok()) << other;
  }
}

TEST_P(EveryDetector, IgnoresWhatIsNoNumber) {
  auto with = Default(GetParam()), without = Default(GetParam());
  const double inf = std::numeric_limits<double>::infinity();
  for (const double x : BitStream(43, 600, 300, 0.1, 0.6)) {
    for (const double bad : {std::nan(""), inf, -inf, 1e200}) {
      EXPECT_EQ(with->Update(bad), DriftState::kStable);
    }
    EXPECT_EQ(with->Update(x), without->Update(x));
  }
  EXPECT_EQ(Saved(*with), Saved(*without));
}

TEST_P(EveryDetector, SurvivesStreamsOfOneValue) {
  for (const double x : {0.0, 1.0}) {
    auto detector = Default(GetParam());
    for (int i = 0; i < 5000; ++i) detector->Update(x);
    const auto evidence = detector->evidence();
    EXPECT_FALSE(std::isinf(evidence.statistic));
    auto loaded = detector->Fresh();
    const std::string bytes = Saved(*detector);
    StateReader in(bytes);
    EXPECT_TRUE(loaded->Load(in).ok()) << in.status().message();
  }
}

TEST_P(EveryDetector, SaysWhatMemoryItHoldsAndStopsGrowing) {
  auto detector = Default(GetParam());
  CounterRandom random(44, 1);
  for (int i = 0; i < 200'000; ++i) detector->Update(random.Uniform() < 0.2);
  EXPECT_GE(detector->MemoryBytes(), 40u);
  EXPECT_LE(detector->MemoryBytes(), 40'000u);
}

TEST_P(EveryDetector, StartsFromScratchWhenReset) {
  auto detector = Default(GetParam());
  for (const double x : BitStream(45, 500, 250, 0.2, 0.6)) detector->Update(x);
  detector->Reset();
  EXPECT_EQ(Saved(*detector), Saved(*Default(GetParam())));
}

TEST_P(EveryDetector, SaysWhatADetectionStandsOn) {
  auto detector = Default(GetParam());
  size_t found = 0;
  for (const double x : BitStream(46, 4000, 2000, 0.1, 0.5)) {
    if (detector->Update(x) != DriftState::kDrift) continue;
    ++found;
    const auto evidence = detector->evidence();
    EXPECT_TRUE(std::isfinite(evidence.statistic)) << evidence.statistic;
    EXPECT_GT(evidence.threshold, 0);
  }
  EXPECT_GT(found, 0u);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryDetector, testing::ValuesIn(Types()),
                         [](const auto& item) { return item.param; });

TEST(Cusum, ReportsARiseAndNoFall) {
  const auto rise = RealStream(51, 4000, 2000, 0, 1), fall = RealStream(51, 4000, 2000, 0, -1);
  CusumOptions options;
  options.delta = 0.25;  // Noise alone stays below the threshold.
  auto detector = Take(MakeCusum(options));
  const auto found = Detections(*detector, rise);
  ASSERT_FALSE(found.empty());
  EXPECT_GE(found.front(), 2000u);
  EXPECT_LT(found.front(), 2150u);
  EXPECT_TRUE(Detections(*detector->Fresh(), fall).empty());
}

TEST(PageHinkley, ModesChooseTheDirection) {
  const auto rise = RealStream(52, 4000, 2000, 0, 1), fall = RealStream(52, 4000, 2000, 0, -1);
  PageHinkleyOptions options;
  options.delta = 0.25;  // Noise alone stays below the threshold.
  const auto finds = [&](PageHinkleyMode mode, const std::vector<double>& values) {
    options.mode = mode;
    return !Detections(*Take(MakePageHinkley(options)), values).empty();
  };
  EXPECT_TRUE(finds(PageHinkleyMode::kUp, rise));
  EXPECT_FALSE(finds(PageHinkleyMode::kUp, fall));
  EXPECT_TRUE(finds(PageHinkleyMode::kDown, fall));
  EXPECT_FALSE(finds(PageHinkleyMode::kDown, rise));
  EXPECT_TRUE(finds(PageHinkleyMode::kBoth, rise));
  EXPECT_TRUE(finds(PageHinkleyMode::kBoth, fall));
}

TEST(HddmA, TwoSidedReportsAFall) {
  const auto fall = BitStream(53, 4000, 2000, 0.5, 0.1);
  HddmAOptions options;
  EXPECT_TRUE(Detections(*Take(MakeHddmA(options)), fall).empty());
  options.two_sided = true;
  EXPECT_FALSE(Detections(*Take(MakeHddmA(options)), fall).empty());
}

/// At each detection: what was compared is beyond its threshold; at the first one after the change
/// the mean went that way.
void ExpectEvidence(DriftDetector& detector, const std::vector<double>& values, double sign) {
  bool found = false;
  for (size_t i = 0; i < values.size(); ++i) {
    if (detector.Update(values[i]) != DriftState::kDrift) continue;
    const auto evidence = detector.evidence();
    EXPECT_GT(evidence.threshold, 0);
    EXPECT_GE(evidence.statistic, evidence.threshold);
    if (i < 2000 || std::exchange(found, true)) continue;
    EXPECT_GT(sign * (evidence.mean_after - evidence.mean_before), 0);
  }
  EXPECT_TRUE(found);
}

TEST(Hddm, ADetectionCarriesWhatWasComparedOnItsSide) {
  const auto rise = BitStream(62, 4000, 2000, 0.1, 0.5), fall = BitStream(63, 4000, 2000, 0.5, 0.1);
  for (const HddmVariant variant : {HddmVariant::kRiver, HddmVariant::kMoa}) {
    for (const bool two_sided : {false, true}) {
      HddmAOptions a;
      a.variant = variant;
      a.two_sided = two_sided;
      HddmWOptions w;
      w.variant = variant;
      w.two_sided = two_sided;
      ExpectEvidence(*Take(MakeHddmA(a)), rise, 1);
      ExpectEvidence(*Take(MakeHddmW(w)), rise, 1);
      if (!two_sided || variant == HddmVariant::kMoa) continue;
      ExpectEvidence(*Take(MakeHddmA(a)), fall, -1);
      ExpectEvidence(*Take(MakeHddmW(w)), fall, -1);
    }
  }
}

TEST(HddmW, TwoInstancesDoNotDisturbEachOther) {
  const auto values = BitStream(54, 4000, 2000, 0.1, 0.5);
  auto alone = Take(MakeHddmW({})), beside = alone->Fresh(), other = alone->Fresh();
  for (const double x : values) {
    other->Update(1 - x);
    ASSERT_EQ(alone->Update(x), beside->Update(x));
  }
}

TEST(Fhddm, FallsMeansTheReverse) {
  auto values = BitStream(55, 2000, 1000, 0.1, 0.7);
  FhddmOptions options;
  const auto rises = Detections(*Take(MakeFhddm(options)), values);
  ASSERT_FALSE(rises.empty());
  for (double& x : values) x = 1 - x;
  options.falls = true;
  EXPECT_EQ(Detections(*Take(MakeFhddm(options)), values), rises);
}

TEST(Kswin, FindsAChangeOfSpreadAlone) {
  auto values = RealStream(56, 2000, 2000, 0, 0);
  for (size_t i = 1000; i < values.size(); ++i) values[i] *= 20;
  KswinOptions options;
  options.alpha = 1e-3;
  options.window = 200;
  options.recent = 60;
  const auto found = Detections(*Take(MakeKswin(options)), values);
  ASSERT_FALSE(found.empty());
  EXPECT_GE(found.front(), 1000u);
  EXPECT_LT(found.front(), 1100u);
}

TEST(Kswin, SeedsDrawDifferently) {
  const auto values = RealStream(57, 20'000, 20'000, 0, 0);
  KswinOptions one, two;
  two.seed = 2;
  EXPECT_NE(Detections(*Take(MakeKswin(one)), values), Detections(*Take(MakeKswin(two)), values));
}

TEST(Stepd, ComparesTheRecentWithAllBefore) {
  // 600 values, every twentieth wrong: 28 or 29 of 570, and 1 or 2 of the recent 30. Further
  // errors raise the recent rate; p falls below 0.003 at about 6 of 30.
  auto detector = Take(MakeStepd({}));
  for (int i = 1; i <= 600; ++i) EXPECT_NE(detector->Update(i % 20 == 0), DriftState::kDrift);
  int needed = 1;
  while (detector->Update(1) != DriftState::kDrift) ASSERT_LT(++needed, 10);
  EXPECT_LE(needed, 7);
  EXPECT_GE(needed, 3);
}

TEST(Stepd, TakesNoErrorsAtAllForAChangeAsPublished) {
  auto detector = Take(MakeStepd({}));
  const std::vector<double> zeros(130, 0.0);
  EXPECT_EQ(Detections(*detector, zeros), (std::vector<size_t>{59, 119}));
}

TEST(Stepd, TakesErrorsAloneForAChangeAsWell) {
  auto detector = Take(MakeStepd({}));
  const std::vector<double> ones(130, 1.0);
  EXPECT_EQ(Detections(*detector, ones), (std::vector<size_t>{59, 119}));
}

TEST(Seed, MergesBlocksThatAreAlikeAndStaysWithinItsBlocks) {
  SeedOptions options;
  options.max_blocks = 20;
  options.epsilon = 0;  // Nothing is alike.
  auto detector = Take(MakeSeed(options));
  for (const double x : BitStream(58, 100'000, 100'000, 0.2, 0.2)) detector->Update(x);
  EXPECT_LT(detector->MemoryBytes(), 2'000u);
  // And still finds a change.
  bool found = false;
  for (const double x : BitStream(59, 2000, 0, 0.2, 0.6)) {
    found |= detector->Update(x) == DriftState::kDrift;
  }
  EXPECT_TRUE(found);
}

TEST(EwmaChart, WarnsBeforeItReports) {
  auto detector = Take(MakeEwmaChart({}));
  const auto values = BitStream(60, 4000, 2000, 0.05, 0.6);
  bool warned = false, found = false;
  for (size_t i = 0; i < values.size() && !found; ++i) {
    const DriftState state = detector->Update(values[i]);
    if (i < 2000) continue;
    warned |= state == DriftState::kWarning;
    found = state == DriftState::kDrift;
    if (found) {
      EXPECT_LT(i, 2050u);
    }
  }
  EXPECT_TRUE(warned);
  EXPECT_TRUE(found);
}

TEST(Rddm, TurnsALongWarningIntoADrift) {
  // A slight rise that stays in the warning zone: RDDM reports once it has lasted long enough.
  RddmOptions options;
  options.drift_level = 100;
  options.warning_limit = 50;
  auto detector = Take(MakeRddm(options));
  EXPECT_FALSE(Detections(*detector, BitStream(61, 4000, 2000, 0.1, 0.4)).empty());
}

TEST(Rddm, RefusesAWarningThatBeganAtNoneOfTheValuesKept) {
  for (const auto& [warning_at, sound] : {std::pair<int64_t, bool>{9, true}, {10, false}}) {
    StateWriter out;
    out.Section("rddm", 1);
    out.I64(200);
    for (const double v : {0.5, 0.1, 0.2, 0.1, 0.1}) out.F64(v);
    out.Array(std::vector<uint8_t>(7000));
    // Ten are kept; the next value begins with those since the warning.
    for (const int64_t v : {int64_t{0}, int64_t{10}, warning_at, int64_t{1}}) out.I64(v);
    for (const bool v : {true, false, false}) out.Bool(v);
    StateReader in(out.bytes());
    auto detector = Take(MakeRddm({}));
    EXPECT_EQ(detector->Load(in).ok(), sound) << in.status().message();
    detector->Update(1);
  }
}

TEST(Kswin, SoFewRecentValuesThatItCouldNeverReportAreRefused) {
  KswinOptions options;
  options.recent = 5;
  EXPECT_EQ(MakeKswin(options).status().code(), StatusCode::kInvalid);
  options.recent = 6;
  const auto found = Detections(*Take(MakeKswin(options)), RealStream(64, 2000, 1000, 0, 10));
  EXPECT_FALSE(found.empty());
  options.recent = 5;
  options.alpha = 0.01;
  EXPECT_TRUE(MakeKswin(options).ok());
}

TEST(Detectors, RefuseOptionsThatMakeNoSense) {
  KswinOptions kswin;
  kswin.recent = 60;
  EXPECT_EQ(MakeKswin(kswin).status().code(), StatusCode::kInvalid);
  FhddmOptions fhddm;
  fhddm.short_window = 200;
  EXPECT_EQ(MakeFhddm(fhddm).status().code(), StatusCode::kInvalid);
  EddmOptions eddm;
  eddm.beta = 0;
  EXPECT_EQ(MakeEddm(eddm).status().code(), StatusCode::kInvalid);
  HddmWOptions hddm;
  hddm.lambda = 1;
  EXPECT_EQ(MakeHddmW(hddm).status().code(), StatusCode::kInvalid);
}

}  // namespace
}  // namespace leat
