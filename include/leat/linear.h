/// Linear models learnt one record at a time: logistic regression (binary, then multiclass when a
/// third class appears) and linear regression with a choice of losses.
///
/// Sources: stochastic gradient descent with the cumulative L1 penalty of Tsuruoka, Tsujii,
/// Ananiadou, "Stochastic Gradient Descent Training for L1-regularized Log-linear Models with
/// Cumulative Penalty" (ACL 2009, section 3.1); AdaGrad, diagonal form: Duchi, Hazan, Singer,
/// "Adaptive Subgradient Methods" (JMLR 2011, figure 1), with 1e-8 under the root; FTRL-Proximal:
/// McMahan et al., "Ad Click Prediction: a View from the Trenches" (KDD 2013, algorithm 1), the
/// intercept being a feature of value 1 and so under its L1 and L2 too.
/// Momentum: Polyak (1964) and Nesterov (1983), in the form of Sutskever et al. (ICML 2013), with
/// the rate inside the step; RMSProp: Tieleman, Hinton (2012); AdaDelta: Zeiler (arXiv 1212.5701,
/// algorithm 1); Adam and AdaMax: Kingma, Ba (ICLR 2015, algorithms 1 and 2); Nadam: Dozat (ICLR
/// workshop 2016); AMSGrad: Reddi, Kale, Kumar (ICLR 2018, algorithm 2), with Adam's correction of
/// the bias. Passive-aggressive, PA-I and PA-II: Crammer et al. (JMLR 2006, sections 3 to 5).
/// AROW: Crammer, Kulesza, Dredze, "Adaptive Regularization of Weight Vectors" (NIPS 2009, figure
/// 1), with the diagonal of the covariance only; for numbers the same step on the error beyond
/// `insensitivity`. Averaged SGD: Polyak, Juditsky (1992), Ruppert (1988).
/// Perceptron: Rosenblatt (1958). Poisson regression: Nelder, Wedderburn (1972); the prediction is
/// exp(r), with r cut at 50, and targets below 0 are not learnt. ftrl_delayed is FTRL with weights
/// one step behind z and n, which is how River computes it: there to repeat its results.
/// Deviations: the intercept of every optimizer but ftrl, passive_aggressive and arow takes plain
/// steps of its own rate; that of passive_aggressive is not part of the norm of the inputs; that of
/// arow is one more feature. A weight of k divides the noise of arow by k. The mean of averaged_sgd
/// turns into a fading one after `average_over` records, and a sparse weight's is over the records
/// that hold the feature. An optimizer
/// with memory touches a sparse feature only when it is present. A weight scales C of PA-I and
/// PA-II. With AdaGrad the cumulative L1 penalty grows with the global rate, not with that of each
/// coordinate.
///
/// Shapes: margin r = w . x + b over the dense part (d numbers) and the sparse part (index, value).
/// A weight of k scales the gradient of the loss by k. For sparse features L1 and L2 act when the
/// feature is present (lazily); for dense ones at every record.
/// Missing values: a NaN or infinite input counts as 0 (after standard scaling, the mean). A record
/// with a finite value or a weight beyond 1e50 in size is predicted, but not learnt (and counted).
/// With inputs, gradients and options bounded, weights stay finite: no NaN can reach a weight or an
/// output. Probabilities: log loss gives 1 / (1 + exp(-r)); with hinge loss the same function of
/// the margin is returned, which orders records well but is not calibrated. Classes: while only
/// classes 0 and 1 were seen one row of weights is kept, its margin in favour of class 1. When a
/// third class appears, rows are opened such that predictions for the old classes keep their ratio.
/// A gradient is taken against the prediction as it was before the class was known. Labels that are
/// not whole numbers in [0, max_classes) are ignored and counted. Cost: one pass over the inputs to
/// predict, two to learn (times the classes if more than two). Bytes per dense or sparse position:
/// 8 (sgd, passive_aggressive), 16 (adagrad, rmsprop, momentum, nesterov, arow), 24 (adadelta,
/// adam, adamax, nadam, ftrl_delayed, averaged_sgd), 32 (amsgrad; ftrl: w, z, n, root of n side by
/// side), 8 more with L1 under all but the two of FTRL; times the classes if more than two. Thread
/// safety and determinism: as said in model.h; sums run in one fixed order and the exponential is
/// our own, so that the bits are the same on any processor; where it has AVX2, four coordinates are
/// stepped at a time instead of two. Two schedules are the exception: exponential, and
/// inverse_scaling with a power other than 0.5, take exp2 and pow from the C library, which picks
/// its code by processor, so that last bits may differ.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

enum class LinearOptimizer {
  kSgd,
  kAdaGrad,
  kFtrl,
  kMomentum,
  kNesterov,
  kRmsProp,
  kAdaDelta,
  kAdam,
  kAmsGrad,
  kAdaMax,
  kNadam,
  kFtrlDelayed,
  kPassiveAggressive,
  kArow,
  kAveragedSgd,
};
enum class LinearLoss {
  kLog,
  kHinge,
  kSquared,
  kAbsolute,
  kHuber,
  kQuantile,
  kPerceptron,
  kEpsilonInsensitive,
  kPoisson,
};
/// Passive-aggressive: steps without a bound, bounded by C (PA-I), or softened by C (PA-II).
enum class LinearAggression { kPa, kPa1, kPa2 };
enum class LinearSchedule { kConstant, kInverseScaling, kInverseTime, kExponential };
enum class LinearMulticlass {
  kSoftmax,      ///< One row until a third class appears, then softmax over a row a class.
  kOneVsRest,    ///< One row until a third class appears, then a binary learner a class.
  kSoftmaxFull,  ///< Softmax over a row a class from the first class on.
};
enum class LinearClassWeight { kNone, kBalanced };

