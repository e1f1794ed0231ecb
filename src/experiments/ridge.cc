#include "experiments/ridge.h"

#include <algorithm>
#include <cmath>

#include "base/points.h"

namespace leat::experiments {

Ridge::Ridge(size_t dimensions, double lambda, size_t parts)
    : d_(dimensions),
      lambda_(lambda),
      factor_(dimensions * dimensions, 0.0),
      b_(dimensions, 0.0),
      theta_(dimensions, 0.0),
      parts_(parts * dimensions * (dimensions + 1), 0.0) {
  for (size_t i = 0; i < d_; ++i) L(i, i) = std::sqrt(lambda);
}

Ridge Ridge::FromPrecision(size_t dimensions, std::span<const double> precision) {
  Ridge out(dimensions, 1);
  out.Factorise({precision.begin(), precision.end()});
  return out;
}

void Ridge::Factorise(std::vector<double> a) {
  for (size_t j = 0; j < d_; ++j) {
    for (size_t i = j; i < d_; ++i) {
      double sum = a[i * d_ + j];
      for (size_t k = 0; k < j; ++k) sum -= L(i, k) * L(j, k);
      L(i, j) = i == j ? std::sqrt(std::max(sum, 1e-300)) : sum / L(j, j);
    }
  }
}

void Ridge::Solve() {
  std::vector<double>& y = theta_;
  for (size_t i = 0; i < d_; ++i) {
    double sum = b_[i];
    for (size_t k = 0; k < i; ++k) sum -= L(i, k) * y[k];
    y[i] = sum / L(i, i);
  }
  for (size_t i = d_; i-- > 0;) {
    double sum = y[i];
    for (size_t k = i + 1; k < d_; ++k) sum -= L(k, i) * y[k];
    y[i] = sum / L(i, i);
  }
}

void Ridge::Learn(std::span<const double> x, double y, double weight, double discount,
                  size_t part) {
  // Their products must be finite, too.
  const double root = std::sqrt(weight);
  const auto usable = [&](double v) { return points::Usable(root * v); };
  if (!(weight > 0) || !std::all_of(x.begin(), x.end(), usable) || !usable(y)) return;
  if (discount < 1) {
    std::vector<double> a(d_ * d_, 0.0);
    for (size_t i = 0; i < d_; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (size_t k = 0; k <= j; ++k) sum += L(i, k) * L(j, k);
        a[i * d_ + j] = discount * sum + (i == j ? (1 - discount) * lambda_ : 0);
      }
    }
    Factorise(std::move(a));
    for (double& v : b_) v *= discount;
  }
  if (!parts_.empty()) {
    const std::span<double> own = Part(part);
    for (size_t i = 0; i < d_; ++i) {
      for (size_t j = 0; j <= i; ++j) own[i * d_ + j] += weight * x[i] * x[j];
      own[d_ * d_ + i] += weight * y * x[i];
    }
  }
  std::vector<double> r(x.begin(), x.end());
  for (double& v : r) v *= root;
  for (size_t k = 0; k < d_; ++k) {
    const double old = L(k, k);
    const double now = std::sqrt(old * old + r[k] * r[k]);
    const double c = now / old, s = r[k] / old;
    L(k, k) = now;
    for (size_t i = k + 1; i < d_; ++i) {
      L(i, k) = (L(i, k) + s * r[i]) / c;
      r[i] = c * r[i] - s * L(i, k);
    }
  }
  for (size_t i = 0; i < d_; ++i) b_[i] += weight * y * x[i];
  Solve();
}

void Ridge::Forget(size_t part) {
  const std::span<double> gone = Part(part);
  if (std::all_of(gone.begin(), gone.end(), [](double v) { return v == 0; })) return;
  std::fill(gone.begin(), gone.end(), 0.0);
  std::vector<double> a(d_ * d_, 0.0);
  for (size_t i = 0; i < d_; ++i) a[i * d_ + i] = lambda_;
  std::fill(b_.begin(), b_.end(), 0.0);
  for (size_t p = 0; p < parts_.size() / (d_ * (d_ + 1)); ++p) {
    const std::span<const double> left = Part(p);
    for (size_t i = 0; i < d_ * d_; ++i) a[i] += left[i];
    for (size_t i = 0; i < d_; ++i) b_[i] += left[d_ * d_ + i];
  }
  Factorise(std::move(a));
  Solve();
}

double Ridge::Predict(std::span<const double> x) const {
  double sum = 0;
  for (size_t i = 0; i < d_; ++i) sum += theta_[i] * x[i];
  return sum;
}

double Ridge::Width(std::span<const double> x) const {
  double squares = 0;
  std::vector<double> z(d_);
  for (size_t i = 0; i < d_; ++i) {
    double sum = x[i];
    for (size_t k = 0; k < i; ++k) sum -= L(i, k) * z[k];
    z[i] = sum / L(i, i);
    squares += z[i] * z[i];
  }
  return std::sqrt(squares);
}

std::vector<double> Ridge::Covariance() const {
  // A^-1 = L^-T L^-1; column by column of L^-1.
  std::vector<double> inverse(d_ * d_, 0.0), out(d_ * d_, 0.0);
  for (size_t j = 0; j < d_; ++j) {
    for (size_t i = j; i < d_; ++i) {
      double sum = i == j ? 1 : 0;
      for (size_t k = j; k < i; ++k) sum -= L(i, k) * inverse[k * d_ + j];
      inverse[i * d_ + j] = sum / L(i, i);
    }
  }
  for (size_t i = 0; i < d_; ++i) {
    for (size_t j = 0; j < d_; ++j) {
      for (size_t k = std::max(i, j); k < d_; ++k) {
        out[i * d_ + j] += inverse[k * d_ + i] * inverse[k * d_ + j];
      }
    }
  }
  return out;
}

void Ridge::Save(StateWriter& out) const {
  out.Section("ridge", 2);
  out.Array(factor_);
  out.Array(b_);
  out.Array(theta_);
  out.Array(parts_);
}

Status Ridge::Load(StateReader& in) {
  const uint32_t version = in.Section("ridge", 2);
  const auto read = [&](std::vector<double>& to) {
    std::vector<double> values;
    in.Array(values);
    if (in.ok() && values.size() != to.size()) in.Fail("a ridge regression of another size");
    if (in.ok()) to = std::move(values);
  };
  read(factor_);
  read(b_);
  read(theta_);
  if (version >= 2) read(parts_);  // Version 1 had none.
  return in.status();
}

}  // namespace leat::experiments
