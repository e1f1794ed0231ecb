#include "experiments/exploration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.h"

namespace leat::experiments {
namespace {

constexpr uint64_t kDrawComponent = 0x62616e646974;  ///< "bandit"

/// What the others leave, for `best`.
void GiveRest(std::vector<double>& p, size_t best) {
  double others = 0;
  for (size_t a = 0; a < p.size(); ++a) {
    if (a != best) others += p[a];
  }
  p[best] = std::max(0.0, 1 - others);
}

}  // namespace

size_t Best(std::span<const double> scores) {
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

std::vector<double> EpsilonGreedy(double epsilon, size_t best, size_t actions) {
  std::vector<double> p(actions, epsilon / static_cast<double>(actions));
  if (best < actions) GiveRest(p, best);
  return p;
}

std::vector<double> Softmax(std::span<const double> scores, double lambda) {
  std::vector<double> p(scores.size());
  if (p.empty()) return p;
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const double s : scores) most = std::max(most, lambda * s);
  for (size_t a = 0; a < p.size(); ++a) sum += p[a] = std::exp(lambda * scores[a] - most);
  for (double& x : p) x /= sum;
  return p;
}

void EnforceMinimum(std::vector<double>& p, double mass, bool raise_zeros) {
  const auto counts = [&](double x) { return raise_zeros || x > 0; };
  const auto support = static_cast<size_t>(std::count_if(p.begin(), p.end(), counts));
  if (support == 0) return;
  const double floor = std::min(1.0, mass) / static_cast<double>(support);
  std::vector<bool> raised(p.size(), false);
  for (size_t round = 0; round <= p.size(); ++round) {
    double held = 0, free = 0;
    bool changed = false;
    for (size_t a = 0; a < p.size(); ++a) {
      if (!counts(p[a])) continue;
      if (!raised[a] && p[a] < floor) raised[a] = changed = true;
      (raised[a] ? held : free) += raised[a] ? floor : p[a];
    }
    if (!changed && round > 0) break;
    for (size_t a = 0; a < p.size(); ++a) {
      if (!counts(p[a])) continue;
      if (raised[a]) {
        p[a] = floor;
      } else if (free > 0) {
        p[a] *= std::max(0.0, 1 - held) / free;
      }
    }
    if (!changed) break;
  }
}

std::vector<double> SquareCb(std::span<const double> costs, double gamma) {
  std::vector<double> scores(costs.size());
  std::transform(costs.begin(), costs.end(), scores.begin(), [](double c) { return -c; });
  return InverseGap(scores, gamma);
}

std::vector<double> InverseGap(std::span<const double> scores, double gamma, double floor) {
  std::vector<double> p(scores.size());
  if (p.empty()) return p;
  const size_t best = Best(scores);
  const double k = static_cast<double>(p.size());
  for (size_t a = 0; a < p.size(); ++a) {
    p[a] = std::max(1 / (k + gamma * (scores[best] - scores[a])), floor / k);
  }
  GiveRest(p, best);
  return p;
}

double Ucb1(double mean, double alpha, double total, double n) {
  if (!(n > 0)) return std::numeric_limits<double>::infinity();
  return mean + alpha * std::sqrt(2 * std::log(std::max(1.0, total)) / n);
}

std::vector<double> MixFloor(std::span<const double> w, double floor) {
  std::vector<double> p(w.size());
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  const double k = static_cast<double>(w.size());
  for (size_t a = 0; a < p.size(); ++a) {
    p[a] = floor + (1 - k * floor) * (sum > 0 ? w[a] / sum : 1 / k);
  }
  return p;
}

size_t Draw(std::span<const double> p, double u) {
  double sum = 0;
  size_t last = 0;
  for (size_t a = 0; a < p.size(); ++a) {
    if (p[a] > 0) last = a;
    sum += p[a];
    if (u < sum) return a;
  }
  return last;  // The sum is below 1 by rounding only.
}

double DrawOf(uint64_t seed, uint64_t id) {
  return CounterRandom(seed, kDrawComponent, id).Uniform();
}

}  // namespace leat::experiments
