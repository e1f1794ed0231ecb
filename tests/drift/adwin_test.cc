#include "drift/adwin.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <vector>

#include "drift/drift_test_util.h"

namespace leat {
namespace {

std::unique_ptr<DriftDetector> Make(const AdwinOptions& options = {}) {
  auto made = MakeAdwin(options);
  EXPECT_TRUE(made.ok());
  return std::move(made).value();
}

/// The definition without any shortcut: lists of buckets, every split tested in full.
class PlainAdwin {
 public:
  explicit PlainAdwin(const AdwinOptions& options) : o_(options) {}

  bool Update(double x) {
    if (restart_) *this = PlainAdwin(o_);
    width_ += 1;
    if (width_ > 1) {
      const double d = x - total_ / (width_ - 1);
      v_ += (width_ - 1) * d * d / width_;
    }
    total_ += x;
    if (rows_.empty()) rows_.emplace_back();
    rows_[0].push_back({x, 0});
    double s = 1;
    for (size_t r = 0; rows_[r].size() > static_cast<size_t>(o_.max_buckets); ++r, s *= 2) {
      if (r + 1 == rows_.size()) rows_.emplace_back();
      const Bucket a = rows_[r][0], b = rows_[r][1];
      rows_[r].erase(rows_[r].begin(), rows_[r].begin() + 2);
      const double d = a.t / s - b.t / s;
      rows_[r + 1].push_back({a.t + b.t, a.v + b.v + s * s * d * d / (2 * s)});
    }
    if (++n_ % o_.clock != 0 || width_ <= static_cast<double>(o_.grace)) return false;
    bool change = false;
    while (Cut()) {
      change = true;
      DropOldest();
    }
    restart_ = change && o_.reset_on_detection;
    return change;
  }

  double width() const { return width_; }

 private:
  struct Bucket {
    double t, v;
  };

  bool Cut() const {
    const double dd = std::log(2 * std::log(width_) / o_.delta);
    const double shortest = static_cast<double>(o_.min_window_length);
    const double needed = o_.reset_on_detection ? shortest : shortest + 2;
    double n0 = 0, u0 = 0, n1 = width_, u1 = total_;
    for (size_t r = rows_.size(); r-- > 0;) {
      for (const Bucket& bucket : rows_[r]) {
        const double s = std::pow(2.0, static_cast<double>(r));
        n0 += s, n1 -= s, u0 += bucket.t, u1 -= bucket.t;
        if (n0 < needed || n1 < needed) continue;
        const double m = 1 / (n0 - shortest + 1) + 1 / (n1 - shortest + 1);
        const double eps = std::sqrt(2 * m * (v_ / width_) * dd) + 2.0 / 3.0 * dd * m;
        if (std::abs(u0 / n0 - u1 / n1) > eps) return true;
      }
    }
    return false;
  }

  void DropOldest() {
    const double s = std::pow(2.0, static_cast<double>(rows_.size() - 1));
    const Bucket bucket = rows_.back().front();
    rows_.back().pop_front();
    if (rows_.back().empty()) rows_.pop_back();
    width_ -= s;
    total_ -= bucket.t;
    const double d = bucket.t / s - total_ / width_;
    v_ -= bucket.v + s * width_ * d * d / (s + width_);
  }

