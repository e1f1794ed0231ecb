// What one experiment says and decides: methods, ramps of steps, and what it remembers of its
// looks.
#include "experiments/experiment.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/random.h"
#include "experiments/decisions.h"
#include "experiments/sequential.h"
#include "state/memory/memory_store.h"

namespace leat::experiments {
namespace {

using ::testing::HasSubstr;

AnalysedMetric Metric(std::string name, Role role = Role::kPrimary) {
  AnalysedMetric metric;
  metric.data.name = std::move(name);
  metric.data.kind = MetricKind::kProportion;
  metric.data.window = kMinute;
  metric.role = role;
  return metric;
}

ExperimentOptions Options(Method method) {
  ExperimentOptions options;
  options.name = "test";
  options.assignment.salt = "test";
  options.assignment.variants = {{"control", 1}, {"treatment", 1}};
  options.metrics = {Metric("done")};
  options.method = method;
  options.planned = 4000;
  options.effect_sd = 0.3;
  return options;
}

std::unique_ptr<Experiment> Make(const ExperimentOptions& options) {
  auto made = Experiment::Create(options);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

std::string Refusal(const ExperimentOptions& options) {
  const auto made = Experiment::Create(options);
  return made.ok() ? "" : std::string(made.status().message());
}

/// A unit a second; those of each arm do it at their arm's rate.
struct World {
  double control = 0.2, treatment = 0.2;
  uint64_t seed = 1;
  int64_t at = 0;

  static std::string Name(int64_t i) { return "u" + std::to_string(i); }
  void Run(Experiment& e, int64_t until, std::vector<LookResult>* looks = nullptr,
           int64_t every = 600) {
    for (; at < until; ++at) {
      const EventTime now{1'000'000'000'000'000 + at * kSecond};
      e.Advance(now);
      if (looks != nullptr && at % every == every - 1) looks->push_back(e.Look(now));
      const std::string unit = Name(at);
      const uint64_t key = Hash64(unit);
      const auto exposed = e.Expose(unit, key, now, 0, {});
      if (!exposed.counted) continue;
      CounterRandom random(seed, 7, static_cast<uint64_t>(at) << 8);
      const double rate = exposed.assignment.variant == 0 ? control : treatment;
      for (size_t m = 0; m < e.options().metrics.size(); ++m) {
        if (random.Uniform() < rate) e.Outcome(key, m, 1, 0, now, 0);
      }
    }
  }
};

/// A unit a second, whose totals are its arm's mean give or take 3.
struct Totals {
  double control = 0, treatment = 0;
  CounterRandom random{3, 3};
  int64_t at = 0;

  EventTime Now() const { return {1'000'000'000'000'000 + at * kSecond}; }
  void Run(Experiment& e, int64_t until, std::vector<LookResult>* looks = nullptr) {
    for (; at < until; ++at) {
      e.Advance(Now());
      if (looks != nullptr && at % 100 == 99) looks->push_back(e.Look(Now()));
      const std::string unit = World::Name(at);
      const auto exposed = e.Expose(unit, Hash64(unit), Now(), 0, {});
      if (!exposed.counted) continue;
      const double mean = exposed.assignment.variant == 0 ? control : treatment;
      for (size_t m = 0; m < e.options().metrics.size(); ++m) {
        e.Outcome(Hash64(unit), m, mean + (random.Uniform() < 0.5 ? -3 : 3), 0, Now(), 0);
      }
    }
  }
};

constexpr Method kWatched[] = {Method::kSequence, Method::kMsprt, Method::kAnytimeT,
                               Method::kBetting, Method::kEmpiricalBernstein};
constexpr Method kAtOneLook[] = {Method::kFixed, Method::kPooledZ, Method::kBayes};

TEST(ExperimentMethods, ThoseThatMayBeWatchedFindALargeEffectAndLeaveNoneAlone) {
  for (const Method method : kWatched) {
    for (const bool real : {true, false}) {
      const auto e = Make(Options(method));
      World world{0.2, real ? 0.4 : 0.2};
      std::vector<LookResult> looks;
      world.Run(*e, 8000, &looks);
      const Comparison& last = looks.back().comparisons.at(0);
      const std::string name(FactsOf(method).name);
      EXPECT_TRUE(last.withheld.empty()) << name << last.withheld;
      EXPECT_TRUE(last.watchable);
      EXPECT_EQ(last.running.p <= 0.05, real) << name << " p " << last.running.p;
      const double truth = !real ? 0 : last.relative ? 1 : 0.2;
      EXPECT_LE(last.sequence.interval.lo, truth) << name;
      EXPECT_GE(last.sequence.interval.hi, truth) << name;
      ASSERT_EQ(e->decided().size(), real ? 1u : 0u) << name;
      if (real) {
        EXPECT_EQ(e->decided()[0].kind, "ship") << name;
      }
      std::string json;
      AppendJson(*e, looks.back(), json);
      EXPECT_THAT(json, HasSubstr(std::string("\"method\":\"") +
                                  std::string(FactsOf(method).title) + "\",\"watchable\":true"));
    }
  }
}

TEST(ExperimentMethods, ThoseForOneLookSayNothingBeforeThePlannedUnitsAreIn) {
  for (const Method method : kAtOneLook) {
    const auto e = Make(Options(method));
    World world{0.2, 0.3};
    std::vector<LookResult> looks;
    world.Run(*e, 3600, &looks);
    EXPECT_TRUE(e->decided().empty()) << FactsOf(method).name;
    world.Run(*e, 5000, &looks);
    ASSERT_EQ(e->decided().size(), 1u) << FactsOf(method).name;
    EXPECT_EQ(e->decided()[0].kind, "ship");
    std::string json;
    AppendJson(*e, looks.back(), json);
    EXPECT_THAT(json, HasSubstr("\"watchable\":false"));
    EXPECT_EQ(looks.back().comparisons[0].beta, method == Method::kBayes);
  }
}

TEST(ExperimentMethods, ThoseForOneLookDecideOnceHoweverOftenTheyAreLookedAtAfterwards) {
  for (const Method method : kAtOneLook) {
    const auto e = Make(Options(method));
    World world{0.2, 0.2, 4};
    std::vector<LookResult> looks;
    world.Run(*e, 5000, &looks);
    const double then = looks.back().comparisons[0].decision_p;
    ASSERT_GT(then, 0.05) << FactsOf(method).name;
    ASSERT_LT(then, 1) << FactsOf(method).name;
    world.treatment = 0.6;  // What comes later was not part of the plan.
    world.Run(*e, 9000, &looks);
    EXPECT_LT(looks.back().comparisons[0].fixed.p, 1e-9);
    EXPECT_EQ(looks.back().comparisons[0].decision_p, then);
    EXPECT_FALSE(looks.back().comparisons[0].significant);
    EXPECT_TRUE(e->decided().empty()) << FactsOf(method).name;
  }
}

TEST(ExperimentMethods, APlannedLookThatComesLateIsOneLookAndNobodyNewIsNone) {
  ExperimentOptions options = Options(Method::kGroupSequential);
  options.looks = 5;
  const auto e = Make(options);
  World world{0.2, 0.22};
  world.Run(*e, 2000);  // Half of the units: two looks late.
  const EventTime now{1'000'000'000'000'000 + 2000 * kSecond};
  const double first = e->Look(now).comparisons[0].boundary_z;
  EXPECT_GT(first, 2);
  // It was time for the next one by its number, but there is nothing new to see.
  EXPECT_EQ(e->Look(now + kMinute / 4).comparisons[0].boundary_z, first);
  std::vector<LookResult> looks;
  world.Run(*e, 4200, &looks);
  const Comparison& last = looks.back().comparisons[0];
  EXPECT_GT(last.boundary_z, 1.959);
  EXPECT_LT(last.boundary_z, first);
}

TEST(ExperimentMethods, AGroupSequentialFindingIsAboutTheEffectThatWasFound) {
  ExperimentOptions options = Options(Method::kGroupSequential);
  options.looks = 4;
  const auto e = Make(options);
  World world{0.4, 0.2};
  std::vector<LookResult> looks;
  world.Run(*e, 1400, &looks, 100);  // It is worse, and that is known at the first look.
  ASSERT_TRUE(looks.back().comparisons[0].significant);
  const double p = looks.back().comparisons[0].decision_p;
  EXPECT_LT(p, 0.001);
  world.treatment = 0.48;  // It ends a little better: nothing was found about that.
  world.Run(*e, 8000, &looks, 100);
  EXPECT_GT(looks.back().comparisons[0].effect.estimate, 0);
  EXPECT_LT(looks.back().comparisons[0].decided_effect, 0);
  EXPECT_TRUE(e->decided().empty());
}

TEST(ExperimentMethods, WhatIsFoundAtALookIsAboutTheEffectOfThatLook) {
  for (const Method method : kWatched) {
    const auto e = Make(Options(method));
    World world{0.4, 0.15};
    std::vector<LookResult> looks;
    const auto now = [&]() -> const Comparison& { return looks.back().comparisons[0]; };
    world.Run(*e, 6000, &looks, 100);
    const std::string name(FactsOf(method).name);
    ASSERT_TRUE(now().significant) << name;
    world.treatment = 0.8;  // In all it ends where the control is, or a little above.
    while (!(now().effect.estimate > 0)) world.Run(*e, world.at + 100, &looks, 100);
    EXPECT_TRUE(now().significant) << name;
    EXPECT_LT(now().decided_effect, 0) << name;
    EXPECT_TRUE(e->decided().empty()) << name;
  }
}

TEST(ExperimentMethods, WhatWasFoundIsNotShippedOnceItLooksOtherwise) {
  ExperimentOptions options = Options(Method::kSequence);
  options.metrics.push_back(Metric("late", Role::kGuardrail));
  options.metrics[1].data.window = 5000 * kSecond;  // Until it is in, nothing is shipped.
  options.metrics[1].margin = 0.5;
  const auto e = Make(options);
  World world{0.4, 0.75};
  std::vector<LookResult> looks;
  world.Run(*e, 1400, &looks, 100);
  ASSERT_TRUE(looks.back().comparisons[0].significant);
  world.treatment = 0.2;
  world.Run(*e, 5700, &looks, 100);
  const std::vector<Comparison>& c = looks.back().comparisons;
  EXPECT_TRUE(c[0].significant);
  EXPECT_GT(c[0].decided_effect, 0);
  EXPECT_LT(c[0].effect.estimate, 0);
  EXPECT_LT(c[1].safe_p, 0.05);
  EXPECT_TRUE(e->decided().empty());
}

TEST(ExperimentMethods, PIsOfTheErrorThatThereIsWithoutAnEffect) {
  // A treatment that is far below the control by few units: the lift's own error is too small.
  const auto e = Make(Options(Method::kSequence));
  World{0.2, 0.06}.Run(*e, 400);
  const Comparison c = e->Peek(e->ledger().watermark()).comparisons[0];
  ASSERT_TRUE(c.withheld.empty()) << c.withheld;
  const Effect difference =
      AbsoluteEffect(ProportionArm(c.control_units, c.control_mean * c.control_units),
                     ProportionArm(c.units, c.mean * c.units));
  const double z = difference.estimate / difference.standard_error;
  EXPECT_LT(z, -2);
  EXPECT_NEAR(c.null.estimate / c.null.standard_error, z, 1e-9);
  EXPECT_LT(c.effect.estimate / c.effect.standard_error, z - 0.5);
  EXPECT_NEAR(c.fixed.p, FixedHorizon(difference, 0.05).p, 1e-12);
  EXPECT_EQ(c.sequence.interval.hi < 0, c.sequence.p <= 0.05) << "they agree about 0";
  EXPECT_NEAR(c.sequence.p, AsymptoticSequence(difference, {0.05, 4000, Alternative::kTwoSided}).p,
              1e-9);
}

TEST(LiftsWithin, AreThoseWhoseOwnTestDoesNotReject) {
  const Arm control = ProportionArm(900, 60), treatment = ProportionArm(1100, 110);
  for (const double reach : {1.96, 3.5}) {
    const Interval lifts = LiftsWithin(control, treatment, reach);
    for (const double end : {lifts.lo, lifts.hi}) {
      const Effect effect = RelativeEffectIf(control, treatment, end);
      EXPECT_NEAR(std::abs(effect.estimate - end) / effect.standard_error, reach, 1e-9);
    }
  }
  const FiellerResult fieller = Fieller(control, treatment, 0.05);
  const Interval same = LiftsWithin(control, treatment, 1.959963984540054);
  EXPECT_NEAR(same.lo, fieller.interval.lo, 1e-9);
  EXPECT_NEAR(same.hi, fieller.interval.hi, 1e-9);
  EXPECT_TRUE(std::isinf(LiftsWithin(ProportionArm(100, 2), treatment, 1.96).hi));
  // Adjusted: at no effect the error is that of the adjusted difference, over the control's mean.
  const CupedSums a{500, 1000, 2600, 950, 2300, 2250}, b{500, 1100, 3000, 1000, 2500, 2500};
  const CupedArms cuped = Cuped(a, b);
  ASSERT_NE(cuped.theta, 0);
  const Effect none = RelativeEffectIf(cuped.control, cuped.treatment, 0);
  const Effect difference = AbsoluteEffect(cuped.control, cuped.treatment);
  EXPECT_NEAR(none.estimate / none.standard_error, difference.estimate / difference.standard_error,
              1e-9);
  // And if it is what it seems, nearly the delta method's.
  const Effect delta = RelativeEffect(cuped.control, cuped.treatment);
  EXPECT_NEAR(RelativeEffectIf(cuped.control, cuped.treatment, delta.estimate).standard_error,
              delta.standard_error, 0.05 * delta.standard_error);
}

TEST(RelativeEffect, OfLossesIsThatOfGainsTheOtherWay) {
  const auto expect_mirrored = [](const Arm& a, const Arm& b, const Arm& loss_a,
                                  const Arm& loss_b) {
    const Effect gain = RelativeEffect(a, b), loss = RelativeEffect(loss_a, loss_b);
    EXPECT_GT(gain.estimate, 0);
    EXPECT_DOUBLE_EQ(loss.estimate, -gain.estimate);
    EXPECT_DOUBLE_EQ(loss.standard_error, gain.standard_error);
    for (const double lift : {-0.5, 0.0, 0.3}) {
      EXPECT_DOUBLE_EQ(RelativeEffectIf(loss_a, loss_b, -lift).standard_error,
                       RelativeEffectIf(a, b, lift).standard_error);
    }
    const Interval lifts = LiftsWithin(a, b, 2.5), mirrored = LiftsWithin(loss_a, loss_b, 2.5);
    EXPECT_DOUBLE_EQ(mirrored.lo, -lifts.hi);
    EXPECT_DOUBLE_EQ(mirrored.hi, -lifts.lo);
  };
  const Arm a = MeanArm({500, 1000, 2600}), b = MeanArm({500, 1100, 3000});
  const Arm loss_a = MeanArm({500, -1000, 2600}), loss_b = MeanArm({500, -1100, 3000});
  expect_mirrored(a, b, loss_a, loss_b);
  const Interval gain = Fieller(a, b, 0.05).interval, loss = Fieller(loss_a, loss_b, 0.05).interval;
  EXPECT_DOUBLE_EQ(loss.lo, -gain.hi);
  EXPECT_DOUBLE_EQ(loss.hi, -gain.lo);
  const CupedArms up =
      Cuped({500, 1000, 2600, 950, 2300, 2250}, {500, 1100, 3000, 1000, 2500, 2500});
  const CupedArms down =
      Cuped({500, -1000, 2600, 950, 2300, -2250}, {500, -1100, 3000, 1000, 2500, -2500});
  ASSERT_NE(up.theta, 0);
  expect_mirrored(up.control, up.treatment, down.control, down.treatment);
}

TEST(ExperimentMethods, WhereTheControlLosesALargerLossIsNoLift) {
  ExperimentOptions options = Options(Method::kSequence);
  options.metrics[0].data.kind = MetricKind::kSum;
  for (const double treatment : {-20.0, -5.0}) {
    const auto e = Make(options);
    std::vector<LookResult> looks;
    Totals{-10, treatment}.Run(*e, 1000, &looks);
    const Comparison& c = looks.back().comparisons[0];
    ASSERT_TRUE(c.withheld.empty()) << c.withheld;
    EXPECT_TRUE(c.relative);
    const double lift = (treatment + 10) / 10;
    EXPECT_NEAR(c.effect.estimate, lift, 0.1);
    EXPECT_LT(c.sequence.interval.lo, lift);
    EXPECT_GT(c.sequence.interval.hi, lift);
    EXPECT_EQ(c.sequence.interval.hi < 0, lift < 0);
    EXPECT_EQ(c.sequence.interval.lo > 0, lift > 0);
    EXPECT_EQ(e->decided().size(), lift > 0 ? 1u : 0u) << "a ship of the better one only";
  }
  options.metrics[0].role = Role::kGuardrail;
  options.metrics[0].margin = 0.2;
  for (const double treatment : {-20.0, -5.0}) {
    const auto e = Make(options);
    std::vector<LookResult> looks;
    Totals{-10, treatment}.Run(*e, 1000, &looks);
    EXPECT_EQ(looks.back().comparisons[0].safe_p <= 0.05, treatment > -10);
    ASSERT_EQ(e->decided().size(), treatment < -10 ? 1u : 0u);
    if (treatment < -10) {
      EXPECT_EQ(e->decided()[0].kind, "guardrail_breach");
    }
  }
}

TEST(GroupSequential, ItsPIsTheLevelWhoseBoundaryWasReached) {
  const std::vector<double> information = {0.3, 0.7, 1.0};
  for (const double alpha : {0.05, 0.02, 0.001}) {
    const double z = GroupSequential(information, alpha, 2, Spending::kObrienFleming).back().z;
    EXPECT_NEAR(GroupSequentialP(information, z, 0.05, 2, Spending::kObrienFleming) / alpha, 1,
                1e-4);
  }
  EXPECT_EQ(GroupSequentialP(information, 1.5, 0.05, 2, Spending::kObrienFleming), 1);
}

// ---- Several comparisons ----

TEST(ExperimentMultiple, WhatIsWithheldHasItsShareOfTheLevel) {
  ExperimentOptions options = Options(Method::kSequence);
  options.assignment.variants = {{"control", 10}, {"a", 10}, {"rare", 0.02}};
  options.metrics.push_back(Metric("harm", Role::kGuardrail));
  const auto e = Make(options);
  std::vector<LookResult> looks;
  World{0.2, 0.4}.Run(*e, 4000, &looks);
  const std::vector<Comparison>& c = looks.back().comparisons;
  ASSERT_TRUE(c[0].withheld.empty());
  ASSERT_FALSE(c[1].withheld.empty());
  EXPECT_DOUBLE_EQ(c[0].p_adjusted, 2 * c[0].decision_p);
  EXPECT_DOUBLE_EQ(c[0].p_discovery, 2 * c[0].decision_p);
  EXPECT_TRUE(c[0].significant);
  EXPECT_FALSE(c[1].significant);
}

TEST(ExperimentMultiple, TheWayThatIsAskedForDecides) {
  ExperimentOptions options = Options(Method::kSequence);
  for (const char* const name : {"b", "c", "d"}) options.metrics.push_back(Metric(name));
  std::map<Multiple, std::vector<bool>> found;
  for (const Multiple multiple : {Multiple::kHolm, Multiple::kBenjaminiHochberg, Multiple::kEBh}) {
    options.multiple = multiple;
    const auto e = Make(options);
    std::vector<LookResult> looks;
    World{0.2, 0.27}.Run(*e, 3000, &looks);
    const std::vector<Comparison>& c = looks.back().comparisons;
    std::vector<double> p;
    for (const Comparison& one : c) p.push_back(one.decision_p);
    const auto holm = Holm(p), discovery = BenjaminiHochberg(p);
    for (size_t i = 0; i < c.size(); ++i) {
      EXPECT_EQ(c[i].p_adjusted, holm[i]);
      EXPECT_EQ(c[i].p_discovery, discovery[i]);
      found[multiple].push_back(c[i].significant);
      const bool expected = multiple == Multiple::kHolm                ? holm[i] <= 0.05
                            : multiple == Multiple::kBenjaminiHochberg ? discovery[i] <= 0.05
                                                                       : c[i].e_rejected;
      EXPECT_EQ(c[i].significant, expected);
    }
    const auto kinds = e->decided();
    EXPECT_GE(kinds.size(), 1u);
  }
  options.multiple = Multiple::kEBh;
  options.metrics[2].method = Method::kFixed;
  EXPECT_THAT(Refusal(options), HasSubstr("no e-value"));
}

TEST(ExperimentMethods, AnUncertainControlHasFiellersIntervalOrNone) {
  // Outcomes around 0: nobody knows whether the control's mean is 0, and the lift is anything.
  for (const double mean : {0.0, 0.35}) {
    ExperimentOptions options = Options(Method::kFixed);
    options.metrics[0].data.kind = MetricKind::kSum;
    const auto e = Make(options);
    Totals{mean, mean}.Run(*e, 1000);
    const EventTime end{1'000'000'000'000'000 + 2000 * kSecond};
    e->Advance(end);
    const Comparison c = e->Peek(end).comparisons[0];
    ASSERT_TRUE(c.withheld.empty()) << c.withheld;
    EXPECT_TRUE(c.fieller) << mean;
    EXPECT_EQ(std::isfinite(c.fixed.interval.lo), mean > 0);
    if (mean > 0) {
      EXPECT_NE(c.effect.estimate - c.fixed.interval.lo, c.fixed.interval.hi - c.effect.estimate);
    }
  }
}

TEST(Experiment, ExposuresOutsideOfItsTimeAreCounted) {
  ExperimentOptions options = Options(Method::kSequence);
  options.starts = {10 * kSecond};
  options.ends = {20 * kSecond};
  const auto e = Make(options);
  for (int64_t s = 5; s < 25; ++s) {
    const std::string unit = World::Name(s);
    e->Expose(unit, Hash64(unit), {s * kSecond}, 0, {});
  }
  EXPECT_EQ(e->outside(), 10);
  EXPECT_EQ(e->ledger().account().exposures, 10);
  const std::string unit = "one more";
  EXPECT_LT(e->ExposeTo(unit, Hash64(unit), "control", {30 * kSecond}, 0, {}), 0);
  EXPECT_EQ(e->outside(), 11);
  std::string json;
  AppendJson(*e, e->Peek({30 * kSecond}), json);
  EXPECT_THAT(json, HasSubstr("\"outside\":11"));
}

TEST(ExperimentMethods, ASharesTestIsTheLibrarys) {
  const auto z = Make(Options(Method::kPooledZ));
  const auto bayes = Make(Options(Method::kBayes));
  World{0.2, 0.22}.Run(*z, 3000);
  World{0.2, 0.22}.Run(*bayes, 3000);
  const EventTime now = z->ledger().watermark();
  const Comparison pooled = z->Peek(now).comparisons[0];
  const double x0 = pooled.control_mean * pooled.control_units, x1 = pooled.mean * pooled.units;
  const ProportionTest test = TwoProportionZ(pooled.control_units, x0, pooled.units, x1, 0.05);
  EXPECT_DOUBLE_EQ(pooled.fixed.p, test.p);
  // The lift's interval knows that the control's share is uncertain, too.
  const Arm control = ProportionArm(pooled.control_units, x0);
  const Arm treatment = ProportionArm(pooled.units, x1);
  EXPECT_DOUBLE_EQ(pooled.fixed.interval.lo,
                   FixedHorizon(RelativeEffect(control, treatment), 0.05).interval.lo);
  EXPECT_NE(pooled.fixed.interval.lo, test.relative_interval.lo);
  const Comparison posterior = bayes->Peek(now).comparisons[0];
  EXPECT_DOUBLE_EQ(
      posterior.posterior.chance_to_win,
      BetaChance({1 + x0, 1 + pooled.control_units - x0}, {1 + x1, 1 + pooled.units - x1}));
}

TEST(ExperimentMethods, ThePosteriorWinsByWhatIsBetter) {
  for (const Method method : {Method::kBayes, Method::kSequence}) {  // Of shares, and a normal one.
    Comparison c[2];
    std::string kinds[2];
    for (const bool up : {false, true}) {
      ExperimentOptions options = Options(method);
      options.metrics[0].up_is_good = up;
      const auto e = Make(options);
      std::vector<LookResult> looks;
      World{0.3, 0.2}.Run(*e, 5000, &looks);
      c[up] = looks.back().comparisons[0];
      for (const Decision& d : e->decided()) kinds[up] += d.kind;
    }
    EXPECT_EQ(c[0].beta, method == Method::kBayes);
    EXPECT_GT(c[0].posterior.chance_to_win, 0.99);
    EXPECT_NEAR(c[0].posterior.chance_to_win + c[1].posterior.chance_to_win, 1, 1e-12);
    EXPECT_LT(c[0].posterior.loss_if_ship, c[0].posterior.loss_if_keep);
    EXPECT_EQ(c[0].posterior.loss_if_ship, c[1].posterior.loss_if_keep);
    EXPECT_EQ(c[0].posterior.loss_if_keep, c[1].posterior.loss_if_ship);
    EXPECT_EQ(kinds[0], "ship");
    EXPECT_EQ(kinds[1], "");
  }
}

TEST(ExperimentMethods, ACapByPercentileIsOneWhateverItsValue) {
  ExperimentOptions options = Options(Method::kSequence);
  options.metrics[0].data.kind = MetricKind::kSum;
  options.metrics[0].cap_percentile = 0.4;
  {
    const auto e = Make(options);  // A fifth of the units have something.
    std::vector<LookResult> looks;
    World{}.Run(*e, 2000, &looks);
    EXPECT_EQ(looks.back().comparisons[0].mean, 0);
    EXPECT_EQ(looks.back().comparisons[0].withheld, "an arm does not vary under the cap of 0");
  }
  {
    const auto e = Make(options);  // Totals of -5 and 1: the cap is one of the losses.
    std::vector<LookResult> looks;
    Totals{-2, -2}.Run(*e, 2000, &looks);
    EXPECT_NEAR(looks.back().comparisons[0].mean, -5, 0.1);
  }
}

TEST(ExperimentMethods, WhatAMethodNeedsIsAskedFor) {
  ExperimentOptions options = Options(Method::kBetting);
  options.metrics[0].data.kind = MetricKind::kSum;
  EXPECT_THAT(Refusal(options), HasSubstr("is not bounded"));
  options.metrics[0].data.cap = 100;
  EXPECT_EQ(Refusal(options), "");
  options.metrics[0].data.window = 0;
  EXPECT_THAT(Refusal(options), HasSubstr("no `window`"));
  options.metrics[0].data.window = kMinute;
  options.metrics[0].data.cuped = true;
  EXPECT_THAT(Refusal(options), HasSubstr("does not go with"));
  options.metrics[0].method = Method::kSequence;  // A method of its own.
  EXPECT_EQ(Refusal(options), "");
  options = Options(Method::kPooledZ);
  options.metrics[0].data.kind = MetricKind::kSum;
  EXPECT_THAT(Refusal(options), HasSubstr("is no proportion"));
  options = Options(Method::kMsprt);
  options.effect_sd = 0;
  EXPECT_THAT(Refusal(options), HasSubstr("effect_sd"));
  options = Options(Method::kEmpiricalBernstein);
  options.metrics[0].role = Role::kGuardrail;
  EXPECT_THAT(Refusal(options), HasSubstr("margin is relative"));
}

TEST(ExperimentMethods, AGuardrailThatCouldNeverActIsRefused) {
  ExperimentOptions options = Options(Method::kSequence);
  options.metrics.push_back(Metric("slow", Role::kGuardrail));
  options.metrics[1].data.kind = MetricKind::kSum;
  EXPECT_EQ(Refusal(options), "");
  options.metrics[1].quantile = 0.95;
  EXPECT_THAT(Refusal(options), HasSubstr("no quantile"));
  options.metrics[1].role = Role::kSecondary;
  EXPECT_EQ(Refusal(options), "");
  options.metrics[1] = Metric("open", Role::kGuardrail);
  options.metrics[1].data.window = 0;
  EXPECT_THAT(Refusal(options), HasSubstr("needs a `window`"));
}

TEST(ExperimentMethods, BoundedTotalsAreScaledByTheirCap) {
  // A total of 1 under a cap of 2 is half of what could be.
  ExperimentOptions options = Options(Method::kBetting);
  options.metrics[0].data.kind = MetricKind::kSum;
  options.metrics[0].data.cap = 2;
  const auto sums = Make(options);
  const auto shares = Make(Options(Method::kBetting));
  World{0.2, 0.4}.Run(*sums, 6000);
  World{0.2, 0.4}.Run(*shares, 6000);
  const EventTime now = sums->ledger().watermark();
  const Comparison a = sums->Peek(now).comparisons[0], b = shares->Peek(now).comparisons[0];
  EXPECT_DOUBLE_EQ(a.mean, b.mean);
  EXPECT_LE(a.sequence.interval.lo, 1);
  EXPECT_GE(a.sequence.interval.hi, 1);
  EXPECT_LE(b.sequence.interval.lo, 1);
  EXPECT_GE(b.sequence.interval.hi, 1);
  EXPECT_NE(a.sequence.interval.hi, b.sequence.interval.hi) << "other bets, other intervals";
}

/// ln of an arm's e-value against "the mean is m", by the definition: the sum over its outcomes.
double LogE(const std::vector<double>& xs, double alpha, double m, int side) {
  double n = 0, sum = 0, squares = 0, log_e = 0;
  for (const double x : xs) {
    const double mean = (0.5 + sum) / (n + 1), variance = (0.25 + squares) / (n + 1);
    const double bet =
        std::min(0.75, std::sqrt(2 * std::log(2 / alpha) / (variance * (n + 1) * std::log(n + 2))));
    log_e += side * bet * (x - m) - (x - mean) * (x - mean) * (-std::log(1 - bet) - bet);
    n += 1;
    sum += x;
    const double after = (0.5 + sum) / (n + 1);
    squares += (x - after) * (x - after);
  }
  return log_e;
}

TEST(BettingMean, TheComparisonOfArmsIsTheWorstPairOfMeans) {
  BettingMean control(0.025), treatment(0.025);
  std::vector<double> a, b;
  CounterRandom random(5, 1);
  for (int i = 0; i < 400; ++i) {
    a.push_back(random.Uniform() < 0.3 ? 1 : 0);
    control.Add(a.back());
    if (i % 2 != 0) continue;
    b.push_back(random.Uniform() < 0.6 ? 1 : 0);
    treatment.Add(b.back());
  }
  for (const double ratio : {0.5, 1.0, 1.3, 3.0}) {
    double least = 1e9;
    for (double m = 0; m <= std::min(1.0, 1 / ratio); m += 1e-4) {
      least = std::min(
          least,
          std::log((std::exp(LogE(b, 0.025, ratio * m, 1)) + std::exp(LogE(a, 0.025, m, -1))) / 2));
    }
    EXPECT_NEAR(treatment.LogEAbove(control, ratio), least, 1e-2) << ratio;
    EXPECT_LE(treatment.LogEAbove(control, ratio), least + 1e-9) << ratio;
    EXPECT_DOUBLE_EQ(control.LogEBelow(treatment, 1 / ratio), treatment.LogEAbove(control, ratio));
  }
  EXPECT_GT(treatment.interval().lo, control.interval().hi);
  EXPECT_GT(treatment.LogEAbove(control, 1), std::log(2 / 0.05))
      << "intervals that are apart are evidence";
}

// ---- Ramps of steps ----

ExperimentOptions Ramped(double margin = 0.3) {
  ExperimentOptions options = Options(Method::kSequence);
  options.metrics.push_back(Metric("harm", Role::kGuardrail));
  options.metrics[1].up_is_good = false;
  options.metrics[1].margin = margin;
  options.ramp = {{0.2, 0.5, 1}, 300, 10 * kMinute, false};
  return options;
}

std::vector<std::string> Kinds(const Experiment& e) {
  std::vector<std::string> kinds;
  for (const Decision& d : e.decided()) kinds.push_back(d.kind);
  return kinds;
}

TEST(Ramp, GoesOnOnlyOnceHarmIsExcludedAndNeverMovesAUnit) {
  const auto e = Make(Ramped());
  World world{0.3, 0.3};
  std::vector<LookResult> looks;
  std::map<std::string, int32_t> first;
  std::vector<double> traffic;
  for (int64_t until = 2000; until <= 40'000; until += 2000) {
    world.Run(*e, until, &looks);
    traffic.push_back(e->traffic());
    // Everybody who was in comes again: all are still where they were.
    const EventTime now{1'000'000'000'000'000 + until * kSecond};
    for (int64_t i = until - 2000; i < until; ++i) {
      const std::string unit = World::Name(i);
      const bool was = e->ledger().IsExposed(Hash64(unit));
      const auto again = e->Expose(unit, Hash64(unit), now, 0, {});
      if (was) {
        EXPECT_EQ(again.assignment.variant, e->assigner().VariantOf(unit));
        first[unit] = again.assignment.variant;
      }
    }
  }
  EXPECT_EQ(e->traffic(), 1);
  EXPECT_EQ(Kinds(*e), (std::vector<std::string>{"ramp_advance", "ramp_advance"}));
  EXPECT_EQ(e->decided()[0].traffic, 0.5);
  EXPECT_GT(e->decided()[0].time, EventTime{});
  EXPECT_THAT(e->decided()[0].because, HasSubstr("traffic 0.2 to 0.5"));
  EXPECT_EQ(traffic[0], 0.2) << "2,000 users at a fifth are not enough to know";
  for (const auto& [unit, variant] : first) {
    EXPECT_EQ(e->Expose(unit, Hash64(unit), looks.back().time + kHour, 0, {}).assignment.variant,
              variant);
  }
  EXPECT_EQ(e->ledger().account().second_variant, 0);
}

TEST(Ramp, AShipNeedsGuardrailsThatAreKnownToBeWithinTheirMargin) {
  for (const double margin : {0.02, 0.5}) {
    ExperimentOptions options = Ramped(margin);
    options.ramp = {};
    const auto e = Make(options);
    std::vector<LookResult> looks;
    World world{0.2, 0.2};
    // `done` and `harm` are drawn alike; only the first has an effect.
    for (; world.at < 6000; ++world.at) {
      const EventTime now{1'000'000'000'000'000 + world.at * kSecond};
      e->Advance(now);
      if (world.at % 600 == 599) looks.push_back(e->Look(now));
      const std::string unit = World::Name(world.at);
      const auto exposed = e->Expose(unit, Hash64(unit), now, 0, {});
      CounterRandom random(2, 7, static_cast<uint64_t>(world.at) << 8);
      if (random.Uniform() < (exposed.assignment.variant == 0 ? 0.2 : 0.4)) {
        e->Outcome(Hash64(unit), 0, 1, 0, now, 0);
      }
      if (random.Uniform() < 0.2) e->Outcome(Hash64(unit), 1, 1, 0, now, 0);
    }
    EXPECT_TRUE(looks.back().comparisons[0].significant);
    EXPECT_EQ(looks.back().comparisons[1].safe_p <= 0.05, margin > 0.1);
    EXPECT_EQ(Kinds(*e),
              margin > 0.1 ? std::vector<std::string>{"ship"} : std::vector<std::string>{});
  }
}

TEST(Ramp, WithoutEvidenceItWaits) {
  ExperimentOptions options = Ramped(0.02);  // So small a loss needs many more users.
  const auto e = Make(options);
  World world{0.3, 0.3};
  std::vector<LookResult> looks;
  world.Run(*e, 20'000, &looks);
  EXPECT_EQ(e->traffic(), 0.2);
  EXPECT_TRUE(e->decided().empty());
}

TEST(Ramp, ABreachTakesItBack) {
  for (const bool step_back : {false, true}) {
    ExperimentOptions options = Ramped();
    options.ramp.step_back = step_back;
    const auto e = Make(options);
    World world{0.3, 0.3};
    std::vector<LookResult> looks;
    world.Run(*e, 20'000, &looks);
    const double before = e->traffic();
    ASSERT_GT(before, 0.2);
    world.treatment = 0.9;  // It breaks. `done` is up, and so is harm.
    world.Run(*e, 60'000, &looks);
    const auto kinds = Kinds(*e);
    EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "guardrail_breach"), 1);
    ASSERT_EQ(std::count(kinds.begin(), kinds.end(), "ramp_rollback"), 1);
    const Decision& back =
        *std::find_if(e->decided().begin(), e->decided().end(),
                      [](const Decision& d) { return d.kind == "ramp_rollback"; });
    EXPECT_THAT(back.because, HasSubstr("one-sided always-valid p"));
    EXPECT_LT(e->traffic(), before);
    EXPECT_EQ(e->traffic() == 0, !step_back);
    EXPECT_EQ(back.traffic, e->traffic());
    const int64_t in = e->ledger().exposed(0) + e->ledger().exposed(1);
    world.Run(*e, 62'000, &looks);
    const int64_t more = e->ledger().exposed(0) + e->ledger().exposed(1) - in;
    EXPECT_EQ(more > 0, step_back);
    if (!step_back) continue;
    // Units that came in while more were let in are still in, and where they were.
    int64_t kept = 0;
    for (int64_t i = 0; i < 62'000; ++i) {
      const std::string unit = World::Name(i);
      if (!e->ledger().IsExposed(Hash64(unit))) continue;
      const auto now = e->Expose(unit, Hash64(unit), looks.back().time, 0, {});
      EXPECT_EQ(now.assignment.variant, e->assigner().VariantOf(unit));
      kept += e->assigner().Within(unit, e->traffic()).by != AssignedBy::kVariant;
    }
    EXPECT_GT(kept, 100);
    EXPECT_EQ(e->ledger().account().second_variant, 0);
  }
}

TEST(Ramp, WhatItNeedsIsAskedFor) {
  ExperimentOptions options = Ramped();
  EXPECT_EQ(Refusal(options), "");
  options.metrics[1].margin = 0;
  EXPECT_THAT(Refusal(options), HasSubstr("margin"));
  options.metrics.pop_back();
  EXPECT_THAT(Refusal(options), HasSubstr("needs a guardrail"));
  options = Ramped();
  options.ramp.units = options.ramp.after = 0;
  EXPECT_THAT(Refusal(options), HasSubstr("how long a step lasts"));
  options = Ramped();
  options.ramp.traffic = {0.5, 0.2};
  EXPECT_THAT(Refusal(options), HasSubstr("ascending"));
}

// ---- State ----

TEST(ExperimentState, SavedAndLoadedEveryMethodGoesOnBitForBit) {
  for (int method = 0; method < static_cast<int>(MethodNames().size()); ++method) {
    ExperimentOptions options = Options(static_cast<Method>(method));
    if (static_cast<Method>(method) == Method::kSequence) options = Ramped();
    const auto whole = Make(options), half = Make(options), rest = Make(options);
    World world{0.2, 0.3}, other = world;
    std::vector<LookResult> a, b;
    world.Run(*whole, 9000, &a);
    other.Run(*half, 4500, &b);
    StateWriter saved;
    half->Save(saved);
    StateReader in(saved.bytes());
    ASSERT_TRUE(rest->Load(in).ok());
    ASSERT_TRUE(in.AtEnd());
    other.Run(*rest, 9000, &b);
    StateWriter x, y;
    whole->Save(x);
    rest->Save(y);
    EXPECT_EQ(x.bytes(), y.bytes()) << MethodNames()[static_cast<size_t>(method)];
  }
}

std::string Head(const char* name, uint32_t version) {
  StateWriter head;
  head.Section(name, version);
  return head.Take();
}

/// The ledger's head as version 1 had it: with all units, and without the number of metrics.
/// REQUIRES that every unit is exposed and that none was forgotten.
std::string OldLedger(const Ledger& ledger) {
  StateWriter head, saved, old;
  ledger.SaveHead(head);
  ledger.SaveUnits(saved);
  StateReader in(saved.bytes());
  const size_t values = ledger.blocks().values();
  struct OldUnit {
    uint64_t key = 0;
    int64_t first = 0;
    uint32_t entries = ~uint32_t{0}, included = 0;
    uint8_t variant = 0, flags = 0;
    uint16_t unused = 0, segments[6] = {};
  };
  std::vector<OldUnit> units(in.U64());
  std::vector<int64_t> all(units.size() * values);
  std::vector<UnitEntry> entries;
  for (size_t i = 0; i < units.size(); ++i) {
    OldUnit unit;
    unit.key = in.U64();
    unit.first = in.I64();
    const uint64_t order = in.U64();
    unit.included = in.U32();
    unit.variant = in.U8();
    unit.flags = in.U8() | 8;
    for (uint64_t left = in.U64(); left > 0; --left) {
      UnitEntry entry;
      for (int64_t* v : {&entry.time, &entry.num, &entry.den}) *v = in.I64();
      entry.metric = in.U32();
      (unit.entries == Units::kNone ? unit.entries : entries.back().next) =
          static_cast<uint32_t>(entries.size());
      entries.push_back(entry);
    }
    in.Items(std::span(all).subspan(order * values, values));
    units.at(order) = unit;
  }
  EXPECT_TRUE(in.ok() && in.AtEnd());
  old.Section("ledger", 1);
  old.U64(ledger.options().variants);
  old.U64(values);
  old.I64(ledger.watermark().micros);
  old.Array(units);
  old.Array(all);
  old.U64(0);  // Free units.
  old.Array(entries);
  for (const uint64_t none : {0, 0, 0, 0}) old.U64(none);  // Free entries, timers.
  // Whether there are segments and how many units came is new; the rest is as it was.
  const size_t rest = Head("ledger", 1).size() + 8 + 8 + 8 + 8 + 1 + 8;
  return old.Take() + head.bytes().substr(rest);
}

TEST(ExperimentState, OfVersionOneIsStillRead) {
  const auto e = Make(Options(Method::kSequence));
  World world;
  world.Run(*e, 3000);  // Not looked at yet: no history, whose place is then known.
  StateWriter ledger, whole;
  e->ledger().SaveHead(ledger);
  e->SaveHead(whole);
  const std::string& now = whole.bytes();
  std::string old = Head("experiment", 1) + OldLedger(e->ledger());
  size_t at = Head("experiment", 3).size() + ledger.bytes().size();
  const auto keep = [&](size_t bytes) {
    old += now.substr(at, bytes);
    at += bytes;
  };
  keep(8);  // How many comparisons.
  for (int i = 0; i < 2; ++i) {
    keep(49);
    old += '\0';    // No boundary was crossed.
    at += 16 + 26;  // What planned looks found; an empty history, and two that are not there.
  }
  keep(9);
  at += 25;  // The ramp.
  keep(32);
  at += 8;  // Exposures outside.
  keep(8);
  ASSERT_EQ(at, now.size());
  const auto loaded = Make(Options(Method::kSequence));
  StateReader in(old);
  const Status status = loaded->LoadHead(in);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(in.AtEnd());
  World rest = world;
  world.Run(*e, 4000);
  rest.Run(*loaded, 4000);
  StateWriter a, b;
  e->Save(a);
  loaded->Save(b);
  EXPECT_EQ(a.bytes(), b.bytes());

  // And it is all saved anew, item by item.
  MemoryStore store;
  loaded->ledger().blocks().Track(store, {});
  const auto batch = store.NewBatch();
  loaded->ledger().blocks().BeginSave(*batch);
  EXPECT_TRUE(loaded->ledger().blocks().SaveMore(1'000'000));
  ASSERT_TRUE(store.Write(*batch).ok());
  size_t items = 0;
  ASSERT_TRUE(store
                  .Scan(Family::kWindows, {},
                        [&](std::string_view, std::string_view) {
                          ++items;
                          return Status::Ok();
                        })
                  .ok());
  EXPECT_EQ(items, static_cast<size_t>(loaded->ledger().units()));
}

TEST(ExperimentState, ThatDidNotKeepWhatWasFoundSaysWhichWayItWas) {
  const auto e = Make(Options(Method::kSequence));
  std::vector<LookResult> looks;
  World world{0.4, 0.15};
  world.Run(*e, 6000, &looks, 100);
  world.treatment = 0.8;
  while (!(looks.back().comparisons[0].effect.estimate > 0)) {
    world.Run(*e, world.at + 100, &looks, 100);
  }
  StateWriter ledger, found, nothing;
  e->ledger().SaveHead(ledger);
  found.F64(looks.back().comparisons[0].running.p);
  found.F64(looks.back().comparisons[0].decided_effect);
  nothing.F64(1);
  nothing.F64(0);
  StateWriter whole;
  e->Save(whole);
  std::string old = whole.Take();
  // Behind the control's comparison, which is empty, and what is saved of the sequence.
  const size_t at = Head("experiment", 3).size() + ledger.bytes().size() + 8 + 91 + 49;
  ASSERT_EQ(old.substr(at, 16), found.bytes());
  old.replace(at, 16, nothing.bytes());
  const auto loaded = Make(Options(Method::kSequence));
  StateReader in(old);
  ASSERT_TRUE(loaded->Load(in).ok());
  const LookResult look = loaded->Look(looks.back().time);
  EXPECT_TRUE(look.comparisons[0].significant);
  EXPECT_LT(look.comparisons[0].decided_effect, 0);
  EXPECT_TRUE(loaded->decided().empty());
}

TEST(ExperimentState, OfVersionTwoSaysThatABoundaryWasCrossed) {
  ExperimentOptions options = Options(Method::kGroupSequential);
  const auto e = Make(options);
  std::vector<LookResult> looks;
  World world{0.2, 0.5};
  world.Run(*e, 1800, &looks);
  ASSERT_TRUE(looks.back().comparisons[0].significant);
  StateWriter ledger, whole;
  e->ledger().SaveHead(ledger);
  e->SaveHead(whole);
  const std::string& now = whole.bytes();
  std::string old = Head("experiment", 2) + ledger.bytes();
  size_t at = Head("experiment", 3).size() + ledger.bytes().size();
  const auto keep = [&](size_t bytes) {
    old += now.substr(at, bytes);
    at += bytes;
  };
  keep(8);
  const size_t points = e->Past(0, 1).size() * sizeof(PastLook);
  for (const bool treatment : {false, true}) {
    keep(49 + (treatment ? 16 : 0));  // Two looks were taken.
    old += static_cast<char>(treatment);
    at += 16;
    keep(26 + (treatment ? points : 0));
  }
  keep(9 + 25 + 32);
  at += 8;
  old += now.substr(at);
  const auto loaded = Make(options);
  StateReader in(old);
  const Status status = loaded->LoadHead(in);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(in.AtEnd());
  StateWriter units;
  e->ledger().SaveUnits(units);
  StateReader units_in(units.bytes());
  ASSERT_TRUE(loaded->ledger().LoadUnits(units_in).ok());
  const LookResult look = loaded->Peek(looks.back().time);
  EXPECT_TRUE(look.comparisons[0].significant);
  EXPECT_GT(look.comparisons[0].decided_effect, 0) << "as it is now, since that was not kept";
  EXPECT_EQ(look.comparisons[0].boundary_z, looks.back().comparisons[0].boundary_z);
}

TEST(ExperimentState, ItsPastIsBoundedAndEvenlySpread) {
  ExperimentOptions options = Options(Method::kSequence);
  const auto e = Make(options);
  World world{0.2, 0.2};
  std::vector<LookResult> looks;
  world.Run(*e, 10'000, &looks, 10);
  const std::vector<PastLook>& past = e->Past(0, 1);
  ASSERT_GT(past.size(), History<PastLook>::kMost / 2 - 1);
  ASSERT_LT(past.size(), History<PastLook>::kMost);
  const int64_t step = past[1].time - past[0].time;
  for (size_t i = 1; i < past.size(); ++i) {
    EXPECT_EQ(past[i].time - past[i - 1].time, step) << i;
    EXPECT_LE(past[i].lo, past[i].estimate);
    EXPECT_GE(past[i].hi, past[i].estimate);
  }
  EXPECT_GT(past.back().time, looks.back().time.micros - 2 * step);
}

}  // namespace
}  // namespace leat::experiments
