/// Bayesian linear regression: the exact posterior of the weights of a linear model with a normal
/// prior and normal noise, learnt one record at a time.
///
/// Source: Bishop, "Pattern Recognition and Machine Learning" (2006), section 3.3, equations 3.49
/// to 3.51 with S0 = I / alpha; the covariance is carried on by the formula of Sherman and
/// Morrison. Deviation: a record's weight w counts as noise of precision w * beta.
///
/// Shapes: d dense numbers, and one of value 1 if there is an intercept, which has the same prior;
/// no sparse part. Predict gives the mean of the target; Variance its predictive variance (equation
/// 3.59). Missing values: as in linear.h, a NaN or infinite input counts as 0; a record with a
/// finite value, target or weight beyond 1e50 in size is predicted, not learnt, and counted, as is
/// one that rounding would turn into a covariance that is none. Cost: d to predict, 2 d^2 to learn;
/// bytes: 8 d (d + 3). There is no rate to choose and no forgetting: the mean settles. Thread
/// safety and determinism: as said in model.h; sums run from the front.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/linear.h"
#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct BayesianLinearOptions {
  double alpha = 1;       ///< Precision of the prior of a weight; [1e-9, 1e9].
  double beta = 1;        ///< Precision of the noise, 1 / variance of the target; [1e-9, 1e9].
  bool intercept = true;  ///< Whether there is a constant term.
};

void Describe(Params& params, BayesianLinearOptions& options);

class BayesianLinear : public Model {
 public:
  /// The predictive variance of a target: that of the noise and that of the weights.
  virtual double Variance(const Input& input) const = 0;
  /// The means of the weights.
  virtual LinearWeights Weights() const = 0;
};

/// Returns a BayesianLinear. Errors: kInvalid for options out of range, nominal attributes, a
/// sparse part, or more than 4,096 inputs.
Result<std::unique_ptr<Model>> MakeBayesianLinear(const BayesianLinearOptions& options,
                                                  const InputSpec& inputs);

}  // namespace leat
