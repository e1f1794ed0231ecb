/// Update rules of the linear models, each for one coordinate (or two or four at a time).
///
/// A coordinate is `1 + kState` numbers: the weight, then the rule's own. Update takes the value x
/// of the feature; the derivative of the loss by the margin is in Pace.
#pragma once

#include <cstddef>

#include "leat/linear.h"
#include "models/linear/lanes.h"

namespace leat::linear {

/// What one record's step needs, worked out once for all coordinates.
struct Pace {
  double gradient = 0;  ///< Derivative of the loss by the margin, weighted and clipped.
  double rate = 0;      ///< Learning rate of this record.
  double l1 = 0;
  double l2 = 0;
  double step = 0;           ///< rate * gradient.
  double shrink = 1;         ///< 1 - rate * l2.
  double inverse_alpha = 1;  ///< FTRL: 1 / alpha.
  double ridge = 1;          ///< FTRL: beta / alpha + l2.
  double intercept_rate = 0;
  // The rules with memory:
  double keep = 0;          ///< momentum, decay or beta_1.
  double take = 1;          ///< 1 - keep.
  double keep2 = 0;         ///< beta_2.
  double take2 = 1;         ///< 1 - beta_2.
  double epsilon = 0;       ///< Added to a root, or under it.
  double corrected = 0;     ///< The rate with the corrections of the bias of both means.
  double unbias = 1;        ///< 1 / (1 - beta_1^t), t from 1.
  double unbias2 = 1;       ///< The same of beta_2.
  double average_over = 1;  ///< Averaged SGD: weights in the mean, at most.
  double noise = 1;         ///< AROW: r, for this record's weight.
  double spread = 0;        ///< AROW: the variance of the margin, x' S x.
};

/// What most rules are; each says what differs.
struct RuleBase {
  static constexpr size_t kSigned = 0;          ///< So many numbers after the weight have its sign.
  static constexpr bool kRestless = false;      ///< Moves a weight without a gradient, too.
  static constexpr bool kLooksAhead = false;    ///< Takes the gradient where the last step leads.
  static constexpr bool kCorrectsBias = false;  ///< Needs unbias of Pace.
  static constexpr bool kOwnStep = false;       ///< Its step comes from the loss, not a derivative.
  static constexpr bool kConfident = false;     ///< ... and from a variance of each weight.
  static constexpr bool kOwnPenalty = false;    ///< L1 is part of the rule.
  static constexpr bool kCostly = false;        ///< Worth testing for x = 0, which changes nothing.

  static void UpdateIntercept(const Pace& pace, double* c) {
    c[0] -= pace.intercept_rate * pace.gradient;
  }
};

/// Halves the weight and what has its sign; the rest is the same in both.
template <typename Rule>
void HalveSigned(const double* c, double* positive, double* negative) {
  for (size_t k = 0; k < 1 + Rule::kState; ++k) {
    positive[k] = k <= Rule::kSigned ? c[k] / 2 : c[k];
    negative[k] = k <= Rule::kSigned ? -c[k] / 2 : c[k];
  }
}

struct SgdRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kSgd;
  static constexpr size_t kState = 0;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    c[0] = c[0] * pace.shrink - x * pace.step;
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<SgdRule>(c, positive, negative);
  }
};

struct AdaGradRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kAdaGrad;
  static constexpr size_t kState = 1;  // sum of squared gradients
  static constexpr bool kCostly = true;
  static constexpr double kEpsilon = 1e-8;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient + c[0] * pace.l2;
    c[1] = c[1] + g * g;
    c[0] = c[0] - g * pace.rate / Sqrt(c[1] + kEpsilon);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<AdaGradRule>(c, positive, negative);
  }
};

struct FtrlRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kFtrl;
  // z, n, and the root of n: kept so that a step takes one root, not two.
  static constexpr size_t kState = 3;
  static constexpr size_t kSigned = 1;
  static constexpr bool kOwnPenalty = true;
  static constexpr bool kCostly = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient;
    const T n = c[2] + g * g;
    const T root = Sqrt(n);
    const T z = c[1] + (g - (root - c[3]) * pace.inverse_alpha * c[0]);
    c[1] = z;
    c[2] = n;
    c[3] = root;
    c[0] = Weight(pace, z, root);
  }
  /// w from z: exactly zero while |z| <= l1.
  template <typename T>
  LEAT_LANES static T Weight(const Pace& pace, T z, T root) {
    const T excess = Max(Abs(z) - pace.l1, T{});
    return CopySign(excess, -z) / (root * pace.inverse_alpha + pace.ridge);
  }
  static void UpdateIntercept(const Pace& pace, double* c) { Update(pace, 1.0, c); }
  /// Half of z's excess over l1 is half of the weight.
  static void Halve(const Pace& pace, const double* c, double* positive, double* negative) {
    const double z = c[1];
    const double half =
        std::fabs(z) > pace.l1 ? std::copysign(pace.l1 + (std::fabs(z) - pace.l1) / 2, z) : z;
    for (double* to : {positive, negative}) {
      to[1] = to == positive ? half : -half;
      to[2] = c[2];
      to[3] = c[3];
      to[0] = Weight(pace, to[1], to[3]);
    }
  }
};

}  // namespace leat::linear
