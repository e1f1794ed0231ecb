#include "evaluation/two_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "evaluation/moments.h"
#include "evaluation/quantiles.h"
#include "evaluation/special.h"

namespace leat::statistics {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> Sorted(Sample sample) {
  std::vector<double> out(sample.begin(), sample.end());
  std::sort(out.begin(), out.end());
  return out;
}

/// Walks the distinct values of both samples in ascending order. `visit(value, in_a, in_b, upto_a,
/// upto_b)` is told how often the value occurs in each and how many values are up to it.
template <typename Visit>
void WalkMerged(const std::vector<double>& a, const std::vector<double>& b, Visit visit) {
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const double value = j == b.size() || (i < a.size() && a[i] <= b[j]) ? a[i] : b[j];
    const size_t before_i = i, before_j = j;
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    visit(value, i - before_i, j - before_j, i, j);
  }
}

/// The chance that a random lattice path from (0, 0) to (n, m) touches |i m - j n| >= reach.
/// The weight that leaves is summed, not one less what stays: small chances keep their accuracy.
double PathTail(int64_t n, int64_t m, int64_t reach) {
  if (reach <= 0) return 1;
  std::vector<double> inside(static_cast<size_t>(m) + 1, 0.0);  // Of the row i, by j.
  double outside = 0;
  for (int64_t i = 0; i <= n; ++i) {
    double from_left = 0;  // Weight that steps from (i, j - 1) to (i, j).
    for (int64_t j = 0; j <= m; ++j) {
      double& cell = inside[static_cast<size_t>(j)];
      // `cell` holds what stepped down from the row above, already weighted.
      double weight = i == 0 && j == 0 ? 1 : cell + from_left;
      cell = from_left = 0;
      if (std::abs(i * m - j * n) >= reach) {
        outside += weight;
        continue;
      }
      const double left = static_cast<double>(n - i + m - j);
      if (left == 0) continue;
      cell = weight * static_cast<double>(n - i) / left;
      from_left = weight * static_cast<double>(m - j) / left;
    }
  }
  return std::min(1.0, outside);
}

struct Shares {
  std::vector<double> p, q;
  bool valid = false;
};

Shares MakeShares(Counts a, Counts b) {
  const double total_a = static_cast<double>(std::accumulate(a.begin(), a.end(), int64_t{0}));
  const double total_b = static_cast<double>(std::accumulate(b.begin(), b.end(), int64_t{0}));
  Shares shares;
  if (a.size() != b.size() || !(total_a > 0) || !(total_b > 0)) return shares;
  for (const int64_t count : a) shares.p.push_back(static_cast<double>(count) / total_a);
  for (const int64_t count : b) shares.q.push_back(static_cast<double>(count) / total_b);
  shares.valid = true;
  return shares;
}

/// p ln(p / q) with its limit at p = 0.
double Relative(double p, double q) {
  if (p == 0) return 0;
  return q == 0 ? kInfinity : p * std::log(p / q);
}

}  // namespace

TestResult KolmogorovSmirnov(Sample a, Sample b, KsMethod method) {
  if (a.empty() || b.empty()) return {kNone, kNone};
  const auto n = static_cast<int64_t>(a.size());
  const auto m = static_cast<int64_t>(b.size());
  int64_t reach = 0;  // The statistic times n m: an integer, so that it compares exactly.
  WalkMerged(Sorted(a), Sorted(b), [&](double, size_t, size_t, size_t i, size_t j) {
    reach = std::max(reach, std::abs(static_cast<int64_t>(i) * m - static_cast<int64_t>(j) * n));
  });
  const double nn = static_cast<double>(n), mm = static_cast<double>(m);
  const double statistic = static_cast<double>(reach) / (nn * mm);
  if (method == KsMethod::kExact) return {statistic, PathTail(n, m, reach)};
  const auto effective = std::max<int64_t>(1, std::llrint(nn * mm / (nn + mm)));
  return {statistic, KolmogorovFiniteSf(effective, statistic)};
}

