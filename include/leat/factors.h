/// Learners that see pairs: each input, or each id, has a few hidden numbers, its factors, and what
/// two of them say together is the product of theirs.
///
/// Factorization machine (Rendle, "Factorization machines", ICDM 2010, equations 1 and 5): w0 + sum
/// w_i x_i + sum over pairs <v_i, v_j> x_i x_j, in time linear in the inputs, as a score for
/// classes (softmax over a machine each, 0 for the first class seen) or for a number, whose mean
/// and deviation so far are taken out first. Steps by plain gradients, or AdaGrad (Duchi, Hazan and
/// Singer 2011). Deviations: a sparse position that was never learnt says nothing, where its
/// factors would be those drawn at the start; these are uniform, not normal.
///
/// Online matrix factorization (Koren, Bell and Volinsky 2009; stochastic gradient steps, record by
/// record): mean + bias of the user + bias of the item + <factors of the user, of the item>, where
/// user and item are any two ids. At most `max_ids` of either side are known: when one more comes,
/// the one of its side that was learnt longest ago is forgotten; should it come again it is new. An
/// unknown id says nothing, so a new user is predicted the item's mean.
///
/// Shapes. The machine reads the dense part as numbers (missing, infinite and those beyond 1e50 in
/// size count as 0; nominal attributes are refused) and the sparse part as position and value, as
/// the linear models do, and wants inputs of like scale. The factorization reads two ids and
/// nothing else: nominal dense attributes (the code is the id; a missing one is an unknown one) and
/// sparse entries (the position is the id, the value is not looked at), together two, the first the
/// user's. Classification: probabilities, targets as in leat/model.h below max_classes. Regression:
/// one number within the range of the targets seen and a tenth of it on either side, 0 while
/// nothing was learnt; targets that are not finite or beyond 1e100 in size are counted and ignored,
/// as are weights outside (0, 1e12]. Cost: (1 + factors) multiplications and additions an input and
/// class to predict, three times that to learn. Bytes: 8 (1 + factors) a position that was learnt,
/// with adagrad twice that, times the classes but one; 8 (1 + factors) + 48 an id. Thread safety:
/// const methods may run concurrently. Determinism: factors start from (seed, class, position).
/// Errors: options out of range, layouts that cannot be read.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

enum class FactorOptimizer { kSgd, kAdaGrad };

struct FactorizationMachineOptions {
  int64_t factors = 8;  ///< Of each input; 0..256, 0: a linear model.
  FactorOptimizer optimizer = FactorOptimizer::kAdaGrad;
  double learning_rate = 0.05;  ///< [1e-9, 10].
  double l2 = 1e-5;             ///< Penalty on the square of weights, at records that have them.
  double factor_l2 = 1e-4;      ///< The same of factors.
  double spread = 0.05;         ///< Factors start between minus and plus this; (0, 1].
  int64_t seed = 1;             ///< Of the factors at the start; >= 0.
  int64_t max_classes = 256;    ///< Labels from here on are ignored and counted; 2..65,536.
};

struct MatrixFactorizationOptions {
  int64_t factors = 16;         ///< Of each id; 0..256, 0: biases alone.
  double learning_rate = 0.05;  ///< In deviations of the target; (0, 1].
  double l2 = 0.02;             ///< Pulls biases and factors to 0 at each step; [0, 1].
  double spread = 0.1;          ///< Factors start between minus and plus this; (0, 1].
  int64_t max_ids = 100'000;    ///< Known at once, of users and of items each; 1..100,000,000.
  int64_t seed = 1;             ///< Of the factors at the start; >= 0.
};

void Describe(Params& params, FactorizationMachineOptions& options);
void Describe(Params& params, MatrixFactorizationOptions& options);

Result<std::unique_ptr<Model>> MakeFactorizationMachine(const FactorizationMachineOptions& options,
                                                        const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeFactorizationMachineRegressor(
    const FactorizationMachineOptions& options, const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeMatrixFactorization(const MatrixFactorizationOptions& options,
                                                       const InputSpec& inputs);

}  // namespace leat