  AdwinOptions o_;
  std::vector<std::deque<Bucket>> rows_;
  double width_ = 0, total_ = 0, v_ = 0;
  int64_t n_ = 0;
  bool restart_ = false;
};

void ExpectSameAsPlain(const AdwinOptions& options, const std::vector<double>& values,
                       size_t at_least) {
  Adwin fast(options);
  PlainAdwin plain(options);
  size_t detections = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool change = plain.Update(values[i]);
    ASSERT_EQ(fast.Update(values[i]), change) << "item " << i;
    ASSERT_EQ(static_cast<double>(fast.width()), plain.width()) << "item " << i;
    detections += change ? 1 : 0;
  }
  EXPECT_GE(detections, at_least);
}

TEST(Adwin, DismissesOnlySplitsThatTheFullTestWouldDismiss) {
  for (const double delta : {0.3, 0.002}) {
    for (const int64_t clock : {1, 32}) {
      for (const bool reset : {false, true}) {
        AdwinOptions options;
        options.delta = delta;
        options.clock = clock;
        options.reset_on_detection = reset;
        ExpectSameAsPlain(options, BitStream(1, 3000, 1500, 0.1, 0.4), 1);
        ExpectSameAsPlain(options, RealStream(2, 3000, 1500, 0, 1), 1);
        ExpectSameAsPlain(options, RealStream(3, 3000, 1500, 1e6, 1e6 + 1), 1);
        ExpectSameAsPlain(options, std::vector<double>(500, 0.1), 0);
      }
    }
  }
}

TEST(Adwin, KeepsSumsOfItsWindow) {
  Adwin adwin({});
  for (const double x : {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0}) EXPECT_FALSE(adwin.Update(x));
  EXPECT_EQ(adwin.width(), 7);
  EXPECT_EQ(adwin.total(), 28);
  EXPECT_EQ(adwin.mean(), 4);
  EXPECT_NEAR(adwin.m2(), 28, 1e-12);  // 9 + 4 + 1 + 0 + 1 + 4 + 9
  EXPECT_NEAR(adwin.variance(), 4, 1e-12);
}

TEST(Adwin, CutsAtTheFirstTestThatCanSeeAPerfectStep) {
  // 32 zeros pass the first test. At the second, 32 zeros face 32 ones: V/W = 1/4,
  // dd = ln(2 ln 64 / 0.002) = 8.33; at that split m = 2/28, eps = 0.545 + 0.397 < 1. The oldest
  // bucket of 8 goes; 24 zeros against 32 ones have eps = 0.588 + 0.475 > 1 and stay.
  auto adwin = Make();
  std::vector<double> values(32, 0.0);
  values.insert(values.end(), 32, 1.0);
  EXPECT_EQ(Detections(*adwin, values), std::vector<size_t>{63});
  const DriftDetector::Evidence evidence = adwin->evidence();
  EXPECT_NEAR(evidence.statistic, 1, 1e-12);
  EXPECT_NEAR(evidence.threshold, 0.942, 0.001);
  EXPECT_EQ(evidence.mean_before, 0);
  EXPECT_NEAR(evidence.mean_after, 32.0 / 56, 1e-12);
}

TEST(Adwin, SidesNeedTheirMinimumOfValues) {
  // Eight zeros and a thousand: V/W = 98,765, dd = ln(2 ln 9 / 0.9) = 1.586. With one value on the
  // right the difference is 1000 and eps 595, with two 500 and 449, with three 333 and 397.
  AdwinOptions options;
  options.delta = 0.9;
  options.clock = 1;
  options.grace = 0;
  options.min_window_length = 1;
  options.max_buckets = 10;
  std::vector<double> values(8, 0.0);
  values.push_back(1000);
  auto keeps = Make(options);
  EXPECT_TRUE(Detections(*keeps, values).empty());  // Needs three values on a side.
  options.reset_on_detection = true;
  auto restarts = Make(options);
  EXPECT_EQ(Detections(*restarts, values), std::vector<size_t>{8});  // Needs one.
  options.min_window_length = 2;  // m = 1/(2 - 2 + 1) + 1/(7 - 2 + 1): eps is 605 > 500.
  auto longer = Make(options);
  EXPECT_TRUE(Detections(*longer, values).empty());
}

TEST(Adwin, TestsOnlyAtTheClock) {
  AdwinOptions options;
  options.clock = 50;
  auto adwin = Make(options);
  for (const size_t i : Detections(*adwin, BitStream(4, 5000, 2500, 0.05, 0.6))) {
    EXPECT_EQ((i + 1) % 50, 0u);
  }
}

TEST(Adwin, ReportsRisesAndFalls) {
  auto up = Make(), down = Make();
  EXPECT_FALSE(Detections(*up, BitStream(5, 4000, 2000, 0.1, 0.5)).empty());
  EXPECT_FALSE(Detections(*down, BitStream(5, 4000, 2000, 0.5, 0.1)).empty());
}

TEST(Adwin, RisesOnlyKeepsQuietAboutAFallButForgetsThePast) {
  AdwinOptions options;
  options.rises_only = true;
  Adwin adwin(options);
  for (const double x : BitStream(5, 4000, 2000, 0.5, 0.1)) EXPECT_FALSE(adwin.Update(x));
  EXPECT_LT(adwin.width(), 2500);
  EXPECT_LT(adwin.mean(), 0.2);
  auto up = Make(options);
  EXPECT_FALSE(Detections(*up, BitStream(5, 4000, 2000, 0.1, 0.5)).empty());
}

TEST(Adwin, ResetOnDetectionReportsOnceAndStartsEmpty) {
  AdwinOptions options;
  options.reset_on_detection = true;
  Adwin adwin(options);
  const std::vector<double> values = BitStream(6, 4000, 2000, 0.1, 0.5);
  std::vector<size_t> found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (adwin.Update(values[i])) found.push_back(i);
  }
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(static_cast<size_t>(adwin.width()), values.size() - 1 - found[0]);
}

TEST(Adwin, RaisesNoAlarmOnAHundredThousandSteadyBits) {
  auto adwin = Make();
  EXPECT_TRUE(Detections(*adwin, BitStream(7, 100'000, 100'000, 0.15, 0.15)).empty());
}