TestResult MannWhitney(Sample a, Sample b) {
  if (a.empty() || b.empty()) return {kNone, kNone};
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double all = n + m;
  double rank_sum = 0, ties = 0;
  WalkMerged(Sorted(a), Sorted(b), [&](double, size_t in_a, size_t in_b, size_t i, size_t j) {
    const double together = static_cast<double>(in_a + in_b);
    const double last = static_cast<double>(i + j);
    rank_sum += static_cast<double>(in_a) * (last - (together - 1) / 2);
    ties += together * together * together - together;
  });
  const double u = rank_sum - n * (n + 1) / 2;
  const double variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
  if (!(variance > 0)) return {u, 1};  // All values are the same.
  const double z = (std::max(u, n * m - u) - n * m / 2 - 0.5) / std::sqrt(variance);
  return {u, std::min(1.0, 2 * NormalSf(z))};
}

TestResult WelchT(Sample a, Sample b) {
  if (a.size() < 2 || b.size() < 2) return {kNone, kNone, kNone};
  Moments x, y;
  for (const double v : a) x.Add(v);
  for (const double v : b) y.Add(v);
  const double vx = x.variance() / x.weight();
  const double vy = y.variance() / y.weight();
  if (!(vx + vy > 0)) return {kNone, kNone, kNone};
  const double t = (x.mean() - y.mean()) / std::sqrt(vx + vy);
  const double df =
      (vx + vy) * (vx + vy) / (vx * vx / (x.weight() - 1) + vy * vy / (y.weight() - 1));
  return {t, std::min(1.0, 2 * StudentTSf(std::abs(t), df)), df};
}

double AndersonDarling(Sample a, Sample b) {
  const double n[2] = {static_cast<double>(a.size()), static_cast<double>(b.size())};
  const double all = n[0] + n[1];
  if (a.empty() || b.empty() || all < 4) return kNone;
  double sum[2] = {0, 0};
  WalkMerged(Sorted(a), Sorted(b), [&](double, size_t in_a, size_t in_b, size_t i, size_t j) {
    const double together = static_cast<double>(in_a + in_b);
    const double below = static_cast<double>(i + j) - together / 2;  // B of the paper.
    const double mine[2] = {static_cast<double>(i) - static_cast<double>(in_a) / 2,
                            static_cast<double>(j) - static_cast<double>(in_b) / 2};
    const double scale = below * (all - below) - all * together / 4;
    if (!(scale > 0)) return;  // All values are the same.
    for (int s = 0; s < 2; ++s) {
      const double off = all * mine[s] - below * n[s];
      sum[s] += together / all * off * off / scale;
    }
  });
  const double statistic = (all - 1) / all * (sum[0] / n[0] + sum[1] / n[1]);

  // Mean k - 1 and variance under equality, for k = 2 samples.
  const auto size = static_cast<int64_t>(all);
  double h = 0, g = 0, tail = 0;
  for (int64_t i = 1; i < size; ++i) h += 1 / static_cast<double>(i);
  for (int64_t i = size - 2; i >= 1; --i) {
    tail += 1 / static_cast<double>(i + 1);  // Sum of 1/j for i < j < N.
    g += tail / static_cast<double>(size - i);
  }
  const double big_h = 1 / n[0] + 1 / n[1];
  constexpr double k = 2;
  const double ca = (4 * g - 6) * (k - 1) + (10 - 6 * g) * big_h;
  const double cb =
      (2 * g - 4) * k * k + 8 * h * k + (2 * g - 14 * h - 4) * big_h - 8 * h + 4 * g - 6;
  const double cc =
      (6 * h + 2 * g - 2) * k * k + (4 * h - 4 * g + 6) * k + (2 * h - 6) * big_h + 4 * h;
  const double cd = (2 * h + 6) * k * k - 4 * h * k;
  const double variance =
      (((ca * all + cb) * all + cc) * all + cd) / ((all - 1) * (all - 2) * (all - 3));
  return (statistic - (k - 1)) / std::sqrt(variance);
}

