/// What another policy would have earned, from decisions that were logged with their probabilities.
///
/// Sources: inverse propensity scores, Horvitz and Thompson (1952); the self-normalised form,
/// Swaminathan and Joachims (2015); doubly robust, Dudik, Langford and Li (2011); Switch, Wang,
/// Agarwal and Dudik (2017); shrinkage (DRos), Su, Dimakopoulou, Krishnamurthy and Dudik (2020);
/// subgaussian weights, Metelli, Russo and Restelli (2021); the robust mixture, Mineiro (2022), A
/// lower confidence sequence for the changing mean of non-negative right heavy-tailed observations
/// with bounded mean (Vowpal Wabbit's gamma1 has a misprint that is not followed).
/// w = (probability under the candidate) / (logged probability). The reward model must not have
/// seen the reward that it is compared with; then the doubly robust scores are a martingale
/// difference and their asymptotic confidence sequence may be watched. Cost: O(1) a decision and
/// candidate; 200 bytes. Determinism: sums in the order of Add. Errors: steps with a number that is
/// not finite or beyond 1e100 in size are left out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "experiments/effect.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

struct LoggedReward {
  double weight = 1;  ///< w of the action that was taken.
  double reward = 0;
  double direct = 0;     ///< Sum over actions of candidate probability times predicted reward.
  double predicted = 0;  ///< Predicted reward of the action that was taken.
};

struct OffPolicyOptions {
  double switch_at = 10;      ///< Weights above are left to the reward model.
  double shrink = 100;        ///< lambda of DRos.
  double subgaussian = 0.05;  ///< lambda of the subgaussian weights.
};

class OffPolicy {
 public:
  explicit OffPolicy(const OffPolicyOptions& options = {}) : options_(options) {}
  void Add(const LoggedReward& step);

  double n() const { return n_; }
  double ips() const { return n_ > 0 ? wr_ / n_ : 0; }
  double snips() const { return w_ > 0 ? wr_ / w_ : 0; }
  double direct() const { return n_ > 0 ? direct_ / n_ : 0; }
  double doubly_robust() const { return n_ > 0 ? (direct_ + correction_) / n_ : 0; }
  double switched() const { return n_ > 0 ? (direct_ + switched_) / n_ : 0; }
  /// Library only: reports leave these three out.
  double snips_doubly_robust() const {
    return n_ > 0 ? direct_ / n_ + (w_ > 0 ? correction_ / w_ : 0) : 0;
  }
  double shrunk() const { return n_ > 0 ? (direct_ + shrunk_) / n_ : 0; }
  double subgaussian() const { return n_ > 0 ? subgaussian_ / n_ : 0; }
  double mean_weight() const { return n_ > 0 ? w_ / n_ : 0; }
  double max_weight() const { return max_; }
  /// (sum w)^2 / sum w^2.
  double effective_size() const { return w2_ > 0 ? w_ * w_ / w2_ : 0; }

  /// Normal intervals at one time.
  Inference IpsInterval(double alpha) const;
  Inference SnipsInterval(double alpha) const;
  /// Of the direct method: how much its predictions vary, and nothing of how far they are off.
  Inference DirectInterval(double alpha) const;
  Inference SwitchInterval(double alpha) const;
  /// Of the doubly robust scores; the sequence may be watched.
  Effect DoublyRobustEffect() const;

  /// Why no estimate may stand in a headline; empty when one may.
  std::string Refusal() const;

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  /// The mean of n scores with these sums.
  Inference MeanInterval(double sum, double squares, double alpha) const;

  OffPolicyOptions options_;
  double n_ = 0, w_ = 0, w2_ = 0, wr_ = 0, w2r_ = 0, w2r2_ = 0, max_ = 0;
  double direct_ = 0, correction_ = 0, scores2_ = 0;
  double switched_ = 0, shrunk_ = 0, subgaussian_ = 0;
  /// Of squares; not a number in what a version loaded that did not keep them: no interval then.
  double direct2_ = 0, switched2_ = 0;
};

/// A lower confidence sequence for the mean, in [0, 1], of non-negative numbers however large.
class RobustLower {
 public:
  void Add(double x);
  double Bound(double alpha) const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double Penalty(double lambda) const;

  double n_ = 0, sum_ = 0, low_ = 0, mid_ = 0;
  /// Errors above 1 between powers of 3/2, as two-point mixtures: power -> (weight, correction).
  std::map<int32_t, std::pair<double, double>> large_;
};

/// Both bounds of a policy's value for rewards in [0, 1]; may be watched; no assumption on weights.
/// Library only: rewards of a bandit have no bound that is known in advance.
class RobustValue {
 public:
  void Add(double weight, double reward);
  Interval interval(double alpha) const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  RobustLower lower_, upper_;
};

}  // namespace leat::experiments