TEST(Adwin, IgnoresValuesItCannotSum) {
  Adwin with({}), without({});
  const std::vector<double> values = RealStream(8, 1000, 500, 0, 1);
  const double inf = std::numeric_limits<double>::infinity();
  for (const double x : values) {
    for (const double bad : {std::nan(""), inf, -inf, 1e101, -1e300})
      EXPECT_FALSE(with.Update(bad));
    EXPECT_EQ(with.Update(x), without.Update(x));
  }
  StateWriter a, b;
  with.Save(a);
  without.Save(b);
  EXPECT_EQ(a.bytes(), b.bytes());
}

TEST(Adwin, StaysFiniteForTheLargestValues) {
  Adwin adwin({});
  for (int i = 0; i < 5000; ++i) adwin.Update(i % 2 == 0 ? 1e100 : -1e100);
  EXPECT_TRUE(std::isfinite(adwin.total()));
  EXPECT_TRUE(std::isfinite(adwin.m2()));
}

TEST(Adwin, MemoryGrowsWithTheLogarithmOfTheWindow) {
  AdwinOptions options;
  Adwin adwin(options);
  size_t doublings = 0;
  for (int64_t n = 1; n <= 2'000'000; ++n) {
    adwin.Update(0.5);
    while ((int64_t{1} << doublings) < n) ++doublings;
    if (n % 10'000 != 0) continue;
    ASSERT_EQ(adwin.width(), n);
    // A ring has 8 slots of 16 bytes; a vector that grows doubles; at least 8 rows are reserved.
    const size_t rows = std::max<size_t>(8, doublings);
    ASSERT_LE(adwin.MemoryBytes(), sizeof(Adwin) + 2 * rows * (8 * 16 + 8));
  }
  EXPECT_LE(adwin.MemoryBytes(), 8192u);
}

TEST(Adwin, ResumesBitForBit) {
  for (const bool reset : {false, true}) {
    AdwinOptions options;
    options.reset_on_detection = reset;
    const std::vector<double> values = RealStream(9, 3000, 1000, 0, 2);
    for (const size_t cut : {0u, 1u, 31u, 32u, 999u, 1023u, 1024u, 1055u, 1056u, 2000u}) {
      ExpectResumes(*Make(options), values, cut);
    }
    // Right after a detection, when a restart may be due.
    auto probe = Make(options);
    const std::vector<size_t> found = Detections(*probe, values);
    ASSERT_FALSE(found.empty());
    ExpectResumes(*Make(options), values, found[0] + 1);
  }
}

TEST(Adwin, WeighsTheSameWhenItIsLoaded) {
  Adwin window((AdwinOptions()));
  const auto loaded_bytes = [&] {
    StateWriter out;
    window.Save(out);
    StateReader in(out.bytes());
    Adwin loaded((AdwinOptions()));
    EXPECT_TRUE(loaded.Load(in).ok());
    return loaded.MemoryBytes();
  };
  for (int i = 0; i < 20'000; ++i) window.Update(i % 2);
  const size_t before = window.MemoryBytes();
  EXPECT_EQ(loaded_bytes(), before);
  int changes = 0;
  for (int i = 0; i < 200; ++i) changes += window.Update(100 + i % 2) ? 1 : 0;
  ASSERT_GT(changes, 0);
  EXPECT_LT(window.MemoryBytes(), before);
  EXPECT_EQ(loaded_bytes(), window.MemoryBytes());
}

TEST(Adwin, RefusesStateThatIsCutShort) {
  auto adwin = Make();
  for (const double x : RealStream(10, 200, 200, 0, 0)) adwin->Update(x);
  ExpectRefusesTruncation(*adwin);
}

TEST(Adwin, RefusesStateWithMoreBucketsThanItsOptionsAllow) {
  AdwinOptions wide;
  wide.max_buckets = 9;
  auto adwin = Make(wide);
  for (int i = 0; i < 9; ++i) adwin->Update(i);
  const std::string bytes = Saved(*adwin);
  StateReader in(bytes);
  EXPECT_EQ(Make()->Load(in).code(), StatusCode::kCorrupt);
}

TEST(Adwin, ResetForgetsEverything) {
  auto used = Make();
  for (const double x : RealStream(11, 500, 250, 0, 3)) used->Update(x);
  used->Reset();
  EXPECT_EQ(Saved(*used), Saved(*Make()));
}

TEST(Adwin, RefusesOptionsOutOfRange) {
  const auto refuses = [](auto change) {
    AdwinOptions options;
    change(options);
    return MakeAdwin(options).status().code() == StatusCode::kInvalid;
  };
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.delta = 0; }));
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.delta = 1; }));
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.delta = std::nan(""); }));
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.clock = 0; }));
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.max_buckets = 1; }));
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.min_window_length = 0; }));
  EXPECT_TRUE(refuses([](AdwinOptions& o) { o.grace = -1; }));
  EXPECT_FALSE(refuses([](AdwinOptions&) {}));
}

}  // namespace
}  // namespace leat