struct LinearOptions {
  LinearOptimizer optimizer = LinearOptimizer::kAdaGrad;
  /// log, hinge or perceptron to classify; the others for numbers.
  LinearLoss loss = LinearLoss::kLog;
  double learning_rate = 0.1;  ///< [1e-12, 1e6]; alpha of FTRL.
  LinearSchedule schedule = LinearSchedule::kConstant;
  double power = 0.5;          ///< Of inverse_scaling; [0, 1].
  double half_life = 100'000;  ///< Of inverse_time and exponential, in records; > 0.
  double beta = 1;             ///< Of FTRL; (0, 1e6].
  double momentum = 0.9;       ///< Share kept of the last step: momentum, nesterov; [0, 0.9999].
  double decay = 0.9;          ///< Share kept of the mean squares: rmsprop, adadelta; [0, 0.9999].
  double beta_1 = 0.9;         ///< Share kept of the mean gradient: adam and its kin; below beta_2.
  double beta_2 = 0.999;       ///< Share kept of the mean squared gradient; (0, 0.999999].
  double epsilon = 1e-8;  ///< Keeps the steps of rmsprop, adadelta, adam... finite; [1e-12, 1].
  LinearAggression aggression = LinearAggression::kPa1;
  double aggressiveness = 1;  ///< C of PA-I and PA-II; (0, 1e6].
  double noise = 1;           ///< r of AROW: larger trusts a record less; [1e-6, 1e6].
  /// Weights that averaged_sgd averages, evenly until there are so many; then old ones fade; >= 1.
  double average_over = 1e6;
  double insensitivity = 0.1;  ///< Errors up to this cost nothing: epsilon_insensitive; [0, 1e50].
  double l1 = 0;               ///< [0, 1e6].
  double l2 = 0;               ///< [0, 1e6]; learning_rate * l2 <= 1 under sgd.
  bool intercept = true;
  double intercept_learning_rate = 0.01;  ///< Not ftrl, passive_aggressive, arow; [0, 1e6].
  double clip_gradient = 1e12;            ///< Largest size of the loss's derivative; > 0.
  double huber_delta = 1;                 ///< Where huber turns linear, in units of the target.
  double quantile = 0.5;                  ///< (0, 1).
  LinearMulticlass multiclass = LinearMulticlass::kSoftmax;
  LinearClassWeight class_weight = LinearClassWeight::kNone;
  std::map<std::string, double> class_weights;  ///< By class index as text: {"1": 20}.
  int64_t max_classes = 256;                    ///< [2, 65536].
};

void Describe(Params& params, LinearOptions& options);

/// One sum that a linear model makes of a record: a constant, and a weight an input.
struct LinearWeights {
  int64_t of_class = -1;  ///< In whose favour it is; -1 where it predicts a number.
  double intercept = 0;
  std::vector<double> dense;                        ///< By position.
  std::vector<std::pair<uint32_t, double>> sparse;  ///< By index, without those that are 0.
};

/// What can be asked of a linear model beyond Model. Rows: one while binary or a regression, else
/// one a class.
class LinearModel : public Model {
 public:
  virtual size_t rows() const = 0;
  virtual double Intercept(size_t row) const = 0;
  /// The weight of a dense position. REQUIRES row < rows() and i < the dense length.
  virtual double DenseWeight(size_t row, size_t i) const = 0;
  virtual double SparseWeight(size_t row, uint32_t index) const = 0;
  /// All of them, row by row.
  virtual std::vector<LinearWeights> Weights() const = 0;
  /// The optimizer's state at a dense position, or of the intercept for i = the dense length:
  /// adagrad: 0 = sum of squares; ftrl: 0 = z, 1 = n; momentum and nesterov: the last step;
  /// rmsprop: the mean square; adadelta: mean squares of gradients, of steps; adam and its kin: the
  /// mean gradient, the mean square (adamax: the largest), and its maximum for amsgrad; arow:
  /// 1 / variance - 1; averaged_sgd: the mean less SGD's weight, weights in the mean.
  virtual double OptimizerState(size_t row, size_t i, size_t which) const = 0;
  /// Records that were not learnt: bad target or weight, or a value out of range.
  virtual uint64_t skipped() const = 0;
};

/// The dense part must hold numbers: nominal attributes belong in the sparse part, one index a
/// value. Both return a LinearModel. Errors: kInvalid for losses of the other task, bad class
/// weights, schedules under FTRL, nominal attributes.
Result<std::unique_ptr<Model>> MakeLogisticRegression(const LinearOptions& options,
                                                      const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeLinearRegression(const LinearOptions& options,
                                                    const InputSpec& inputs);

}  // namespace leat
