#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/random.h"
#include "models/linear/kernels.h"
#include "models/linear/memory_rules.h"
#include "models/linear/row.h"

namespace leat::linear {
namespace {

#if defined(__x86_64__)

std::vector<double> Numbers(size_t n, CounterRandom& random, double zeros, bool positive = false) {
  std::vector<double> numbers(n);
  for (double& x : numbers) {
    x = random.Uniform() < zeros
            ? 0.0
            : random.Normal() * std::exp2(static_cast<double>(random.Below(40)) - 20.0);
    if (positive) x = std::fabs(x);
  }
  return numbers;
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<uint64_t>(a[i]) != std::bit_cast<uint64_t>(b[i])) return false;
  }
  return true;
}

Pace SomePace(CounterRandom& random, bool l2) {
  Pace pace;
  pace.rate = 0.1;
  pace.l1 = 0.3;
  pace.l2 = l2 ? 0.01 : 0.0;
  pace.shrink = 1 - pace.rate * pace.l2;
  pace.inverse_alpha = 10;
  pace.ridge = 10.01;
  pace.gradient = random.Normal();
  pace.step = pace.rate * pace.gradient;
  pace.keep = 0.9;
  pace.take = 1 - pace.keep;
  pace.keep2 = 0.999;
  pace.take2 = 1 - pace.keep2;
  pace.epsilon = 1e-8;
  pace.unbias = 3.7;
  pace.unbias2 = 300.1;
  pace.corrected = pace.rate * 0.21;
  return pace;
}

/// What a processor with AVX2 computes, against what one without computes.
class WideKernels : public testing::Test {
 protected:
  void SetUp() override {
    if (!kWideRegisters) GTEST_SKIP() << "no AVX2 here";
  }
  CounterRandom random_{7, 7};

  template <typename Rule>
  void StepsAgree() {
    constexpr size_t kWidth = 1 + Rule::kState;
    for (size_t n = 0; n < 70; ++n) {
      const std::vector<double> x = Numbers(n, random_, n % 2 ? 0.8 : 0.1);
      std::vector<double> narrow = Numbers(kWidth * n, random_, 0.2, true), wide = narrow;
      const Pace pace = SomePace(random_, n % 3 == 0);
      StepDenseWith<Rule, PairedQuad>(x.data(), narrow.data(), n, pace);
      avx2::StepDense<Rule>(x.data(), wide.data(), n, pace);
      ASSERT_TRUE(SameBits(narrow, wide)) << n;
    }
  }
  template <typename Rule>
  void SparseStepsAgree() {
    constexpr size_t kWidth = 1 + Rule::kState, kSize = 60;
    std::vector<double> narrow = Numbers(kWidth * kSize, random_, 0.2, true), wide = narrow;
    for (size_t round = 0; round < 300; ++round) {
      std::vector<SparseEntry> entries(round % 23);
      for (SparseEntry& entry : entries) {
        entry.index = static_cast<uint32_t>(random_.Below(kSize + 1));  // the last is out of range
        entry.value = static_cast<float>(random_.Normal());
        if (random_.Below(20) == 0) entry.value = std::numeric_limits<float>::infinity();
        if (random_.Below(20) == 0) entry.value = std::numeric_limits<float>::quiet_NaN();
      }
      const Pace pace = SomePace(random_, round % 2 == 0);
      StepSparseWith<Rule, PairedQuad>(entries, narrow.data(), kSize, pace);
      avx2::StepSparse<Rule>(entries, wide.data(), kSize, pace);
      ASSERT_TRUE(SameBits(narrow, wide)) << round;
    }
  }
};

TEST_F(WideKernels, MarginsHaveTheSameBits) {
  for (size_t n = 0; n < 70; ++n) {
    for (int round = 0; round < 20; ++round) {
      const std::vector<double> w = Numbers(n, random_, 0.1);
      std::vector<double> x = Numbers(n, random_, 0.1);
      if (n > 0 && round == 19) x[n / 2] = std::numeric_limits<double>::infinity();
      double narrow_top = 0, wide_top = 0;
      const double offset = random_.Normal();
      const std::vector<double> narrow{
          DotWith<PairedQuad, Probe::kNone>(w.data(), x.data(), n, offset, nullptr),
          DotWith<PairedQuad, Probe::kLargest>(w.data(), x.data(), n, offset, &narrow_top),
          narrow_top};
      const std::vector<double> wide{avx2::Dot(w.data(), x.data(), n, offset),
                                     avx2::DotAndLargest(w.data(), x.data(), n, offset, &wide_top),
                                     wide_top};
      ASSERT_TRUE(SameBits(narrow, wide)) << n;
    }
  }
}

TEST_F(WideKernels, DenseStepsHaveTheSameBits) {
  StepsAgree<SgdRule>();
  StepsAgree<AdaGradRule>();
  StepsAgree<FtrlRule>();
  StepsAgree<MomentumRule>();
  StepsAgree<NesterovRule>();
  StepsAgree<RmsPropRule>();
  StepsAgree<AdaDeltaRule>();
  StepsAgree<AdamRule>();
  StepsAgree<AmsGradRule>();
  StepsAgree<AdaMaxRule>();
  StepsAgree<NadamRule>();
  StepsAgree<FtrlDelayedRule>();
  StepsAgree<PassiveAggressiveRule>();
}

TEST_F(WideKernels, SparseStepsHaveTheSameBits) {
  SparseStepsAgree<AdaGradRule>();
  SparseStepsAgree<FtrlRule>();
}

#endif

}  // namespace
}  // namespace leat::linear