TestResult ChiSquaredContingency(Counts a, Counts b) {
  const Shares shares = MakeShares(a, b);
  if (!shares.valid) return {kNone, kNone, kNone};
  const double total_a = static_cast<double>(std::accumulate(a.begin(), a.end(), int64_t{0}));
  const double total_b = static_cast<double>(std::accumulate(b.begin(), b.end(), int64_t{0}));
  double statistic = 0, df = -1;
  for (size_t i = 0; i < a.size(); ++i) {
    const double both = static_cast<double>(a[i] + b[i]);
    if (both == 0) continue;
    df += 1;
    const double ea = both * total_a / (total_a + total_b);
    const double eb = both * total_b / (total_a + total_b);
    const double da = static_cast<double>(a[i]) - ea;
    const double db = static_cast<double>(b[i]) - eb;
    statistic += da * da / ea + db * db / eb;
  }
  return {statistic, df > 0 ? ChiSquaredSf(statistic, df) : 1, df};
}

TestResult ChiSquaredGoodnessOfFit(Counts observed, Counts expected) {
  const Shares shares = MakeShares(observed, expected);
  if (!shares.valid) return {kNone, kNone, kNone};
  const double total =
      static_cast<double>(std::accumulate(observed.begin(), observed.end(), int64_t{0}));
  double statistic = 0, df = -1;
  for (size_t i = 0; i < observed.size(); ++i) {
    const double wanted = total * shares.q[i];
    const double found = static_cast<double>(observed[i]);
    if (wanted == 0 && found == 0) continue;
    df += 1;
    statistic += wanted == 0 ? kInfinity : (found - wanted) * (found - wanted) / wanted;
  }
  return {statistic, df > 0 ? ChiSquaredSf(statistic, df) : 1, df};
}

std::vector<double> QuantileEdges(Sample sample, int bins) {
  const std::vector<double> ascending = Sorted(sample);
  std::vector<double> edges;
  for (int i = 1; i < bins; ++i) {
    edges.push_back(SortedQuantile(ascending, static_cast<double>(i) / bins));
  }
  return edges;
}

std::vector<int64_t> BinCounts(Sample sample, std::span<const double> edges) {
  std::vector<int64_t> counts(edges.size() + 1, 0);
  for (const double x : sample) {
    const auto bin = std::lower_bound(edges.begin(), edges.end(), x) - edges.begin();
    ++counts[static_cast<size_t>(bin)];
  }
  return counts;
}

double PopulationStabilityIndex(Counts a, Counts b, double floor) {
  const Shares shares = MakeShares(a, b);
  if (!shares.valid) return kNone;
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    const double p = std::max(shares.p[i], floor);
    const double q = std::max(shares.q[i], floor);
    sum += (p - q) * std::log(p / q);
  }
  return sum;
}

double JensenShannonDistance(Counts a, Counts b) {
  const Shares shares = MakeShares(a, b);
  if (!shares.valid) return kNone;
  double nats = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    const double middle = (shares.p[i] + shares.q[i]) / 2;
    nats += Relative(shares.p[i], middle) + Relative(shares.q[i], middle);
  }
  return std::sqrt(std::max(0.0, nats / 2 / std::log(2.0)));
}

double KullbackLeibler(Counts a, Counts b) {
  const Shares shares = MakeShares(a, b);
  if (!shares.valid) return kNone;
  double nats = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) nats += Relative(shares.p[i], shares.q[i]);
  return nats;
}

double HellingerDistance(Counts a, Counts b) {
  const Shares shares = MakeShares(a, b);
  if (!shares.valid) return kNone;
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    const double off = std::sqrt(shares.p[i]) - std::sqrt(shares.q[i]);
    sum += off * off;
  }
  return std::sqrt(sum / 2);
}

namespace {

/// The integral of f(F_a - F_b) over the line.
template <typename F>
double IntegrateDifference(Sample a, Sample b, F f) {
  if (a.empty() || b.empty()) return kNone;
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  double area = 0, height = 0, previous = 0;
  WalkMerged(Sorted(a), Sorted(b), [&](double value, size_t, size_t, size_t i, size_t j) {
    if (height != 0) area += height * (value - previous);
    previous = value;
    height = f(static_cast<double>(i) / n - static_cast<double>(j) / m);
  });
  return area;
}

}  // namespace

double WassersteinDistance(Sample a, Sample b) {
  return IntegrateDifference(a, b, [](double d) { return std::abs(d); });
}

double EnergyDistance(Sample a, Sample b) {
  return std::sqrt(2 * IntegrateDifference(a, b, [](double d) { return d * d; }));
}

}  // namespace leat::statistics
