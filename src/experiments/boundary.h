/// Uniform boundaries: where a sum may be at every time at once, with a chance of alpha to leave.
///
/// Source: Howard, Ramdas, McAuliffe, Sekhon, Time-uniform, nonparametric, nonasymptotic confidence
/// sequences (2021): equation 14 (normal mixture), propositions 7 to 10 (beta-binomial, one-sided
/// normal, gamma-exponential, gamma-Poisson), theorem 1 (stitching); Howard and Ramdas, Sequential
/// estimation of quantiles (2022): theorem 1 (double stitching), theorem 3 (all quantiles at once).
/// s is the sum of deviations, v its intrinsic time (both 0 at the start). A mixture gives the
/// logarithm of an e-value: 0 at the start, above ln(1/alpha) at any time with a chance of at most
/// alpha. Cost: O(1); Bound of the mixtures without closed form: about 60 evaluations. Thread
/// safety and determinism: pure. Errors: arguments outside the domain give NaN or an infinite
/// bound.
#pragma once

#include "experiments/effect.h"

namespace leat::experiments {

/// rho that makes the two-sided normal mixture's bound narrowest at time `v_opt`.
double NormalMixtureRho(double v_opt, double alpha);

struct NormalMixture {
  double rho = 1;
  double LogE(double s, double v) const;
  double Bound(double v, double alpha) const;
};

enum class MixtureKind {
  kNormalTwoSided,
  kNormalOneSided,
  kGammaExponential,      ///< Scale c: sub-exponential.
  kGammaPoisson,          ///< Scale c: sub-Poisson.
  kBetaBinomialTwoSided,  ///< Range g below to h above.
  kBetaBinomialOneSided,
};

class Mixture {
 public:
  /// `c` is the scale of the gamma mixtures; `g`, `h` are the reaches of the beta-binomial ones.
  Mixture(MixtureKind kind, double v_opt, double alpha_opt, double c = 1, double g = 0.5,
          double h = 0.5);
  double LogE(double s, double v) const;
  /// The smallest s > 0 with LogE(s, v) >= ln(1/alpha).
  double Bound(double v, double alpha) const;

 private:
  MixtureKind kind_;
  double rho_, c_, g_, h_;
  double r_ = 0;        ///< Beta-binomial.
  double leading_ = 0;  ///< What of the logarithm does not depend on s and v.
};

// ---- Library only: no method of an experiment asks for these ----

/// Polynomial stitching.
double PolyStitchingBound(double v, double alpha, double v_min, double c, double s = 1.4,
                          double eta = 2);
/// The bound of the count below the p-quantile, for all times and, with p, for all quantiles.
double DoubleStitchingBound(double p, double t, double alpha, double t_opt, double delta = 0.5,
                            double s = 1.4, double eta = 2);
/// The largest difference of the empirical distribution function, for all t >= t_min.
double EmpiricalProcessBound(double t, double alpha, double t_min, double a);

/// A rate of k in n, watched continuously: the beta-binomial mixture inverted.
Interval BernoulliSequence(double k, double n, double alpha, double t_opt, double alpha_opt = 0.05);

}  // namespace leat::experiments
