// How often methods that may be watched are wrong when they are, and what naive ones do.
//
// LEAT_REPLICATIONS=20000 for the full gate (its figures are in docs/experiments.md); seeded. First
// the functions by themselves: a replication is an A/A of a share of 0.1 with 10,000 units an arm
// that enter one by one, looked at after every 50 units an arm from 100 on. Then whole experiments
// of each method, as a pipeline has them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "base/random.h"
#include "experiments/aggregate.h"
#include "experiments/decisions.h"
#include "experiments/experiment.h"
#include "experiments/sequential.h"

namespace leat::experiments {
namespace {

int64_t Replications(int64_t unless_said = 400) {
  const char* const asked = std::getenv("LEAT_REPLICATIONS");
  return asked != nullptr ? std::atoll(asked) : unless_said;
}

struct Tally {
  bool watchable;
  int64_t wrong = 0;
};

void Report(const std::map<std::string, Tally>& tallies, int64_t replications) {
  const double n = static_cast<double>(replications);
  const double bound = 0.05 + 3 * std::sqrt(0.05 * 0.95 / n);
  printf("ever rejected in %lld replications (bound %.4f):\n", static_cast<long long>(replications),
         bound);
  for (const auto& [name, tally] : tallies) {
    const double rate = static_cast<double>(tally.wrong) / n;
    printf("  %-44s %.4f %s\n", name.c_str(), rate, tally.watchable ? "" : "(not to be watched)");
    if (tally.watchable) {
      EXPECT_LE(rate, bound) << name;
    }
  }
}

TEST(MonteCarlo, WatchedContinuouslyAnAaIsRarelyRejected) {
  const int64_t replications = Replications();
  constexpr int kUnits = 10'000, kLook = 50;
  constexpr double kRate = 0.1;
  const double threshold = std::log(1 / 0.05);
  const Mixture bernoulli(MixtureKind::kBetaBinomialTwoSided, 1000 * kRate * (1 - kRate), 0.05, 1,
                          kRate, 1 - kRate);
  const std::vector<double> shares = {0.2, 0.4, 0.6, 0.8, 1.0};
  const auto boundaries = GroupSequential(shares, 0.05, 2, Spending::kObrienFleming);
  std::map<std::string, Tally> tallies = {{"asymptotic sequence, planned 20,000", {true}},
                                          {"asymptotic sequence, planned 5,000", {true}},
                                          {"guardrail, one-sided", {true}},
                                          {"mSPRT, fixed tau", {true}},
                                          {"beta-binomial sequence of a rate", {true}},
                                          {"gamma-exponential effect, bounded outcomes", {true}},
                                          {"betting mean, bounded outcomes", {true}},
                                          {"betting, two arms", {true}},
                                          {"betting, guardrail", {true}},
                                          {"anytime-valid t", {true}},
                                          {"sample ratio, sequential", {true}},
                                          {"group sequential, five looks", {true}},
                                          {"z test, peeked at", {false}},
                                          {"chi-squared sample ratio, peeked at", {false}}};
  for (int64_t r = 0; r < replications; ++r) {
    CounterRandom random(2026, 1, static_cast<uint64_t>(r) << 32);
    std::map<std::string, bool> wrong;
    double x[2] = {}, arms[2] = {};
    BoundedEffect bounded({.propensity = 0.5, .lo = 0, .hi = 1, .v_opt = 1000, .alpha = 0.05});
    BettingMean betting(0.05), bets[2] = {BettingMean(0.025), BettingMean(0.025)};
    size_t look = 0;
    for (int unit = 1; unit <= kUnits; ++unit) {
      for (int arm = 0; arm < 2; ++arm) {
        // The first arm is treated when the bit says so: a fair coin for the bounded effect.
        const uint64_t bits = random.Next();
        const double y = static_cast<double>(bits >> 11) * 0x1.0p-53 < kRate ? 1 : 0;
        x[arm] += y;
        bounded.Add((bits & 1) != 0, y);
        arms[bits >> 1 & 1] += 1;
        if (arm == 0) betting.Add(y);
        bets[arm].Add(y);
      }
      if (unit < 100 || unit % kLook != 0) continue;
      const double n = unit;
      const Effect effect = AbsoluteEffect(ProportionArm(n, x[0]), ProportionArm(n, x[1]));
      const auto mark = [&](const char* name, bool rejected) {
        if (rejected) wrong[name] = true;
      };
      mark("asymptotic sequence, planned 20,000",
           AsymptoticSequence(effect, {0.05, 20'000, Alternative::kTwoSided}).p <= 0.05);
      mark("asymptotic sequence, planned 5,000",
           AsymptoticSequence(effect, {0.05, 5'000, Alternative::kTwoSided}).p <= 0.05);
      mark("guardrail, one-sided",
           AsymptoticSequence(effect, {0.05, 20'000, Alternative::kGreater}).p <= 0.05);
      const double pooled = (x[0] + x[1]) / (2 * n);
      mark("mSPRT, fixed tau",
           MixtureSequence({effect.estimate, std::sqrt(2 * pooled * (1 - pooled) / n)}, 1e-4, 0.05,
                           Alternative::kTwoSided)
                   .p <= 0.05);
      mark("beta-binomial sequence of a rate",
           bernoulli.LogE(x[0] - n * kRate, n * kRate * (1 - kRate)) >= threshold);
      mark("anytime-valid t",
           AnytimeTSequence(effect, 2, {0.05, 20'000, Alternative::kTwoSided}).p <= 0.05);
      const double above = bets[1].LogEAbove(bets[0], 1), below = bets[1].LogEBelow(bets[0], 1);
      mark("betting, two arms", std::exp(above) + std::exp(below) >= 2 * 20);
      mark("betting, guardrail", above >= threshold);
      const Interval mean = betting.interval();
      mark("betting mean, bounded outcomes", mean.lo > kRate || mean.hi < kRate);
      if (unit % (kLook * 4) == 0) {
        mark("gamma-exponential effect, bounded outcomes", bounded.p() <= 0.05);
      }
      const std::vector<double> weights = {1, 1}, counts = {arms[0], arms[1]};
      mark("sample ratio, sequential", SrmLogE(counts, weights) >= threshold);
      mark("chi-squared sample ratio, peeked at", SrmChiSquared(counts, weights) <= 0.05);
      const double z = std::abs(effect.estimate) / effect.standard_error;
      mark("z test, peeked at", z > 1.959964);
      if (unit == static_cast<int>(shares[std::min(look, shares.size() - 1)] * kUnits)) {
        mark("group sequential, five looks", z >= boundaries[look].z);
        ++look;
      }
    }
    for (const auto& [name, rejected] : wrong) ++tallies.at(name).wrong;
  }
  Report(tallies, replications);
  EXPECT_GT(static_cast<double>(tallies.at("z test, peeked at").wrong),
            0.2 * static_cast<double>(replications))
      << "a test that is peeked at is wrong often: else this gate measures nothing";
}

/// What an A/A experiment ever says while it is looked at after every 50 units.
struct Said {
  bool significant = false, breach = false, mismatch = false;
};

Said WatchAnAa(const ExperimentOptions& options, uint64_t replication, int64_t units) {
  constexpr double kRate = 0.2;
  auto made = Experiment::Create(options);
  EXPECT_TRUE(made.ok()) << made.status().message();
  Experiment& e = **made;
  CounterRandom random(2026, 11, replication << 32);
  Said said;
  for (int64_t i = 0; i < units; ++i) {
    const EventTime now{(i + 1) * kSecond};
    e.Advance(now);
    if (i % 50 == 49) {
      const LookResult look = e.Look(now);
      said.mismatch = said.mismatch || look.mismatch;
      for (const Comparison& c : look.comparisons) {
        said.significant = said.significant || c.significant;
        said.breach = said.breach || c.guard_p <= options.alpha;
      }
    }
    const auto key = static_cast<uint64_t>(i + 1);
    e.Expose(std::to_string(i), key, now, 0, {});
    for (size_t m = 0; m < options.metrics.size(); ++m) {
      if (random.Uniform() < kRate) e.Outcome(key, m, 1, 0, now, 0);
    }
  }
  return said;
}

TEST(MonteCarlo, AnExperimentOfAnyMethodSeldomSaysWhatIsNotSo) {
  const int64_t replications = Replications(150);
  const auto run = [](const std::string& name, ExperimentOptions options, bool guarded,
                      int64_t times) {
    options.planned = 1000;
    options.effect_sd = 0.2;
    options.mismatch_alpha = 0.05;
    Tally significant{true}, breach{true}, mismatch{true};
    for (int64_t r = 0; r < times; ++r) {
      options.assignment.salt = std::to_string(r);
      const Said said = WatchAnAa(options, static_cast<uint64_t>(r), 2000);
      significant.wrong += said.significant;
      breach.wrong += said.breach;
      mismatch.wrong += said.mismatch;
    }
    printf("%s:\n", name.c_str());
    std::map<std::string, Tally> said = {{"finds something", significant},
                                         {"sample ratio", mismatch}};
    if (guarded) said.emplace("guardrail", breach);
    Report(said, times);
  };
  AnalysedMetric metric;
  metric.data = {.name = "done", .kind = MetricKind::kProportion, .window = kSecond};
  metric.role = Role::kPrimary;
  for (size_t m = 0; m < MethodNames().size(); ++m) {
    ExperimentOptions options;
    options.name = "aa";
    options.assignment.variants = {{"control", 1}, {"treatment", 1}};
    options.method = static_cast<Method>(m);
    options.metrics = {metric};
    const bool guarded = options.method != Method::kEmpiricalBernstein;
    if (guarded) {
      options.metrics.push_back(metric);
      options.metrics[1].data.name = "harm";
      options.metrics[1].role = Role::kGuardrail;
      options.metrics[1].up_is_good = false;
    }
    // Integrals, made anew for each experiment or look.
    const bool slow =
        options.method == Method::kGroupSequential || options.method == Method::kBayes;
    run(std::string(MethodNames()[m]), options, guarded,
        slow ? std::max<int64_t>(20, replications / 20) : replications);
  }
  ExperimentOptions options;
  options.name = "many";
  options.assignment.variants = {{"control", 1}, {"a", 1}, {"b", 1}, {"c", 1}};
  options.metrics = {metric, metric};
  options.metrics[1].data.name = "more";
  run("six comparisons at once (Holm)", options, false, replications);
}

TEST(MonteCarlo, ARampSeldomGoesOnWhenTheHarmIsAsLargeAsTheMargin) {
  // A loss of exactly the margin: whatever is known to be less is known wrongly.
  const int64_t replications = Replications();
  constexpr double kRate = 0.2, kMargin = 0.25;
  int64_t gone_on = 0, rolled_back = 0;
  for (int64_t r = 0; r < replications; ++r) {
    ExperimentOptions options;
    options.name = "ramp";
    options.assignment.salt = "ramp" + std::to_string(r);
    options.assignment.variants = {{"control", 1}, {"treatment", 1}};
    options.planned = 2000;
    options.ramp = {{0.5, 1}, 100, 0, false};
    AnalysedMetric metric;
    metric.data = {.name = "errors", .kind = MetricKind::kProportion, .window = kSecond};
    metric.role = Role::kGuardrail;
    metric.up_is_good = false;
    metric.margin = kMargin;
    options.metrics = {metric};
    auto made = Experiment::Create(options);
    ASSERT_TRUE(made.ok()) << made.status().message();
    Experiment& e = **made;
    CounterRandom random(2026, 9, static_cast<uint64_t>(r) << 32);
    for (int64_t i = 0; i < 6000 && e.decided().empty(); ++i) {
      const EventTime now{(i + 1) * kSecond};
      e.Advance(now);
      if (i % 50 == 49) e.Look(now);
      const std::string unit = std::to_string(i);
      const auto exposed = e.Expose(unit, static_cast<uint64_t>(i + 1), now, 0, {});
      if (!exposed.counted) continue;
      const double rate = exposed.assignment.variant == 0 ? kRate : kRate * (1 + kMargin);
      if (random.Uniform() < rate) e.Outcome(static_cast<uint64_t>(i + 1), 0, 1, 0, now, 0);
    }
    for (const Decision& d : e.decided()) {
      gone_on += d.kind == "ramp_advance";
      rolled_back += d.kind == "ramp_rollback";
    }
  }
  const double n = static_cast<double>(replications);
  const double bound = 0.05 + 3 * std::sqrt(0.05 * 0.95 / n);
  printf("a ramp whose harm is its margin: went on %.4f, was taken back %.4f (bound %.4f)\n",
         static_cast<double>(gone_on) / n, static_cast<double>(rolled_back) / n, bound);
  EXPECT_LE(static_cast<double>(gone_on) / n, bound);
  EXPECT_LE(static_cast<double>(rolled_back) / n, bound);
}

TEST(MonteCarlo, EventsOfOneUnitAreNoIndependentUnits) {
  const int64_t replications = std::min<int64_t>(Replications(), 2000);
  int64_t event_level = 0, unit_level = 0, ratio_level = 0;
  for (int64_t r = 0; r < replications; ++r) {
    CounterRandom random(2026, 2, static_cast<uint64_t>(r) << 32);
    MeanSums events[2];
    Aggregate units[2];
    for (int arm = 0; arm < 2; ++arm) {
      for (int unit = 0; unit < 200; ++unit) {
        const double taste = random.Normal();
        const uint64_t n = 1 + random.Poisson(19);
        double sum = 0;
        for (uint64_t k = 0; k < n; ++k) {
          const double y = taste + random.Normal();
          events[arm].n += 1;
          events[arm].sum += y;
          events[arm].sum_squares += y * y;
          sum += y;
        }
        units[arm].Add({ToFixed(sum), ToFixed(static_cast<double>(n)), 0, 0});
      }
    }
    const auto rejects = [](const Arm& a, const Arm& b) {
      return FixedHorizon(AbsoluteEffect(a, b), 0.05).p <= 0.05;
    };
    event_level += rejects(MeanArm(events[0]), MeanArm(events[1]));
    unit_level += rejects(MeanArm(units[0].Mean()), MeanArm(units[1].Mean()));
    ratio_level += rejects(RatioArm(units[0].Ratio()), RatioArm(units[1].Ratio()));
  }
  const double n = static_cast<double>(replications);
  printf("one look, A/A: event-level t %.3f, unit-level t %.3f, ratio by the delta method %.3f\n",
         static_cast<double>(event_level) / n, static_cast<double>(unit_level) / n,
         static_cast<double>(ratio_level) / n);
  const double bound = 0.05 + 4 * std::sqrt(0.05 * 0.95 / n);
  EXPECT_LE(static_cast<double>(unit_level) / n, bound);
  EXPECT_LE(static_cast<double>(ratio_level) / n, bound);
  EXPECT_GT(static_cast<double>(event_level) / n, 0.3);
}

TEST(MonteCarlo, CupedTakesTheVarianceThatTheCorrelationAllows) {
  for (const double rho : {0.3, 0.6, 0.9}) {
    CounterRandom random(2026, 3);
    Aggregate arms[2];
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    constexpr int kUnits = 20'000;
    for (int i = 0; i < 2 * kUnits; ++i) {
      const double x = random.Normal();
      const double y = 5 + rho * x + std::sqrt(1 - rho * rho) * random.Normal();
      arms[i % 2].Add({ToFixed(y), 0, ToFixed(x), 0});
      sx += x, sy += y, sxx += x * x, syy += y * y, sxy += x * y;
    }
    const double n = 2 * kUnits;
    const double c = sxy - sx * sy / n;
    const double correlation2 = c * c / ((sxx - sx * sx / n) * (syy - sy * sy / n));
    const CupedArms cuped = Cuped(arms[0].CupedMean(), arms[1].CupedMean());
    const double kept = (cuped.control.variance + cuped.treatment.variance) /
                        (MeanArm(arms[0].Mean()).variance + MeanArm(arms[1].Mean()).variance);
    EXPECT_NEAR(kept / (1 - correlation2), 1, 0.02) << rho;
  }
}

}  // namespace
}  // namespace leat::experiments
