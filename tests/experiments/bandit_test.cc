// Policies, their probabilities, the join with rewards, and what candidates would have earned.
#include "experiments/bandit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "base/hash.h"
#include "base/random.h"
#include "evaluation/special.h"
#include "experiments/decisions.h"
#include "experiments/exploration.h"
#include "reference/reference.h"

namespace leat::experiments {
namespace {

BanditOptions Options(PolicyKind kind, size_t actions, size_t context = 0) {
  BanditOptions options;
  options.name = "test";
  for (size_t a = 0; a < actions; ++a) options.actions.push_back("a" + std::to_string(a));
  options.context = context;
  options.policy.kind = kind;
  options.reward_window = kMinute;
  return options;
}

std::unique_ptr<Bandit> Make(const BanditOptions& options) {
  auto made = Bandit::Create(options);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

constexpr PolicyKind kAll[] = {
    PolicyKind::kUniform,      PolicyKind::kEpsilonGreedy, PolicyKind::kUcb1,
    PolicyKind::kThompsonBeta, PolicyKind::kThompsonGauss, PolicyKind::kSoftmax,
    PolicyKind::kLinUcb,       PolicyKind::kLinTs,         PolicyKind::kSquareCb};

/// Plays a stream whose rewards depend on action and context; calls `each` with every decision.
template <typename Each>
void Play(Bandit& bandit, int64_t from, int64_t to, Each&& each) {
  const std::vector<double> rates = {0.2, 0.3, 0.4};
  for (int64_t i = from; i < to; ++i) {
    CounterRandom random(9, 1, static_cast<uint64_t>(i) * 8);
    const EventTime now{i * kSecond};
    bandit.Advance(now);
    const double x = random.Uniform();
    const auto* decision = bandit.Decide(Mix64(static_cast<uint64_t>(i)), {&x, 1}, now);
    ASSERT_NE(decision, nullptr);
    each(*decision);
    const double rate = rates[decision->action] + (decision->action == 0 ? 0.5 * x : 0);
    if (random.Uniform() < rate) {
      bandit.Reward(decision->id, 1, now + 10 * kSecond);
    }
  }
}

TEST(Bandit, EveryPolicyLogsProbabilitiesThatSumToOneAboveTheFloor) {
  for (const PolicyKind kind : kAll) {
    const auto bandit = Make(Options(kind, 3, 1));
    Play(*bandit, 0, 3000, [&](const BanditDecision& d) {
      ASSERT_NEAR(std::accumulate(d.p.begin(), d.p.end(), 0.0), 1, 1e-12);
      for (const double p : d.p)
        ASSERT_GE(p, 0.01 - 1e-12) << PolicyNames()[static_cast<int>(kind)];
    });
    const auto& a = bandit->account();
    EXPECT_EQ(a.decisions, a.trained + bandit->waiting());
    EXPECT_EQ(a.unknown, 0);
  }
}

/// Chi-squared of realised actions against logged probabilities, over bins of what was logged.
struct Audit {
  double p = 0;  ///< Chi-squared.
  /// Of the uniform policy, and of the policy itself as a candidate that learns from the same
  /// rewards; and the standard error of the first.
  double uniform_weight = 0, own_weight = 0, uniform_error = 0;
};

Audit PropensityAudit(PolicyKind kind, int64_t decisions) {
  BanditOptions options = Options(kind, 3, 1);
  options.policy.refresh = 1000;
  options.candidates = {CandidateOf(options.policy, kind)};
  const auto bandit = Make(options);
  constexpr int kBins = 20;
  std::vector<double> expected(kBins * 3, 0.0), seen(kBins * 3, 0.0), variance(kBins * 3, 0.0);
  double weights = 0, squares = 0;
  Play(*bandit, 0, decisions, [&](const BanditDecision& d) {
    ASSERT_NEAR(std::accumulate(d.p.begin(), d.p.end(), 0.0), 1, 1e-12);
    for (size_t a = 0; a < 3; ++a) {
      const auto bin = static_cast<size_t>(std::min(kBins - 1.0, d.p[a] * kBins)) * 3 + a;
      expected[bin] += d.p[a];
      variance[bin] += d.p[a] * (1 - d.p[a]);
      if (d.action == a) seen[bin] += 1;
    }
    const double weight = 1 / (3 * d.p[d.action]);
    weights += weight;
    squares += weight * weight;
  });
  const double n = static_cast<double>(decisions);
  Audit audit;
  audit.uniform_weight = weights / n;
  audit.uniform_error = std::sqrt((squares / n - weights / n * (weights / n)) / n);
  bandit->Advance({INT64_MAX});
  audit.own_weight = bandit->Scores()[0].estimates.mean_weight();
  double chi = 0, bins = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (variance[i] < 20) continue;
    chi += (seen[i] - expected[i]) * (seen[i] - expected[i]) / variance[i];
    bins += 1;
  }
  audit.p = statistics::ChiSquaredSf(chi, bins);
  return audit;
}

TEST(Bandit, ActionsAreDrawnAsTheirLoggedProbabilitiesSay) {
  // LEAT_AUDIT_DECISIONS=1000000 for the full audit.
  const char* const asked = std::getenv("LEAT_AUDIT_DECISIONS");
  const int64_t decisions = asked != nullptr ? std::atoll(asked) : 60'000;
  for (const PolicyKind kind : kAll) {
    const Audit audit = PropensityAudit(kind, decisions);
    const std::string name(PolicyNames()[static_cast<int>(kind)]);
    printf("%s: %lld decisions, p = %.4f, mean weight of itself %.4f, of uniform %.4f (se %.4f)\n",
           name.c_str(), static_cast<long long>(decisions), audit.p, audit.own_weight,
           audit.uniform_weight, audit.uniform_error);
    EXPECT_GT(audit.p, 0.001) << name;
    EXPECT_NEAR(audit.own_weight, 1, decisions >= 1'000'000 ? 0.01 : 0.05) << name;
    EXPECT_NEAR(audit.uniform_weight, 1, 4 * audit.uniform_error + 1e-9) << name;
  }
}

/// By the trapezoidal rule with 20 nodes in the narrowest spread.
std::vector<double> ChancesOnAFineGrid(const std::vector<GaussArm>& arms) {
  double narrow = arms[0].sd, lo = arms[0].mean, hi = lo;
  for (const GaussArm& arm : arms) {
    narrow = std::min(narrow, arm.sd);
    lo = std::min(lo, arm.mean - 12 * arm.sd);
    hi = std::max(hi, arm.mean + 12 * arm.sd);
  }
  const double step = narrow / 20;
  std::vector<double> out(arms.size(), 0.0);
  for (double x = lo; x < hi; x += step) {
    for (size_t k = 0; k < arms.size(); ++k) {
      const double z = (x - arms[k].mean) / arms[k].sd;
      double p = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi) / arms[k].sd * step;
      for (size_t j = 0; j < arms.size() && p > 0; ++j) {
        if (j != k) p *= 0.5 * std::erfc((arms[j].mean - x) / arms[j].sd / std::numbers::sqrt2);
      }
      out[k] += p;
    }
  }
  return out;
}

TEST(Bandit, TheChanceToBeTheBestOfNormalsIsExact) {
  CounterRandom random(5, 1);
  double worst = 0;
  for (int i = 0; i < 300; ++i) {
    // Alike, apart, and one much narrower than the others.
    std::vector<GaussArm> arms(2 + random.Below(6));
    const double spread = std::exp(random.Uniform(0, i % 3 == 0 ? 4 : 1));
    for (GaussArm& arm : arms) {
      arm = {random.Normal() * (i % 2 == 0 ? 1 : 5),
             std::exp(random.Uniform(-std::log(spread), 0))};
    }
    const std::vector<double> chances = ChanceBestGauss(arms), expected = ChancesOnAFineGrid(arms);
    double sum = 0;
    for (size_t k = 0; k < arms.size(); ++k) {
      worst = std::max(worst, std::abs(chances[k] - expected[k]));
      sum += chances[k];
    }
    ASSERT_NEAR(sum, 1, 1e-12);
  }
  EXPECT_LT(worst, 1e-12);
  // Of two arms it is known, however different they are.
  for (const double sd : {1e-9, 1e-4, 0.1, 1.0, 50.0}) {
    for (const double mean : {-3.0, -0.2, 0.0, 1e-5, 0.7, 40.0}) {
      const std::vector<GaussArm> arms = {{mean, sd}, {0, 1}};
      const double z = mean / std::sqrt(sd * sd + 1);
      EXPECT_NEAR(ChanceBestGauss(arms)[0], 0.5 * std::erfc(-z / std::numbers::sqrt2),
                  sd < 1e-6 ? 1e-8 : 1e-12)
          << mean << " " << sd;
    }
  }
}

TEST(Bandit, TheSameDecisionIsDrawnTheSameWayAgain) {
  std::vector<size_t> first, second;
  for (auto* actions : {&first, &second}) {
    const auto bandit = Make(Options(PolicyKind::kThompsonBeta, 3, 1));
    Play(*bandit, 0, 2000, [&](const BanditDecision& d) { actions->push_back(d.action); });
  }
  EXPECT_EQ(first, second);
}

TEST(Bandit, SavedAndLoadedItGoesOnBitForBit) {
  for (const PolicyKind kind : kAll) {
    BanditOptions options = Options(kind, 3, 1);
    (kind == PolicyKind::kLinTs ? options.policy.half_life : options.policy.window) = 10 * kMinute;
    options.candidates = {CandidateOf(options.policy, PolicyKind::kLinUcb),
                          CandidateOf(options.policy, PolicyKind::kThompsonBeta)};
    const auto whole = Make(options);
    Play(*whole, 0, 1500, [](const BanditDecision&) {});
    const auto first = Make(options);
    Play(*first, 0, 700, [](const BanditDecision&) {});
    StateWriter saved;
    first->Save(saved);
    const auto second = Make(options);
    StateReader in(saved.bytes());
    ASSERT_TRUE(second->Load(in).ok()) << in.status().message();
    ASSERT_TRUE(in.AtEnd());
    Play(*second, 700, 1500, [](const BanditDecision&) {});
    StateWriter a, b;
    whole->Save(a);
    second->Save(b);
    EXPECT_EQ(a.bytes(), b.bytes()) << PolicyNames()[static_cast<int>(kind)];
  }
}

TEST(Bandit, LearnsTheBestActionAndBeatsUniform) {
  for (const PolicyKind kind :
       {PolicyKind::kThompsonBeta, PolicyKind::kUcb1, PolicyKind::kEpsilonGreedy,
        PolicyKind::kLinUcb, PolicyKind::kLinTs, PolicyKind::kSquareCb}) {
    BanditOptions options = Options(kind, 3, 1);
    options.policy.gamma = 100;
    options.policy.width = 0.3;
    const auto bandit = Make(options);
    Play(*bandit, 0, 20'000, [](const BanditDecision&) {});
    // Uniform earns 0.383, always a0 0.45, the best of each context 0.496.
    EXPECT_GT(bandit->mean_reward(), 0.405) << PolicyNames()[static_cast<int>(kind)];
  }
}

TEST(Bandit, CandidatesAreScoredAtTheirTrueValue) {
  BanditOptions options = Options(PolicyKind::kEpsilonGreedy, 3, 1);
  options.policy.epsilon = 0.3;
  const auto bandit = Make(options);
  Play(*bandit, 0, 60'000, [](const BanditDecision&) {});
  const auto scores = bandit->Scores();
  const std::vector<double> truth = {(0.45 + 0.3 + 0.4) / 3, 0.45, 0.3, 0.4};
  ASSERT_EQ(scores.size(), truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    EXPECT_TRUE(scores[i].refused.empty()) << scores[i].name << ": " << scores[i].refused;
    EXPECT_LE(scores[i].doubly_robust.interval.lo, truth[i]) << scores[i].name;
    EXPECT_GE(scores[i].doubly_robust.interval.hi, truth[i]) << scores[i].name;
    EXPECT_NEAR(scores[i].estimates.snips(), truth[i], 0.03) << scores[i].name;
  }
}

/// The better one of two actions becomes the worse one half way.
void FollowsAChange(const BanditOptions& options, const char* how) {
  const auto bandit = Make(options);
  int64_t late_best = 0;
  for (int64_t i = 0; i < 20'000; ++i) {
    const EventTime now{i * kSecond};
    bandit->Advance(now);
    const auto* d = bandit->Decide(Mix64(static_cast<uint64_t>(i)), {}, now);
    const size_t best = i < 10'000 ? 0 : 1;
    if (i >= 16'000) late_best += d->action == 1;
    if (DrawOf(5, static_cast<uint64_t>(i)) < (d->action == best ? 0.6 : 0.3)) {
      bandit->Reward(d->id, 1, now);
    }
  }
  EXPECT_GT(late_best, 3200) << how;
}

TEST(Bandit, ForgettingFollowsRewardsThatChange) {
  const PolicyKind kinds[] = {PolicyKind::kThompsonBeta,  PolicyKind::kUcb1,
                              PolicyKind::kEpsilonGreedy, PolicyKind::kSoftmax,
                              PolicyKind::kThompsonGauss, PolicyKind::kLinUcb,
                              PolicyKind::kLinTs,         PolicyKind::kSquareCb};
  for (const PolicyKind kind : kinds) {
    for (const bool windowed : {false, true}) {
      SCOPED_TRACE(PolicyNames()[static_cast<int>(kind)]);
      BanditOptions options = Options(kind, 2);
      options.policy.refresh = 50;
      options.policy.width = 0.5;
      options.policy.temperature = 0.05;
      options.policy.noise = 0.5;
      (windowed ? options.policy.window : options.policy.half_life) = 20 * kMinute;
      FollowsAChange(options, windowed ? "window" : "half-life");
    }
  }
}

TEST(Bandit, RewardsAreFoldedJoinedAndDefaulted) {
  for (const auto& [fold, expected] : std::vector<std::pair<Fold, double>>{{Fold::kFirst, 3},
                                                                           {Fold::kLast, -1},
                                                                           {Fold::kSum, 4},
                                                                           {Fold::kMean, 4.0 / 3},
                                                                           {Fold::kMin, -1},
                                                                           {Fold::kMax, 3}}) {
    BanditOptions options = Options(PolicyKind::kUniform, 2);
    options.fold = fold;
    const auto bandit = Make(options);
    bandit->Decide(1, {}, {0});
    for (const double r : {3.0, 2.0, -1.0}) bandit->Reward(1, r, {kSecond});
    bandit->Reward(1, 100, {kMinute});  // Too late.
    bandit->Reward(2, 100, {kSecond});  // Of nothing.
    bandit->Advance({kMinute});
    EXPECT_EQ(bandit->account().unknown, 2);
    EXPECT_DOUBLE_EQ(bandit->mean_reward(), expected) << FoldNames()[static_cast<int>(fold)];
  }
  BanditOptions options = Options(PolicyKind::kUniform, 2);
  options.default_reward = -2;
  const auto bandit = Make(options);
  bandit->Decide(1, {}, {0});
  EXPECT_EQ(bandit->Decide(1, {}, {1}), nullptr);
  bandit->Advance({kMinute});
  EXPECT_DOUBLE_EQ(bandit->mean_reward(), -2);
  EXPECT_EQ(bandit->account().defaulted, 1);
  EXPECT_EQ(bandit->account().repeated, 1);
}

TEST(Bandit, TheFirstAndTheLastRewardAreThoseByTime) {
  for (const auto& [fold, expected] :
       std::vector<std::pair<Fold, double>>{{Fold::kFirst, 5}, {Fold::kLast, 7}}) {
    for (const bool saved : {false, true}) {
      BanditOptions options = Options(PolicyKind::kUniform, 2);
      options.fold = fold;
      auto bandit = Make(options);
      bandit->Decide(1, {}, {0});
      bandit->Reward(1, 6, {20 * kSecond});
      bandit->Reward(1, 7, {30 * kSecond});
      if (saved) {
        StateWriter out;
        bandit->Save(out);
        bandit = Make(options);
        StateReader in(out.bytes());
        ASSERT_TRUE(bandit->Load(in).ok());
      }
      bandit->Reward(1, 5, {10 * kSecond});  // It comes last, and happened first.
      bandit->Advance({kMinute});
      EXPECT_DOUBLE_EQ(bandit->mean_reward(), expected);
    }
  }
}

TEST(Bandit, WhenTooManyWaitTheOldestIsTrainedOnEvenIfALaterOneCameLate) {
  BanditOptions options = Options(PolicyKind::kUniform, 2);
  options.max_pending = 2;
  const auto bandit = Make(options);
  ASSERT_NE(bandit->Decide(1, {}, {20 * kSecond}), nullptr);
  ASSERT_NE(bandit->Decide(2, {}, {30 * kSecond}), nullptr);
  // Older than both: it is decided all the same.
  ASSERT_NE(bandit->Decide(3, {}, {10 * kSecond}), nullptr);
  EXPECT_EQ(bandit->account().early, 1);
  EXPECT_EQ(bandit->account().trained, 1);
  EXPECT_FALSE(bandit->Waiting(1));
  EXPECT_TRUE(bandit->Waiting(2));
  EXPECT_TRUE(bandit->Waiting(3));
}

TEST(Bandit, TwoOfOneSeedDrawIndependently) {
  BanditOptions options = Options(PolicyKind::kUniform, 2);
  const auto banner = Make(options);
  options.name = "another";
  const auto offer = Make(options);
  int same = 0;
  constexpr int kDecisions = 10'000;
  for (uint64_t id = 1; id <= kDecisions; ++id) {
    same += banner->Decide(id, {}, {0})->action == offer->Decide(id, {}, {0})->action;
  }
  EXPECT_NEAR(same, kDecisions / 2, 4 * 50);
}

TEST(Bandit, CandidatesOfOneKindMayDifferInTheirSettings) {
  BanditOptions options = Options(PolicyKind::kEpsilonGreedy, 3, 1);
  options.policy.epsilon = 0.5;
  options.candidates = {CandidateOf(options.policy, PolicyKind::kEpsilonGreedy),
                        {"careful", options.policy}};
  options.candidates[1].policy.epsilon = 0.03;
  const auto bandit = Make(options);
  Play(*bandit, 0, 20'000, [](const BanditDecision&) {});
  const auto scores = bandit->Scores();
  EXPECT_EQ(scores[0].name, "epsilon_greedy");
  EXPECT_EQ(scores[1].name, "careful");
  // The policy itself: every weight is nearly 1. The careful one earns more.
  EXPECT_NEAR(scores[0].estimates.mean_weight(), 1, 0.01);
  EXPECT_GT(scores[0].estimates.effective_size(), 15'000);
  EXPECT_GT(scores[1].estimates.doubly_robust(), scores[0].estimates.doubly_robust() + 0.01);
  options.candidates[1].policy.floor = 0.5;
  EXPECT_FALSE(Bandit::Create(options).ok());
}

TEST(OffPolicy, EveryEstimateHasTheIntervalOfItsScores) {
  OffPolicy estimates;
  std::vector<double> ips, direct, switched;
  CounterRandom random(6, 1);
  for (int i = 0; i < 500; ++i) {
    LoggedReward step;
    step.weight = 20 * random.Uniform() * random.Uniform();
    step.reward = random.Normal();
    step.direct = random.Uniform();
    step.predicted = random.Uniform();
    estimates.Add(step);
    ips.push_back(step.weight * step.reward);
    direct.push_back(step.direct);
    switched.push_back(step.direct +
                       (step.weight <= 10 ? step.weight * (step.reward - step.predicted) : 0));
  }
  const auto expect = [](const Inference& found, const std::vector<double>& scores) {
    const double n = static_cast<double>(scores.size());
    const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / n;
    double squares = 0;
    for (const double s : scores) squares += (s - mean) * (s - mean);
    const double reach = 1.959963984540054 * std::sqrt(squares / (n - 1) / n);
    EXPECT_NEAR(found.interval.lo, mean - reach, 1e-9);
    EXPECT_NEAR(found.interval.hi, mean + reach, 1e-9);
  };
  expect(estimates.IpsInterval(0.05), ips);
  expect(estimates.DirectInterval(0.05), direct);
  expect(estimates.SwitchInterval(0.05), switched);
}

TEST(Bandit, StateOfVersionOneIsStillRead) {
  const auto bandit = Make(Options(PolicyKind::kUniform, 3));
  for (uint64_t id = 1; id < 50; ++id) bandit->Decide(id, {}, {static_cast<int64_t>(id)});
  bandit->Advance({50 + kMinute});  // None waits: they had no time of a reward then.
  StateWriter now, head_now, head_old;
  bandit->Save(now);
  head_now.Section("bandit", 3);
  head_old.Section("bandit", 1);
  // It had neither the number of actions nor the past, which is empty.
  const size_t at = head_now.bytes().size() + 8;
  const std::string old = head_old.bytes() + now.bytes().substr(at, now.bytes().size() - at - 24);
  const auto loaded = Make(Options(PolicyKind::kUniform, 3));
  StateReader in(old);
  ASSERT_TRUE(loaded->Load(in).ok());
  ASSERT_TRUE(in.AtEnd());
  StateWriter again;
  loaded->Save(again);
  EXPECT_EQ(again.bytes(), now.bytes());
}

template <typename T>
std::string Saved(const T& object) {
  StateWriter out;
  object.Save(out);
  return out.Take();
}

TEST(Bandit, OneHugeNumberSpoilsNothing) {
  for (const PolicyKind kind : kAll) {
    BanditOptions options = Options(kind, 3, 1);
    options.policy.refresh = 1;
    options.candidates = {CandidateOf(options.policy, kind)};
    // Beyond what is taken, it is as if it were not there.
    const auto huge = Make(options), none = Make(options);
    const double large = 1e160, zero = 0;
    huge->Decide(1, {&large, 1}, {0});
    huge->Reward(1, large, {1});
    none->Decide(1, {&zero, 1}, {0});
    none->Reward(1, std::nan(""), {1});
    huge->Advance({kHour});
    none->Advance({kHour});
    EXPECT_EQ(Saved(*huge), Saved(*none)) << PolicyNames()[static_cast<size_t>(kind)];
    // At the limit everything stays finite.
    const auto at_limit = Make(options);
    for (uint64_t id = 1; id <= 3; ++id) {
      const double most = 1e100;
      at_limit->Decide(id, {&most, 1}, {0});
      at_limit->Reward(id, id == 2 ? most : -most, {1});
    }
    at_limit->Advance({kHour});
    Play(*at_limit, 3600, 3700, [&](const BanditDecision& d) {
      ASSERT_NEAR(std::accumulate(d.p.begin(), d.p.end(), 0.0), 1, 1e-12)
          << PolicyNames()[static_cast<size_t>(kind)];
    });
    for (const CandidateScore& score : at_limit->Scores()) {
      for (const double value :
           {score.estimates.ips(), score.estimates.direct(), score.estimates.doubly_robust(),
            score.estimates.DoublyRobustEffect().standard_error}) {
        EXPECT_TRUE(std::isfinite(value)) << score.name << " " << value;
      }
    }
  }
}

TEST(OffPolicy, AStepThatIsTooLargeForItsSumsIsLeftOut) {
  OffPolicy estimates;
  estimates.Add({1, 1, 0.5, 0.5});
  const std::string before = Saved(estimates);
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const LoggedReward& step :
       {LoggedReward{inf, 1, 0, 0}, LoggedReward{1, nan, 0, 0}, LoggedReward{1, 1, inf, 0},
        LoggedReward{1, 1, 0, nan}, LoggedReward{1, 1e160, 0, 0}, LoggedReward{1e160, 0, 0, 0},
        LoggedReward{1e90, 1e90, 0, 0}, LoggedReward{1, 1, -1e160, 0},
        LoggedReward{1, 1, 0, 1e160}}) {
    estimates.Add(step);
    EXPECT_EQ(Saved(estimates), before);
  }
}

TEST(Ridge, ARowThatIsTooLargeForItsSquaresIsIgnored) {
  Ridge model(2, 1, 2);
  model.Learn(std::vector<double>{1, 2}, 3);
  const std::string before = Saved(model);
  model.Learn(std::vector<double>{1e160, 1}, 1);
  model.Learn(std::vector<double>{1, 1}, 1e160);
  model.Learn(std::vector<double>{1, 1}, 1, 1e300);
  EXPECT_EQ(Saved(model), before);
}

TEST(Ridge, WhatIsForgottenLeavesNothingBehind) {
  constexpr size_t kD = 4, kParts = 3;
  Ridge parted(kD, 0.7, kParts), whole(kD, 0.7);
  CounterRandom random(8, 2);
  for (int i = 0; i < 300; ++i) {
    std::vector<double> x(kD);
    for (double& v : x) v = random.Normal();
    const size_t part = static_cast<size_t>(i) % kParts;
    const double y = random.Normal() + static_cast<double>(part), weight = 0.5 + random.Uniform();
    parted.Learn(x, y, weight, 1, part);
    if (part != 1) whole.Learn(x, y, weight);
  }
  parted.Forget(1);
  const auto a = parted.Coefficients(), b = whole.Coefficients();
  for (size_t i = 0; i < kD; ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
  const auto u = parted.Covariance(), v = whole.Covariance();
  for (size_t i = 0; i < kD * kD; ++i) EXPECT_NEAR(u[i], v[i], 1e-12);
  parted.Forget(0);
  parted.Forget(2);
  for (const double c : parted.Coefficients()) EXPECT_EQ(c, 0);
}

TEST(Ridge, TheFactorStaysTheInverseOverManyRows) {
  constexpr size_t kD = 6;
  Ridge ridge(kD, 0.5);
  std::vector<double> a(kD * kD, 0.0);
  for (size_t i = 0; i < kD; ++i) a[i * kD + i] = 0.5;
  CounterRandom random(3, 3);
  std::vector<double> x(kD);
  for (int i = 0; i < 200'000; ++i) {
    for (double& v : x) v = random.Normal();
    ridge.Learn(x, 1);
    for (size_t r = 0; r < kD; ++r) {
      for (size_t c = 0; c < kD; ++c) a[r * kD + c] += x[r] * x[c];
    }
  }
  const auto inverse = ridge.Covariance();
  for (size_t r = 0; r < kD; ++r) {
    for (size_t c = 0; c < kD; ++c) {
      double sum = 0;
      for (size_t k = 0; k < kD; ++k) sum += a[r * kD + k] * inverse[k * kD + c];
      EXPECT_NEAR(sum, r == c ? 1 : 0, 1e-8);
    }
  }
}

/// The open bandit log: the uniform policy from both logs; Thompson sampling replayed on the random
/// one (Li, Chu, Langford and Wang 2011: rows whose action the policy draws are the ones it gets).
TEST(OpenBandit, TheUniformPolicyFromBothLogsAndAReplay) {
  const reference::Table* const random = reference::Data("open_bandit_women_random");
  const reference::Table* const thompson = reference::Data("open_bandit_women_bts");
  if (random == nullptr || thompson == nullptr) {
    GTEST_SKIP() << "the open bandit data are absent (LEAT_DATA names their folder)";
  }
  const auto column = [](const reference::Table& t, const char* name) {
    return static_cast<size_t>(std::find(t.header.begin(), t.header.end(), name) -
                               t.header.begin());
  };
  BanditOptions options = Options(PolicyKind::kUniform, 46);
  options.policy.floor = 0;
  for (const reference::Table* table : {random, thompson}) {
    const auto bandit = Make(options);
    for (size_t i = 0; i < table->rows.size(); ++i) {
      const auto& row = table->rows[i];
      const EventTime now{static_cast<int64_t>(i) * kSecond};
      bandit->Advance(now);
      bandit->Logged(i + 1, std::stoul(row[column(*table, "item_id")]),
                     std::stod(row[column(*table, "propensity_score")]), {}, now);
      bandit->Reward(i + 1, std::stod(row[column(*table, "click")]), now);
    }
    bandit->Advance({INT64_MAX});
    const CandidateScore uniform = bandit->Scores()[0];
    const Inference snips = uniform.estimates.SnipsInterval(0.05);
    printf("uniform from the %s log: SNIPS %.6f [%.6f, %.6f], DR %.6f, ESS %.1f%s%s\n",
           table == random ? "random" : "Thompson", uniform.estimates.snips(), snips.interval.lo,
           snips.interval.hi, uniform.estimates.doubly_robust(), uniform.estimates.effective_size(),
           uniform.refused.empty() ? "" : "; refused: ", uniform.refused.c_str());
    EXPECT_EQ(uniform.refused.empty(), table == random);
    if (table == random) {
      EXPECT_NEAR(uniform.estimates.snips(), 0.0046, 1e-9);
    }
  }
  // What is shown where to whom: the position, and four features of the user as they hash.
  std::vector<std::vector<double>> contexts;
  for (const auto& row : random->rows) {
    std::vector<double> x(3 + 16, 0.0);
    x[static_cast<size_t>(std::stoi(row[column(*random, "position")]) - 1)] = 1;
    for (size_t f = 0; f < 4; ++f) {
      const std::string name = "user_feature_" + std::to_string(f);
      x[3 + 4 * f + Hash64(row[column(*random, name.c_str())], f) % 4] = 1;
    }
    contexts.push_back(std::move(x));
  }
  // Off-policy over all rows: what learns from the log as it goes, scored before it learns.
  options.context = contexts[0].size();
  options.policy.floor = 0.001;
  options.policy.refresh = 20;
  options.candidates = {CandidateOf(options.policy, PolicyKind::kThompsonBeta),
                        CandidateOf(options.policy, PolicyKind::kLinUcb)};
  const auto scored = Make(options);
  for (size_t i = 0; i < random->rows.size(); ++i) {
    const auto& row = random->rows[i];
    const EventTime now{static_cast<int64_t>(i) * kSecond};
    scored->Advance(now);
    scored->Logged(i + 1, std::stoul(row[column(*random, "item_id")]),
                   std::stod(row[column(*random, "propensity_score")]), contexts[i], now);
    scored->Reward(i + 1, std::stod(row[column(*random, "click")]), now);
  }
  scored->Advance({INT64_MAX});
  EXPECT_EQ(scored->account().trained, static_cast<int64_t>(random->rows.size()));
  const auto scores = scored->Scores();
  for (size_t i = 0; i < 3; ++i) {
    const Interval snips = scores[i].estimates.SnipsInterval(0.05).interval;
    printf(
        "%s over all rows: SNIPS %.5f [%.5f, %.5f], DR %.5f, sequence [%.5f, %.5f], ESS %.1f%s%s\n",
        scores[i].name.c_str(), scores[i].estimates.snips(), snips.lo, snips.hi,
        scores[i].estimates.doubly_robust(), scores[i].doubly_robust.interval.lo,
        scores[i].doubly_robust.interval.hi, scores[i].estimates.effective_size(),
        scores[i].refused.empty() ? "" : "; refused: ", scores[i].refused.c_str());
    EXPECT_GE(scores[i].estimates.effective_size(), 100);
  }
  // Replayed, with many draws: what a replay takes is one row in 46.
  constexpr uint64_t kDraws = 20;
  for (const PolicyKind kind :
       {PolicyKind::kUniform, PolicyKind::kThompsonBeta, PolicyKind::kLinUcb}) {
    double n = 0, clicks = 0;
    for (uint64_t seed = 0; seed < kDraws; ++seed) {
      PolicyOptions policy_options = options.policy;
      policy_options.kind = kind;
      Policy policy(policy_options, 46, options.context);
      for (size_t i = 0; i < random->rows.size(); ++i) {
        const auto& row = random->rows[i];
        const auto action = std::stoul(row[column(*random, "item_id")]);
        std::vector<double> x = contexts[i];
        x.push_back(1);
        const EventTime now{static_cast<int64_t>(i)};
        if (Draw(policy.Probabilities(x, now), DrawOf(seed, i)) != action) continue;
        const double click = std::stod(row[column(*random, "click")]);
        policy.Learn(action, x, click, 1, now);
        n += 1;
        clicks += click;
      }
    }
    // The draws share their rows, so that the interval is that of one of them.
    const double rate = clicks / n;
    const double reach = 1.96 * std::sqrt(rate * (1 - rate) / (n / static_cast<double>(kDraws)));
    printf("replay of %s on the random log: %.0f rows a draw, clicks %.5f [%.5f, %.5f]\n",
           std::string(PolicyNames()[static_cast<int>(kind)]).c_str(),
           n / static_cast<double>(kDraws), rate, rate - reach, rate + reach);
    EXPECT_GT(n, 100 * static_cast<double>(kDraws));
  }
}

}  // namespace
}  // namespace leat::experiments
