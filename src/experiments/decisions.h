/// The rest of the tests: group sequential boundaries, Bayes, sample-ratio mismatch, many tests at
/// once, and how many units a test needs.
///
/// Sources: Lan and DeMets (1983) with recursive integration (Armitage, McPherson and Rowe 1969);
/// sequential multinomial test of Lindon and Malek (2022); Holm (1979); Benjamini and Hochberg
/// (1995); e-BH, Wang and Ramdas (2022). Cost is beside each function. Thread safety and
/// determinism: pure functions. Errors: arguments outside the domain give NaN or an empty vector.
#pragma once

#include <span>
#include <vector>

#include "experiments/effect.h"

namespace leat::experiments {

// ---- Group sequential: a few looks, planned or not, at known shares of the information ----
enum class Spending {
  kPower,          ///< alpha t^2
  kObrienFleming,  ///< 2 - 2 Phi(z_{alpha/2} / sqrt t)
  kPocock,         ///< alpha ln(1 + (e - 1) t)
};
struct Look {
  double z = 0;              ///< Reject when |Z| (or Z, one-sided) is at least this.
  double nominal_alpha = 0;  ///< Of that z alone.
};
/// The boundaries of looks at `information` (ascending, in (0, 1]; beyond 1 counts as 1). Each
/// depends only on the looks before it. Cost: looks * 400^2.
std::vector<Look> GroupSequential(std::span<const double> information, double alpha, int sides,
                                  Spending spending);

/// The smallest alpha, up to `most`, at whose boundary |z| at the last look rejects; 1 if none.
/// The smallest of a test's looks so far is a p-value (Jennison and Turnbull 2000, chapter 9).
/// Cost: that of GroupSequential 27 times.
double GroupSequentialP(std::span<const double> information, double z, double most, int sides,
                        Spending spending);

// ---- Bayes ----
struct Posterior {
  double mean = 0, sd = 0;
  double chance_to_win = 0;
  double loss_if_ship = 0;  ///< Expected, of shipping the treatment.
  double loss_if_keep = 0;  ///< Expected, of keeping the control.
  Interval interval;        ///< Credible.
};
/// A normal effect under a normal prior (`prior_variance` infinite: flat).
Posterior GaussianPosterior(const Effect& effect, double alpha = 0.05, double prior_mean = 0,
                            double prior_variance = std::numeric_limits<double>::infinity());
struct BetaArm {
  double a = 1, b = 1;
};
/// The chance that B's rate is above A's, by quadrature (error below 1e-11).
double BetaChance(const BetaArm& a, const BetaArm& b);
/// E max(p_A - p_B, 0): what shipping B is expected to lose.
double BetaExpectedLoss(const BetaArm& a, const BetaArm& b);
/// The chance of each arm to be the best. Sums to 1. Cost: O(arms * nodes), nodes about 100 + 40
/// an arm.
std::vector<double> ChanceBestBeta(std::span<const BetaArm> arms);
struct GaussArm {
  double mean = 0, sd = 1;
};
/// The same of normals, within 1e-12 (less exact where a spread is below a millionth of what lies
/// between the means). Cost: O(arms * nodes), nodes about 24 sqrt(arms) where the
/// spreads are alike, and at most as many as above.
std::vector<double> ChanceBestGauss(std::span<const GaussArm> arms);

// ---- Sample-ratio mismatch ----
/// p of the chi-squared test at one fixed time. Arms of weight 0 are left out; 1 with fewer than
/// two arms or without units.
double SrmChiSquared(std::span<const double> counts, std::span<const double> weights);
/// ln of the Bayes factor (an e-value, valid at every time) of a Dirichlet(k p) mixture.
double SrmLogE(std::span<const double> counts, std::span<const double> weights, double k);
/// ln of the mean of that e-value over k = 100, 1e3, 1e4, 1e5.
double SrmLogE(std::span<const double> counts, std::span<const double> weights);

// ---- Many tests ----
std::vector<double> Holm(std::span<const double> p);
std::vector<double> BenjaminiHochberg(std::span<const double> p);
/// Which hypotheses e-BH rejects at level alpha, from e-values as logarithms; any dependence.
std::vector<bool> EBenjaminiHochberg(std::span<const double> log_e, double alpha);

// ---- Power ----
/// Units of both arms together (equal arms) to find a difference of means.
double UnitsForMean(double difference, double variance, double alpha, double power, int sides);
/// The same for a share that is `share` in the control: pooled variance under no effect.
double UnitsForShare(double share, double difference, double alpha, double power, int sides);
/// Power of a test of two means with `units` in all.
double PowerForMean(double difference, double variance, double alpha, double units, int sides);
/// Units at which the confidence sequence tuned there excludes 0 with this power, by search.
double UnitsForSequence(double difference, double variance, double alpha, double power);

}  // namespace leat::experiments
