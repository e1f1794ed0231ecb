/// Update rules that remember earlier gradients or steps, and those whose steps just mend an error
/// (passive-aggressive, AROW); see
/// rules.h for what a rule is, leat/linear.h for their sources.
///
/// Why nothing overflows (bounds of row.h): a step of momentum is at most 1e4 of SGD's; one of
/// RMSProp 100 rates; those of Adam and its kin are bounded because beta_1 < beta_2, so that the
/// mean gradient fades before its square does; a step of AdaDelta is cut at kLargestStep; an
/// average lies among the weights it averages; AROW's are bounded where its step is worked out
/// (loss.h).
#pragma once

#include "models/linear/rules.h"

namespace leat::linear {

inline constexpr double kLargestStep = 1e50;

struct MomentumRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kMomentum;
  static constexpr size_t kState = 1;  // the last step
  static constexpr size_t kSigned = 1;
  static constexpr bool kRestless = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient + c[0] * pace.l2;
    c[1] = c[1] * pace.keep + g * pace.rate;
    c[0] = c[0] - c[1];
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<MomentumRule>(c, positive, negative);
  }
};

struct NesterovRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kNesterov;
  static constexpr size_t kState = 1;  // the last step
  static constexpr size_t kSigned = 1;
  static constexpr bool kRestless = true;
  static constexpr bool kLooksAhead = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T led = c[1] * pace.keep;
    const T g = x * pace.gradient + (c[0] - led) * pace.l2;
    c[1] = led + g * pace.rate;
    c[0] = c[0] - c[1];
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<NesterovRule>(c, positive, negative);
  }
};

struct RmsPropRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kRmsProp;
  static constexpr size_t kState = 1;  // mean of squared gradients
  static constexpr bool kRestless = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient + c[0] * pace.l2;
    c[1] = c[1] * pace.keep + g * g * pace.take;
    c[0] = c[0] - g * pace.rate / Sqrt(c[1] + pace.epsilon);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<RmsPropRule>(c, positive, negative);
  }
};

struct AdaDeltaRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kAdaDelta;
  static constexpr size_t kState = 2;  // means of squared gradients, of squared steps
  static constexpr bool kRestless = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient + c[0] * pace.l2;
    c[1] = c[1] * pace.keep + g * g * pace.take;
    const T step = Sqrt(c[2] + pace.epsilon) / Sqrt(c[1] + pace.epsilon) * g;
    const T least = -Max(-step, T{} - kLargestStep);  // min(step, kLargestStep)
    const T cut = Max(least, T{} - kLargestStep);
    c[2] = c[2] * pace.keep + cut * cut * pace.take;
    c[0] = c[0] - cut;
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<AdaDeltaRule>(c, positive, negative);
  }
};

/// What Adam and its kin share: the mean gradient is the first number after the weight.
struct AdamBase : RuleBase {
  static constexpr size_t kState = 2;  // mean gradient, mean of squared gradients
  static constexpr size_t kSigned = 1;
  static constexpr bool kRestless = true;
  static constexpr bool kCorrectsBias = true;

 protected:
  /// The gradient, after it entered the mean.
  template <typename T>
  LEAT_LANES static T Enter(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient + c[0] * pace.l2;
    c[1] = c[1] * pace.keep + g * pace.take;
    return g;
  }
  template <typename T>
  LEAT_LANES static T EnterBoth(const Pace& pace, T x, T* c) {
    const T g = Enter(pace, x, c);
    c[2] = c[2] * pace.keep2 + g * g * pace.take2;
    return g;
  }
};

struct AdamRule : AdamBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kAdam;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    EnterBoth(pace, x, c);
    c[0] = c[0] - c[1] * pace.corrected / (Sqrt(c[2]) + pace.epsilon);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<AdamRule>(c, positive, negative);
  }
};

struct AmsGradRule : AdamBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kAmsGrad;
  static constexpr size_t kState = 3;  // ... and the largest mean of squares so far

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    EnterBoth(pace, x, c);
    c[3] = Max(c[3], c[2]);
    c[0] = c[0] - c[1] * pace.corrected / (Sqrt(c[3]) + pace.epsilon);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<AmsGradRule>(c, positive, negative);
  }
};

