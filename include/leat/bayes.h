/// Naive Bayes classifiers that learn one record at a time: Gaussian for measurements, multinomial
/// for counts, Bernoulli for presence. All work in log space and add one prior per class.
///
/// Sources: Gaussian: running moments after Welford (1962), population variance, density with an
/// additive floor (as River's GaussianNB, the specification of the reference values). Multinomial
/// and Bernoulli: McCallum, Nigam, "A Comparison of Event Models for Naive Bayes Text
/// Classification" (AAAI-98 workshop, sections 2.1 and 2.2), with `alpha` in place of 1.
/// Deviation: in the sparse part Bernoulli takes the presence of a feature as evidence, but not its
/// absence (over a hashed vocabulary that would cost a pass over all of it); in the dense part
/// both.
///
/// Shapes: a probability for each class up to the highest seen; a class below it that was never
/// seen has 0. A weight of k counts a record k times.
/// Missing values: a NaN or infinite input, or one beyond 1e100 in size, is left out of the
/// product. For multinomial, so is anything that is not above 0.
/// Cost, for d inputs and c classes: Gaussian predict c*d exponentials, learn d updates; the others
/// c*d sums to predict, and a logarithm or three per input to learn. Bytes: Gaussian 24*c*d;
/// multinomial and Bernoulli 16*c for each dense and sparse position (Bernoulli dense: 48*c).
/// Thread safety and determinism: as said in model.h. Labels that are not whole numbers in
/// [0, max_classes) and weights that are not finite and positive are ignored and counted.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct GaussianNbOptions {
  double floor = 1e-9;         ///< Added to every density; [1e-100, 1].
  bool uniform_prior = false;  ///< All classes seen alike, instead of by their share.
  int64_t max_classes = 256;   ///< [2, 65536].
};

struct MultinomialNbOptions {
  double alpha = 1;  ///< Count that every feature has beforehand; [1e-10, 1e6].
  bool uniform_prior = false;
  int64_t max_classes = 256;
};

struct BernoulliNbOptions {
  double alpha = 1;      ///< As above, for presence and for absence.
  double threshold = 0;  ///< A value above it is presence.
  bool uniform_prior = false;
  int64_t max_classes = 256;
};

void Describe(Params& params, GaussianNbOptions& options);
void Describe(Params& params, MultinomialNbOptions& options);
void Describe(Params& params, BernoulliNbOptions& options);

/// Errors: kInvalid for options out of range, nominal attributes (see naive_bayes for those), and
/// for Gaussian a sparse part, which it cannot read.
Result<std::unique_ptr<Model>> MakeGaussianNb(const GaussianNbOptions& options,
                                              const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeMultinomialNb(const MultinomialNbOptions& options,
                                                 const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeBernoulliNb(const BernoulliNbOptions& options,
                                               const InputSpec& inputs);

}  // namespace leat
