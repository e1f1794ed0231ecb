/// Ridge regression that learns one row at a time, for LinUCB, LinTS, SquareCB and reward models.
///
/// Source: Li, Chu, Langford and Schapire (2010), algorithm 1; the inverse is not kept: the
/// Cholesky factor of A = lambda I + sum x x' is updated in place (Gill, Golub, Murray, Saunders
/// 1974), which subtracts nothing and stays exact over millions of rows. A discount multiplies what
/// was learnt and gives back its share of lambda I: A <- g A + (1 - g) lambda I + x x'. For a
/// sliding window what was learnt is kept apart in `parts`, each of which can be forgotten; A is
/// then made anew from the others, so that nothing is left behind. Shapes: d numbers a row. Cost:
/// O(d^2) time a row, or O(d^3) with a discount below 1; 8 d (d + 2) bytes, and with parts 8 d (d +
/// 1) for each. Thread safety: const methods may run concurrently. Determinism: the order of Learn
/// calls. Errors: rows that are not finite, or beyond 1e100 in size (times the root of the weight),
/// are ignored.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

class Ridge {
 public:
  /// REQUIRES dimensions >= 1 and lambda > 0.
  Ridge(size_t dimensions, double lambda, size_t parts = 0);
  /// Starts from a precision matrix by rows, which REQUIRES to be positive definite.
  static Ridge FromPrecision(size_t dimensions, std::span<const double> precision);

  /// REQUIRES part < parts where there are parts, and no discount then.
  void Learn(std::span<const double> x, double y, double weight = 1, double discount = 1,
             size_t part = 0);
  /// Forgets what was learnt in this part. Cost: O(parts d^2 + d^3), or O(d^2) if that is nothing.
  void Forget(size_t part);
  double Predict(std::span<const double> x) const;
  /// sqrt(x' A^-1 x).
  double Width(std::span<const double> x) const;
  std::vector<double> Coefficients() const { return theta_; }
  std::vector<double> Covariance() const;  ///< A^-1 by rows.
  size_t dimensions() const { return d_; }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const {
    return (factor_.size() + b_.size() + theta_.size() + parts_.size()) * 8;
  }

 private:
  void Factorise(std::vector<double> a);
  void Solve();
  /// d rows of d for A, of which the lower triangle is used, and d for b.
  std::span<double> Part(size_t part) {
    return std::span(parts_).subspan(part * d_ * (d_ + 1), d_ * (d_ + 1));
  }
  double& L(size_t i, size_t j) { return factor_[i * d_ + j]; }
  double L(size_t i, size_t j) const { return factor_[i * d_ + j]; }

  size_t d_;
  double lambda_;
  std::vector<double> factor_;  ///< The lower triangle, by rows of d.
  std::vector<double> b_, theta_;
  std::vector<double> parts_;
};

}  // namespace leat::experiments