struct AdaMaxRule : AdamBase {  // the second number is the fading maximum of |gradient|
  static constexpr LinearOptimizer kName = LinearOptimizer::kAdaMax;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = Enter(pace, x, c);
    c[2] = Max(c[2] * pace.keep2, Abs(g));
    c[0] = c[0] - c[1] * (pace.rate * pace.unbias) / (c[2] + pace.epsilon);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<AdaMaxRule>(c, positive, negative);
  }
};

struct NadamRule : AdamBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kNadam;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = EnterBoth(pace, x, c);
    const T ahead = c[1] * (pace.keep * pace.unbias) + g * (pace.take * pace.unbias);
    c[0] = c[0] - ahead * pace.rate / (Sqrt(c[2] * pace.unbias2) + pace.epsilon);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<NadamRule>(c, positive, negative);
  }
};

/// FTRL whose weight is worked out before the record enters z and n, so that it is a record behind;
/// while |z| <= l1 it stays what it was.
struct FtrlDelayedRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kFtrlDelayed;
  static constexpr size_t kState = 2;  // z, n
  static constexpr size_t kSigned = 1;
  static constexpr bool kRestless = true;
  static constexpr bool kOwnPenalty = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T g = x * pace.gradient;
    const T root = Sqrt(c[2]);
    const T excess = Max(Abs(c[1]) - pace.l1, T{});
    const T weight = CopySign(excess, -c[1]) / (root * pace.inverse_alpha + pace.ridge);
    c[0] = Choose(excess, weight, c[0]);
    c[2] = c[2] + g * g;
    c[1] = c[1] + (g - (Sqrt(c[2]) - root) * pace.inverse_alpha * c[0]);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<FtrlDelayedRule>(c, positive, negative);
  }
};

/// Steps of the size that the loss asks for: Pace::step is given, and is the intercept's, too.
struct PassiveAggressiveRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kPassiveAggressive;
  static constexpr size_t kState = 0;
  static constexpr bool kOwnStep = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    c[0] = c[0] - x * pace.step;
  }
  static void UpdateIntercept(const Pace& pace, double* c) { c[0] -= pace.step; }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<PassiveAggressiveRule>(c, positive, negative);
  }
};

/// AROW with a variance for each weight. Its inverse less 1 is kept, so that a weight that no
/// record has touched is all zeros. The variance s falls to s - s^2 x^2 / (noise + spread), whose
/// inverse is 1 / s + x^2 / (noise + the rest of the spread): never negative, whatever the
/// rounding.
struct ArowRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kArow;
  static constexpr size_t kState = 1;  // 1 / variance - 1
  static constexpr bool kOwnStep = true;
  static constexpr bool kConfident = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    const T variance = (T{} + 1.0) / (c[1] + 1.0);
    const T rest = Max(T{} + pace.spread - x * x * variance, T{});
    c[0] = c[0] - x * variance * pace.step;
    c[1] = c[1] + x * x / (rest + pace.noise);
  }
  static void UpdateIntercept(const Pace& pace, double* c) { Update(pace, 1.0, c); }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<ArowRule>(c, positive, negative);
  }
};

/// SGD that predicts by the mean of the weights it has had. What comes after the weight, the mean,
/// is how far SGD's own weight lies below it: looking ahead with all of it finds SGD's margin.
struct AveragedSgdRule : RuleBase {
  static constexpr LinearOptimizer kName = LinearOptimizer::kAveragedSgd;
  static constexpr size_t kState = 2;  // mean less SGD's weight, number of weights in the mean
  static constexpr size_t kSigned = 1;
  static constexpr bool kRestless = true;
  static constexpr bool kLooksAhead = true;

  template <typename T>
  LEAT_LANES static void Update(const Pace& pace, T x, T* c) {
    Enter(pace, (c[0] - c[1]) * pace.shrink - x * pace.step, c);
  }
  static void UpdateIntercept(const Pace& pace, double* c) {
    Enter(pace, c[0] - c[1] - pace.intercept_rate * pace.gradient, c);
  }
  static void Halve(const Pace&, const double* c, double* positive, double* negative) {
    HalveSigned<AveragedSgdRule>(c, positive, negative);
  }

 private:
  /// Takes SGD's new weight into the mean; the first one is the mean.
  template <typename T>
  LEAT_LANES static void Enter(const Pace& pace, T weight, T* c) {
    const T more = -(c[2] + 1.0);
    c[2] = -Max(more, T{} - pace.average_over);
    c[1] = (c[0] - weight) * (T{} + 1.0 - (T{} + 1.0) / c[2]);
    c[0] = weight + c[1];
  }
};

}  // namespace leat::linear
